"""Prints how the feature engine compares with hand-written Polars that follows the same known-at rule, as ratios.

Run ``python benchmarks/features.py`` where ``demo/data`` holds the flights of 2013.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl

from trimaran.data.declaration import Feature, Moment, Table
from trimaran.data.features import FeatureEngine

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


def seconds(act: Callable[[], object], repeats: int) -> float:
    """Return the median time of an act."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        act()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def same(left: pl.DataFrame, right: pl.DataFrame) -> int:
    """Return how many values differ by more than rounding; null equals only null."""
    equal = (((pl.col("l") - pl.col("r")).abs() <= 1e-9) | (pl.col("l").is_null() & pl.col("r").is_null())).fill_null(
        value=False
    )
    return sum(
        pl.DataFrame({"l": left[name], "r": right[name]}).select((~equal).sum()).item() for name in ("wind", "dep", "arr")
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("demo/data"))
    data = parser.parse_args().data
    if not (data / "flights.parquet").exists() or not (data / "weather.parquet").exists():
        print(f"no flights.parquet and weather.parquet in {data}: prepare them with examples/flights/prepare.py")
        return
    flights, weather = pl.read_parquet(data / "flights.parquet"), pl.read_parquet(data / "weather.parquet")
    engine = declared(flights, weather)
    recent = flights.sort("sched_dep").slice(100_000, RECENT)
    batch = recent.slice(RECENT - 1_000, BATCH)
    print(f"{'rows asked':>12} {'history':>10} {'differences':>12} {'prepare':>9} {'compute':>9}   (by hand = 1.00)")
    for asked, past, repeats in ((flights, flights, 5), (batch, recent, 200)):
        start, end = past["sched_dep"].min(), past["sched_dep"].max()
        hours = weather.filter(pl.col("time_hour").is_between(start - timedelta(days=1), end))

        def prepare(past: pl.DataFrame = past, hours: pl.DataFrame = hours) -> dict[str, object]:
            return {"flights": engine.prepare("flights", past), "weather": engine.prepare("weather", hours)}

        history = prepare()
        differences = same(engine.compute(asked, history), by_hand(asked, past, hours))
        floor = seconds(lambda asked=asked, past=past, hours=hours: by_hand(asked, past, hours), repeats)
        first = seconds(prepare, repeats) / floor
        then = seconds(lambda asked=asked, history=history: engine.compute(asked, history), repeats) / floor
        print(f"{asked.height:>12,} {past.height:>10,} {differences:>12,} {first:>9.2f} {then:>9.2f}")


if __name__ == "__main__":
    main()
