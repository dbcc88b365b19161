"""Prints what tracked runs cost: to make, to log to, to find; beside bare SQLite with as many bytes, and MLflow.

Runs are acknowledged when the run that they are parts of has ended, and the clock stops there. MLflow writes to SQLite in
process, without its server, each run when it is made; its SQLite does not wait for the disk at each commit.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # what all benchmarks share

import json
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable

import trimaran as tm
from figures import Figure, arguments, report, seconds
from peers import program
from trimaran.app.runs import Finder
from trimaran.app.workspace import Workspace

RUNS, POINTS, ROUNDS = 10_000, 200_000, 3
GROUP = 256
RUNS_LIMIT, POINT_LIMIT = 2_000.0, 5.0
MLFLOW, MLFLOW_RUNS, MLFLOW_POINTS = "3.17.2", 300, 300
QUERY = "metrics.auc > 0.8 and params.depth <= 6 and status = 'finished' order by metrics.auc desc limit 100"


def swept(folder: Path) -> float:
    """Return the runs a second with 10 parameters and 10 metrics each, until the last one is on the disk."""
    tm.start_run("warm", workspace=folder, sample=0).end()
    began = time.perf_counter()
    with tm.start_run("sweep", workspace=folder, sample=0):
        for number in range(RUNS):
            with tm.start_run("one") as run:
                run.log_parameters({"depth": number % 10, **{f"p{place}": number + place / 7 for place in range(9)}})
                run.log_metrics({"auc": number / RUNS, **{f"m{place}": number / (place + 3) for place in range(9)}})
    return RUNS / (time.perf_counter() - began)


def bare(folder: Path, size: int) -> float:
    """Return the rows a second of as many bytes, with a unique key, that SQLite commits durably in groups."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE runs (seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, body BLOB NOT NULL)")
    body = b"x" * size
    began = time.perf_counter()
    for start in range(0, RUNS, GROUP):
        connection.execute("BEGIN IMMEDIATE")
        rows = [(f"run-{number}", body) for number in range(start, min(start + GROUP, RUNS))]
        connection.executemany("INSERT INTO runs (key, body) VALUES (?, ?)", rows)
        connection.execute("COMMIT")
    elapsed = time.perf_counter() - began
    connection.close()
    return RUNS / elapsed


def logged(folder: Path) -> tuple[float, float]:
    """Return the microseconds of the loop that a point costs, and the points a second until all are on the disk."""
    run = tm.start_run("loop", workspace=folder)
    began = time.perf_counter()
    for step in range(POINTS):
        run.log_metric("loss", 1 / (step + 1), step)
    looped = time.perf_counter() - began
    run.end()
    whole = time.perf_counter() - began
    return 1e6 * (looped - _empty()) / POINTS, POINTS / whole


def appended() -> float:
    """Return the microseconds in which Python appends a tuple to a list, the least that keeps a point."""
    kept: list[tuple[str, float, int]] = []
    began = time.perf_counter()
    for step in range(POINTS):
        kept.append(("loss", 1 / (step + 1), step))  # noqa: PERF401  the loop is what is timed
    return 1e6 * (time.perf_counter() - began - _empty()) / POINTS


def alone(folder: Path) -> float:
    """Return the milliseconds of a short run that is acknowledged by itself."""

    def one() -> None:
        with tm.start_run("alone", workspace=folder, sample=0) as run:
            run.log_metric("auc", 0.5)

    return 1000 * seconds(one, 50)


def mlflow(folder: Path) -> dict[str, float] | None:
    """Return what the same costs with MLflow, None where it cannot be had."""
    found = program("mlflow", MLFLOW, "mlflow", "sqlalchemy<2.1", "pyarrow<26")
    if found is None:
        return None
    script = Path(__file__).parent / "tracking_mlflow.py"
    command = [found.parent / "python", script, folder, str(MLFLOW_RUNS), str(MLFLOW_POINTS)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    said: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return said


def median(act: Callable[[Path], float], folder: Path) -> float:
    """Return the median of an act in folders of its own."""
    found = []
    for number in range(ROUNDS):
        place = folder / f"{act.__name__}-{number}"
        place.mkdir()
        found.append(act(place))
    return statistics.median(found)


def _empty() -> float:
    began = time.perf_counter()
    for step in range(POINTS):
        _ = 1 / (step + 1)
    return time.perf_counter() - began


def main() -> int:
    """Measure and print; return 1 when a promise was not kept."""
    given = arguments(__doc__ or "").parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runs = median(swept, folder)
        workspace = Workspace.existing(folder / "swept-0")
        size = len(workspace.ledger.store.get(RUNS // 2).body)
        floor = median(lambda place: bare(place, size), folder)
        point, durable = (
            statistics.median(column) for column in zip(*(logged(folder / "points") for _ in range(ROUNDS)), strict=True)
        )
        finder = Finder(workspace)
        began = time.perf_counter()
        finder.find("limit 1")
        first = time.perf_counter() - began
        found = finder.find(QUERY)
        search = 1000 * seconds(lambda: finder.find(QUERY), 9)
        long = Finder(Workspace.existing(folder / "points"))
        row = long.find('name contains "loop" limit 1').runs[0]
        history = 1000 * seconds(lambda: long.points(row, ["loss"]), 5)
        peer = mlflow(folder)
        figures = [
            Figure(name="runs with 10 parameters and 10 metrics", value=runs, unit="/s", floor=floor, floor_name=f"bare SQLite, rows of {size} bytes", limit=RUNS_LIMIT, at_least=True),
            Figure(name="a metric point, of the loop's time", value=point, unit="us", floor=appended(), floor_name="a tuple appended to a list", limit=POINT_LIMIT),
            Figure(name="metric points until on the disk", value=durable, unit="/s"),
            Figure(name="a run acknowledged by itself", value=alone(folder / "alone"), unit="ms"),
            Figure(name=f"search of {RUNS:,} runs, {found.total:,} of them found", value=search, unit="ms"),
            Figure(name="the first search, which reads them in", value=first, unit="s"),
            Figure(name=f"history of {POINTS:,} points", value=history, unit="ms"),
        ]  # fmt: skip
        if peer is not None:
            figures += [
                Figure(name="MLflow: runs", value=peer["runs"], unit="/s", floor=runs, floor_name="trimaran"),
                Figure(name="MLflow: a point", value=peer["point"], unit="us", floor=point, floor_name="trimaran"),
                Figure(name=f"MLflow: search of {MLFLOW_RUNS} runs", value=peer["search"], unit="ms", floor=search, floor_name=f"trimaran, of {RUNS:,} runs"),
            ]  # fmt: skip
    return report(figures, given.json)


if __name__ == "__main__":
    sys.exit(main())
