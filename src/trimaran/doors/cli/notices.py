"""trimaran notices: messages to people, and what became of each."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Annotated

import typer

from trimaran.app.views import Told, moment
from trimaran.app.views import notices as notices_of
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption, open_book
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)


class Only(StrEnum):
    """Which notices are listed."""

    SENT = "sent"
    WAITING = "waiting"
    SENDING = "sending"
    FAILED = "failed"
    UNSENT = "unsent"


@app.command()
def notices(
    only: Annotated[Only | None, typer.Option("--only", help="Those that stand like this, and no others.")] = None,
    product: ProductOption = None,
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """List the messages to people: sent, waiting or failed, and why."""
    book = open_book(workspace, product)
    found = [one for one in notices_of(book) if only is None or one.state == only]
    if json:
        print_json(found)
        return
    if not found:
        say(f"Nobody was told anything about {book.product}." if only is None else f"No notice is {only}.")
        return
    rows = [(moment(one.at), one.to, f"{one.subject}\n{one.text}", one.state, _how(one)) for one in found]
    counts = Counter(one.state for one in found)
    say(
        table(("when (UTC)", "*to", "*what", "state", "*how it stands"), rows),
        ", ".join(f"{count:,} {state}" for state, count in counts.items()),
    )


def _how(one: Told) -> str:
    if one.sent_at is not None:
        return f"{moment(one.sent_at)}, {one.reason}"
    tried = f" ({one.attempts} tried)" if one.attempts else ""
    again = f"; again at {moment(one.until)}" if one.until is not None and one.state == "waiting" else ""
    return f"{one.reason}{tried}{again}"
