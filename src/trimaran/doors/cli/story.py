"""trimaran story: a product's life as dated events."""

from __future__ import annotations

from typing import Annotated

import typer

from trimaran.app.views import moment
from trimaran.control.story import story as told
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption, open_book
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)


@app.command()
def story(
    product: ProductOption = None,
    workspace: WorkspaceOption = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also what happens every day.")] = False,
    json: JsonOption = False,
) -> None:
    """Tell a product's life as dated events."""
    book = open_book(workspace, product)
    events = told(book.workspace.ledger, book.product, quiet=not everything)
    if json:
        print_json(events)
        return
    rows = [
        (moment(event.at), event.sort, event.about.removeprefix(book.product).removeprefix("/"), event.text)
        for event in events
    ]
    say(table(("when (UTC)", "what", "about", "*in words"), rows))
