"""Prints how the feature engine compares with hand-written Polars that follows the same known-at rule."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # what all benchmarks share

from datetime import timedelta

import polars as pl

from figures import Figure, arguments, report, seconds
from flights import DATA, prepared
from trimaran.data.declaration import Feature, Moment, Table
from trimaran.data.features import FeatureEngine, Prepared

WIDTH = timedelta(hours=3)
AHEAD = timedelta(hours=2)
BATCH = 16
RECENT = 5_000


def declared(flights: pl.DataFrame, weather: pl.DataFrame) -> FeatureEngine:
    """Return an engine of one newest and two window features."""
    known = {"dep_delay": "dep_time", "arr_delay": "arr_time"}
    tables = {
        "flights": Table("flights", "", ("flight_id",), time="sched_dep", known=known, schema=flights.schema),
        "weather": Table("weather", "", ("origin",), time="time_hour", max_age=WIDTH, schema=weather.schema),
    }
    features = [
        Feature("wind", "weather", "newest", lambda speed: speed * 1.15, ("wind_speed",), on=("origin",)),
        Feature("dep", "flights", "window", lambda delay: delay.mean(), ("dep_delay",), on=("origin",), window=WIDTH),
        Feature("arr", "flights", "window", lambda delay: delay.mean(), ("arr_delay",), on=("origin",), window=WIDTH),
    ]
    return FeatureEngine(features, tables, "flights", Moment("sched_dep", -AHEAD))


def by_hand(asked: pl.DataFrame, flights: pl.DataFrame, weather: pl.DataFrame) -> pl.DataFrame:
    """Return the same features as a Polars expert would write them for one table at a time."""
    rows = asked.select("origin", t=pl.col("sched_dep") - AHEAD).with_row_index("asked")
    newest = rows.sort("t").join_asof(
        weather.select("origin", "time_hour", wind=pl.col("wind_speed") * 1.15).sort("time_hour"),
        left_on="t",
        right_on="time_hour",
        by="origin",
        tolerance=WIDTH,
        check_sortedness=False,  # both sides were sorted on the line above
    )
    answer = rows.join(newest.select("asked", "wind"), on="asked", how="left", maintain_order="left")
    for name, value, known in (("dep", "dep_delay", "dep_time"), ("arr", "arr_delay", "arr_time")):
        answer = answer.join(running_mean(rows, flights, value, known, name), on="asked", how="left", maintain_order="left")
    return answer.select("wind", "dep", "arr")


def running_mean(rows: pl.DataFrame, flights: pl.DataFrame, value: str, known: str, name: str) -> pl.DataFrame:
    """Return a window's mean: what entered less what left by then, as two running sums and two as-of joins."""
    fact = flights.select("origin", value, enters=pl.max_horizontal("sched_dep", known), leaves=pl.col("sched_dep") + WIDTH)
    # max_horizontal passes over nulls, but a flight that never left is never known.
    fact = fact.filter(flights[known].is_not_null() & (pl.col("enters") < pl.col("leaves")))
    answer = rows.sort("t")
    for edge in ("enters", "leaves"):
        sums = fact.sort(edge).select(
            "origin",
            pl.col(edge),
            pl.col(value).fill_null(0).cum_sum().over("origin").alias(f"{edge}_sum"),
            pl.col(value).is_not_null().cum_sum().over("origin").alias(f"{edge}_count"),
        )
        answer = answer.join_asof(sums, left_on="t", right_on=edge, by="origin", check_sortedness=False).drop(edge)
    total = pl.col("enters_sum").fill_null(0) - pl.col("leaves_sum").fill_null(0)
    count = pl.col("enters_count").cast(pl.Int64).fill_null(0) - pl.col("leaves_count").cast(pl.Int64).fill_null(0)
    return answer.select("asked", pl.when(count > 0).then(total / count).alias(name))


def same(left: pl.DataFrame, right: pl.DataFrame) -> int:
    """Return how many values differ by more than rounding; null equals only null."""
    equal = (((pl.col("l") - pl.col("r")).abs() <= 1e-9) | (pl.col("l").is_null() & pl.col("r").is_null())).fill_null(
        value=False
    )
    return sum(
        pl.DataFrame({"l": left[name], "r": right[name]}).select((~equal).sum()).item() for name in ("wind", "dep", "arr")
    )


def main() -> int:
    """Measure a year of rows and a request's few, and print them; return 1 when a value is not what it is by hand."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--data", type=Path, default=DATA, help="a folder named data")
    given = parser.parse_args()
    data = prepared(given.data)
    flights, weather = pl.read_parquet(data / "flights.parquet"), pl.read_parquet(data / "weather.parquet")
    recent = flights.sort("sched_dep").slice(100_000, RECENT)
    batch = recent.slice(RECENT - 1_000, BATCH)
    figures = [*compared(flights, flights, weather, repeats=5), *compared(batch, recent, weather, repeats=200)]
    return report(figures, given.json)


def compared(asked: pl.DataFrame, past: pl.DataFrame, weather: pl.DataFrame, repeats: int) -> list[Figure]:
    """Return the times of the engine beside those by hand, and how many values differ."""
    start, end = past.select(first=pl.col("sched_dep").min(), last=pl.col("sched_dep").max()).row(0)
    hours = weather.filter(pl.col("time_hour").is_between(start - timedelta(days=1), end))
    engine = declared(past, weather)

    def prepare() -> dict[str, Prepared]:
        return {"flights": engine.prepare("flights", past), "weather": engine.prepare("weather", hours)}

    history = prepare()
    differences = same(engine.compute(asked, history), by_hand(asked, past, hours))
    floor = 1000 * seconds(lambda: by_hand(asked, past, hours), repeats)
    first = 1000 * seconds(prepare, repeats)
    then = 1000 * seconds(lambda: engine.compute(asked, history), repeats)
    name, hand = f"features of {asked.height:,} rows over {past.height:,}", "by hand in Polars"
    return [
        Figure(name=f"{name}: prepare, once", value=first, unit="ms", floor=floor, floor_name=hand),
        Figure(name=f"{name}: compute", value=then, unit="ms", floor=floor, floor_name=hand),
        Figure(name=f"{name}: values that differ", value=differences, unit="", limit=0),
    ]


if __name__ == "__main__":
    sys.exit(main())
