"""trimaran drift: how far each column moved."""

from __future__ import annotations

import typer

from trimaran.app.views import DriftWeek, day, decimal
from trimaran.app.views import drift as drift_of
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption, open_book
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)


@app.command()
def drift(product: ProductOption = None, workspace: WorkspaceOption = None, *, json: JsonOption = False) -> None:
    """Show how far each column moved from the training data: the newest week, and the worst so far (PSI).

    A column drifts only beyond its limit: what is usual for it in the weeks of training.
    """
    book = open_book(workspace, product)
    weeks = drift_of(book)
    if json:
        print_json(weeks)
        return
    if not weeks:
        say(f"{book.product} was not watched yet.")
        return
    newest = max(week.start for week in weeks)
    worst: dict[tuple[str, str], DriftWeek] = {}
    for week in sorted(weeks, key=lambda one: one.loudness or 0.0):
        worst[week.kind, week.column] = week
    now = sorted((week for week in weeks if week.start == newest), key=lambda week: -(week.loudness or 0.0))
    rows = [
        (
            week.column if week.kind == "feature" else f"({week.kind})",
            week.outcome,
            f"{week.psi:.3f}",
            decimal(week.limit),
            f"{peak.psi:.3f}",
            decimal(peak.limit),
            day(peak.start),
        )
        for week in now
        for peak in [worst[week.kind, week.column]]
    ]
    columns = ("*column", "outcome", ">PSI", ">limit", ">worst", ">limit", "week of")
    say(f"week of {day(newest)}", table(columns, rows))
