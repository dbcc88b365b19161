"""trimaran quality: estimated and realised, side by side."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from trimaran.app.views import decimal, measured, outlook
from trimaran.app.views import quality as quality_of
from trimaran.core.nouns import Measurement
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption, open_book
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)


class By(StrEnum):
    """How long a row's period is."""

    WEEK = "week"
    MONTH = "month"


@app.command()
def quality(
    by: Annotated[By, typer.Option("--by", help="The period of a row.")] = By.MONTH,
    product: ProductOption = None,
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Show estimated and realised quality over time, each with its 95 % interval, beside what the gate accepted and the alarm."""
    book = open_book(workspace, product)
    points = quality_of(book, "week" if by is By.WEEK else "month")
    ahead = outlook(book)
    if json:
        print_json({"periods": points, "outlook": ahead})
        return
    rows = [
        (
            point.name,
            f"{point.answered:,}",
            f"{point.labelled:,}",
            _narrow(point.estimated),
            _narrow(point.realised),
            decimal(point.accepted),
            decimal(point.alarm),
        )
        for point in points
    ]
    period = "week of" if by is By.WEEK else "month"
    columns = (
        period,
        ">answered",
        ">labelled",
        f"estimated {book.measure}",
        f"*realised {book.measure}",
        ">gate",
        ">alarm",
    )
    say(table(columns, rows) if rows else f"{book.product} has answered nothing yet.")
    if ahead is not None:
        say(f"forecast: {ahead.words}.")


def _narrow(seen: Measurement) -> str:
    # A row fits a terminal of 80: no measure leaves 0 to 1, so that the ends of its interval need no leading zero.
    if seen.value is None or seen.low is None or seen.high is None:
        return measured(seen)
    low, high = (f"{end:.3f}".removeprefix("0") for end in (seen.low, seen.high))
    return f"{seen.value:.3f} {low}-{high}"
