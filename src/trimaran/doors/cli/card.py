"""trimaran card: what a person should know of a version before relying on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trimaran.app.registry.cards import model_card
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption, open_book
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)


@app.command()
def card(
    version: Annotated[str, typer.Argument(metavar="vN", help="The version, like v3, or an alias.")],
    html: Annotated[
        Path | None, typer.Option("--html", help="Write it as a page into this file.", show_default=False)
    ] = None,
    product: ProductOption = None,
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Show the model card of a version: what it is, its data, quality, slices, limits and approvals, all from the record."""
    found = model_card(open_book(workspace, product), version)
    if html is not None:
        html.write_text(found.page(), encoding="utf-8")
    if json:
        print_json(found)
    elif html is not None:
        say(f"the card of {found.product} {found.version} is in {html}")
    else:
        say(f"model card: {found.title}")
        for title, lines in found.sections():
            say("", table((title, "*"), lines))
