"""trimaran versions: what became of each version."""

from __future__ import annotations

import typer

from trimaran.app.views import VersionRow, day, days, decimal, version_rows
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption, open_book
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)


@app.command()
def versions(product: ProductOption = None, workspace: WorkspaceOption = None, *, json: JsonOption = False) -> None:
    """List a product's versions and what became of them."""
    book = open_book(workspace, product)
    found = version_rows(book)
    if json:
        print_json(found)
        return
    rows = [(_named(row), row.fate, _when(row), row.cause, decimal(row.quality), "; ".join(row.reasons)) for row in found]
    if rows:
        say(table(("version", "fate", "when", "*cause", f">{book.measure}", "*why"), rows))
    else:
        say(f"{book.product} has no version yet: train one with `trimaran run PRODUCT.py`.")


def _named(row: VersionRow) -> str:
    return f"{row.name} ({', '.join(row.aliases)})" if row.aliases else row.name


def _when(row: VersionRow) -> str:
    if row.live_from is None:
        return day(row.since)
    return f"since {day(row.live_from)}" if row.live_until is None else days(row.live_from, row.live_until)
