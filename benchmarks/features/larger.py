"""Features of ten times the data that memory allows: peak memory and time, in parts by key, each run in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # what all benchmarks share

import json
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import polars as pl
import psutil

from figures import Figure, arguments, report
from trimaran.backends.delta_tables import DeltaTables
from trimaran.backends.local_tasks import LocalExecutor
from trimaran.backends.scratch import Scratch
from trimaran.data.declaration import Feature, Moment, Table
from trimaran.data.features import READING, FeatureEngine, PartitionedEngine

MEGA = 1_000_000
COLUMNS = [f"c{number}" for number in range(16)]
WIDTH = 8 * (2 + len(COLUMNS))
"""Bytes of an event in memory: its key, its time and its columns."""

AT_ONCE = 50_000
"""Events in a delivery: about 7 MB."""

START, YEAR = np.datetime64("2024-01-01", "us"), 365 * 86_400
TABLES = {"events": Table("events", "", ("customer",), time="at"), "asked": Table("asked", "", ("id",), time="at")}


def engine() -> FeatureEngine:
    """Return an engine that looks up every column, and five windows."""
    newest = [
        Feature(f"last_{name}", "events", "newest", lambda column: column, (name,), on=("customer",)) for name in COLUMNS
    ]
    shapes: list[tuple[str, int, Callable[[pl.Expr], pl.Expr]]] = [
        ("sum", 7, lambda column: column.sum()),
        ("mean", 30, lambda column: column.mean()),
        ("count", 30, lambda column: column.count()),
        ("spread", 30, lambda column: column.std()),
        ("largest", 90, lambda column: column.max()),
    ]
    windows = [
        Feature(name, "events", "window", function, ("c0",), on=("customer",), window=timedelta(days=days))
        for name, days, function in shapes
    ]
    return FeatureEngine([*newest, *windows], TABLES, "asked", Moment("at"))


def make(folder: Path, rows: int) -> None:
    """Write a table of events, delivery by delivery, and a tenth as many rows that ask."""
    chance, store = np.random.default_rng(1), DeltaTables(folder / "tables")
    customers = max(rows // 200, 10)
    for first in range(0, rows, AT_ONCE):
        count = min(AT_ONCE, rows - first)
        values = {name: chance.normal(0, 50, count) for name in COLUMNS}
        store.append("events", _moments(chance, count, customers).with_columns(**values), key=str(first))
    asked = _moments(chance, rows // 10, customers).with_row_index("id")
    asked.write_parquet(folder / "asked.parquet", row_group_size=AT_ONCE)


def _moments(chance: np.random.Generator, count: int, customers: int) -> pl.DataFrame:
    at = pl.Series(START + chance.integers(0, YEAR, count).astype("timedelta64[s]")).dt.replace_time_zone("UTC")
    return pl.DataFrame({"customer": chance.integers(0, customers, count), "at": at})


def compute(folder: Path, memory: int) -> dict[str, float]:
    """Compute the features, in parts for a memory of more than 0, and return seconds, peak bytes and a sum over all values."""
    computed, events = engine(), DeltaTables(folder / "tables").read("events")
    asked = pl.scan_parquet(folder / "asked.parquet")
    before, started, total, rows = psutil.Process().memory_info().rss, time.perf_counter(), 0, 0
    if memory:
        with Scratch(folder / "scratch").folder() as scratch:
            for part in PartitionedEngine(computed, memory - READING, LocalExecutor()).compute(
                asked, {"events": events}, scratch
            ):
                total, rows = total + _digest(part), rows + part.height
    else:
        found = computed.compute(asked.collect(), {"events": computed.prepare("events", events.collect())})
        total, rows = _digest(found), found.height
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": time.perf_counter() - started, "peak": peak - before, "digest": total % 2**52, "rows": rows}


def _digest(rows: pl.DataFrame) -> int:
    """Return a number that is another one, but for one time in 2^52, when any bit of any row is."""
    return int(rows.hash_rows(seed=0).cast(pl.Int128).sum())


def measured(act: str, folder: Path, number: int) -> dict[str, float]:
    """Return what an act of this file says in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--act", act, "--folder", folder, "--number", str(number)],
        check=True,
        capture_output=True,
    )
    said: dict[str, float] = json.loads(done.stdout or "{}")
    return said


def main() -> int:
    """Measure, print, and return 1 when the memory was not enough."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--memory", type=int, default=200, help="what may be taken, in MB")
    parser.add_argument("--times", type=int, default=10, help="so many times more are the data")
    parser.add_argument("--act", choices=["make", "compute"])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--number", type=int, default=0)
    given = parser.parse_args()
    if given.act == "make":
        make(given.folder, given.number)
        return 0
    if given.act == "compute":
        print(json.dumps(compute(given.folder, given.number)))
        return 0
    memory = given.memory * MEGA
    with tempfile.TemporaryDirectory() as made:
        large, small = Path(made) / "large", Path(made) / "small"
        for folder, size in ((large, memory * given.times), (small, memory)):
            folder.mkdir()
            measured("make", folder, size // WIDTH)
        parts, few, whole = (
            measured("compute", large, memory),
            measured("compute", small, memory),
            measured("compute", small, 0),
        )
    if few["digest"] != whole["digest"] or parts["rows"] != memory * given.times // WIDTH // 10:
        print("in parts the values are others, or some are missing")
        return 1
    name = f"{given.times} times the data of {given.memory} MB"
    return report(
        [
            Figure(name=f"{name}: peak memory", value=parts["peak"] / MEGA, unit="MB", limit=given.memory),
            Figure(name=f"{name}: time", value=parts["seconds"], unit="s"),
            Figure(
                name="as much as memory: time in parts",
                value=few["seconds"],
                unit="s",
                floor=whole["seconds"],
                floor_name=f"at once, with a peak of {whole['peak'] / MEGA:.0f} MB",
            ),
        ],
        given.json,
    )


if __name__ == "__main__":
    sys.exit(main())
