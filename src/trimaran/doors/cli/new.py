"""trimaran new: a product file from a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from trimaran.app.starting import Asked, start
from trimaran.core.config import default_person
from trimaran.doors.cli.options import JsonOption
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The product's name, like flight-delay.")],
    source: Annotated[Path, typer.Option("--from", metavar="FILE", help="The table: Parquet, CSV or JSON lines.")],
    label: Annotated[str, typer.Option(metavar="COLUMN", help="The column to predict.")],
    time: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="When each row is predicted; without it the split is by a hash.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="What names a row, or the series that a row is a point of.")
    ] = None,
    task: Annotated[
        Literal["binary", "regression", "multiclass"] | None,
        typer.Option(help="What the label is, where its values mislead."),
    ] = None,
    booster: Annotated[
        Literal["lightgbm", "xgboost", "none"] | None,
        typer.Option(help="What to compare besides scikit-learn; without it, LightGBM or XGBoost where one is installed."),
    ] = None,
    forecast: Annotated[
        str | None, typer.Option(metavar="HORIZON", help="Tell the label so long ahead, like 1d or 6h, by lags of itself.")
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="COLUMN", help="Of a forecast: what names a series.")] = None,
    rank_by: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Rank the rows of each of its values by the label, a grade from 0.")
    ] = None,
    folder: Annotated[Path, typer.Option(help="Where the product file is written.")] = Path(),
    *,
    json: JsonOption = False,
) -> None:
    """Begin a product from a table alone: writes its file, with task, split, features, models and a gate to decide on."""
    started = start(name, Asked(source, label, time, key, task, booster, forecast, by, rank_by), folder, default_person())
    if json:
        print_json(started)
        return
    say(f"{started.file}: {started.task}, {started.labelled:,} of {started.rows:,} rows have a label")
    if started.group is not None:
        say(f"ranked within {started.group}: {started.groups:,} groups")
    if started.naive is not None:
        say(f"lags: {', '.join(started.lags)}; to beat: the value {started.naive} before")
    say(f"models to compare: {', '.join(started.models)}")
    if started.left_out:
        say(table(("left out", "why"), list(started.left_out.items())))
    say(f"read it, decide where it says DECIDE, then: trimaran run {started.file}")
