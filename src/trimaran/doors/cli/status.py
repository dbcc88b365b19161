"""trimaran status: every product at a glance."""

from __future__ import annotations

import typer

from trimaran.app.views import Card, days, measured, moment, number, portfolio
from trimaran.doors.cli.options import JsonOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)


@app.command()
def status(workspace: WorkspaceOption = None, *, json: JsonOption = False) -> None:
    """Show every product at a glance."""
    cards = portfolio(open_workspace(workspace))
    if json:
        print_json(cards)
        return
    if not cards:
        say("No product yet: declare one and give it its first version with `trimaran run PRODUCT.py`.")
    for card in cards:
        _print(card)


def _print(card: Card) -> None:
    live = f"{card.live} since {moment(card.since)} UTC" if card.live else "nothing yet"
    behind = f", behind {card.behind}" if card.behind else ""
    rows = [
        ("owner", card.owner),
        ("live", live),
        ("on its way", (f"{card.candidate} in {card.candidate_stage}" if card.candidate else "nothing") + behind),
        (f"{card.measure}, estimated", measured(card.estimated)),
        (f"{card.measure}, realised", measured(card.quality)),
        ("worth", number(card.value)),
        ("answers of", days(card.quality_since, card.quality_until)),
        ("drift", f"{card.drift}: {card.drift_reason}"),
        (
            "waiting for people",
            f"{card.approvals} version{'s' if card.approvals > 1 else ''}" if card.approvals else "nobody",
        ),
        ("last", f"{moment(card.last.at)} {card.last.text}" if card.last else "-"),
    ]
    say(card.product, table(("what", "*now"), rows))
