"""trimaran notices: messages to people, as the ledger has them; nothing sends them yet."""

from __future__ import annotations

import typer

from trimaran.app.views import moment
from trimaran.app.views import notices as notices_of
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption, open_book
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)


@app.command()
def notices(product: ProductOption = None, workspace: WorkspaceOption = None, *, json: JsonOption = False) -> None:
    """List the messages to people on record; none is sent yet."""
    book = open_book(workspace, product)
    found = notices_of(book)
    if json:
        print_json(found)
        return
    rows = [(moment(one.at), one.to, one.subject, one.text) for one in found]
    say(
        table(("when (UTC)", "*to", "*subject", "*text"), rows)
        if rows
        else f"Nobody was told anything about {book.product}."
    )
