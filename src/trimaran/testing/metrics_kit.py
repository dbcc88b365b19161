"""The laws of ``MetricStore``; each takes an empty store."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import polars as pl

from trimaran.core.errors import InputError
from trimaran.core.ports import MetricStore
from trimaran.testing.laws import holds, refuses

NOON = datetime(2013, 7, 1, 12, 0, 0, 123456, tzinfo=UTC)


def points(name: str, values: Sequence[float], first: int = 0) -> pl.DataFrame:
    """Return one metric's points, a step and a second apart."""
    steps = range(first, first + len(values))
    return pl.DataFrame(
        {"name": [name] * len(values), "step": steps, "value": values, "at": [NOON + timedelta(seconds=n) for n in steps]},
        schema={"name": pl.String, "step": pl.Int64, "value": pl.Float64, "at": pl.Datetime("us", "UTC")},
    )


def points_come_back_as_they_were(store: MetricStore) -> None:
    """Order by name, step, then writing; every float survives, and a run sees its own points only."""
    values = [0.1, -0.0, math.inf, -math.inf, math.nan, 5e-324]
    store.log("run-1", points("loss", values, first=3), key="b")
    store.log("run-1", pl.concat([points("loss", [9.0]), points("auc", [0.5, 0.6])]), key="a")
    store.log("run-2", points("loss", [7.0]), key="a")
    found = store.points("run-1")
    expected = pl.concat([points("auc", [0.5, 0.6]), points("loss", [9.0]), points("loss", values, first=3)])
    holds(found.schema == expected.schema and found.equals(expected), "points come back as they were")
    holds(math.copysign(1, found.filter(pl.col("step") == 4)["value"][0]) == -1, "the sign of zero survives")
    holds(store.points("run-1", ["auc"]).height == 2, "some metrics may be asked for")
    holds(store.points("nobody").height == 0 and store.points("nobody").schema == expected.schema, "no run has no points")


def the_same_step_twice_keeps_both(store: MetricStore) -> None:
    """Show them in the order they were written in."""
    store.log("run", points("loss", [2.0]), key="1")
    store.log("run", points("loss", [1.0]), key="2")
    holds(store.points("run")["value"].to_list() == [2.0, 1.0], "both are there, the first one first")


def a_key_is_logged_once(store: MetricStore) -> None:
    """Change nothing for the same key of the same run, also from many threads at once."""
    with ThreadPoolExecutor(8) as threads:
        new = list(threads.map(lambda _: store.log("run", points("loss", [1.0, 2.0]), key="once"), range(8)))
    holds(sorted(new) == [0] * 7 + [2], "one of them was new")
    holds(store.points("run").height == 2, "the points are there once")
    holds(store.log("other", points("loss", [1.0]), key="once") == 1, "a key belongs to its run")


def faulty_points_are_refused_whole(store: MetricStore) -> None:
    """Name every column that is missing or empty, and write nothing."""
    lacking = points("loss", [1.0]).drop("step")
    refuses(InputError, lambda: store.log("run", lacking, key="a"), "a missing column is refused")
    empty = points("loss", [1.0, 2.0]).with_columns(value=pl.Series([1.0, None]))
    refuses(InputError, lambda: store.log("run", empty, key="a"), "an empty value is refused")
    words = points("loss", [1.0]).with_columns(value=pl.lit("much"))
    refuses(InputError, lambda: store.log("run", words, key="a"), "a value that is no number is refused")
    holds(store.points("run").height == 0, "nothing was written")
    holds(store.log("run", points("loss", []), key="b") == 0, "no points are no fault")


def removed_points_are_gone_and_weigh_nothing(store: MetricStore) -> None:
    """Remove every point of the runs asked for, and of no other."""
    for run in ("one", "two", "three"):
        store.log(run, points("loss", [1.0, 2.0]), key="a")
    holds(store.weight(["one", "two"]) == 2 * store.weight(["three"]) > 0, "they weigh alike")
    store.remove(["one", "two", "none of that name"])
    holds(store.points("one").height == store.points("two").height == store.weight(["one"]) == 0, "they are gone")
    holds(store.points("three").height == 2, "the other run is whole")


LAWS: tuple[Callable[[MetricStore], None], ...] = (
    points_come_back_as_they_were,
    the_same_step_twice_keeps_both,
    a_key_is_logged_once,
    faulty_points_are_refused_whole,
    removed_points_are_gone_and_weigh_nothing,
)
