"""trimaran balance: control totals of every hand-over."""

from __future__ import annotations

import typer

from trimaran.app.views import day, totals
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption, open_book
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)


@app.command()
def balance(product: ProductOption = None, workspace: WorkspaceOption = None, *, json: JsonOption = False) -> None:
    """Show the control totals; exit code 1 when one does not balance."""
    book = open_book(workspace, product)
    found = totals(book)
    if json:
        print_json(found)
    else:
        rows = [
            (
                one.name,
                f"{one.entered:,}",
                ", ".join(f"{count:,} {where}" for where, count in one.left.items() if count) or "-",
                f"{one.missing:,}",
                f"{one.closings:,}",
                day(one.until),
            )
            for one in found
        ]
        say(table(("*hand-over", ">entered", "*where it went", ">missing", ">closings", "until (UTC)"), rows))
    if not all(one.closed for one in found):
        raise typer.Exit(1)
