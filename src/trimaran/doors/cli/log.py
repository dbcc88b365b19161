"""trimaran log: the newest entries of the ledger."""

from __future__ import annotations

from typing import Annotated

import typer

from trimaran.app.views import moment, newest_entries, only_product
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)


@app.command()
def log(
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many.")] = 30,
    kind: Annotated[list[str] | None, typer.Option("--kind", help="Only entries of this kind; may be repeated.")] = None,
    product: ProductOption = None,
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """List the newest entries of the ledger; --json prints their records whole."""
    opened = open_workspace(workspace)
    meant = only_product(opened, product) if product is not None else None
    lines = newest_entries(opened, count, product=meant, kinds=kind or ())
    if json:
        print_json(lines)
        return
    if not lines:
        say("No entry of these kinds was written yet." if kind else "No entry was written yet.")
        return
    rows = [(str(line.seq), moment(line.at), line.actor, line.kind, line.subject, line.digest[:12]) for line in lines]
    say(table((">entry", "when (UTC)", "by", "kind", "*about", "digest"), rows))
