"""Metric points in one SQLite file: a row for each metric of a batch, its points packed in columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import polars as pl

from trimaran.backends.closing import Closing
from trimaran.backends.group_commit import GroupCommit
from trimaran.backends.sqlite_files import Readers, closing_writer, create, transaction, writer
from trimaran.core.errors import Fault, InputError

POINTS = pl.Schema({"name": pl.String(), "step": pl.Int64(), "value": pl.Float64(), "at": pl.Datetime("us", "UTC")})
"""The columns of points; ``at`` in microseconds."""

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS batches (run TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (run, key)) WITHOUT ROWID",
    """CREATE TABLE IF NOT EXISTS points (
        run TEXT NOT NULL, name TEXT NOT NULL, steps BLOB NOT NULL, numbers BLOB NOT NULL, moments BLOB NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS points_of_run ON points (run, name)",
)
_BATCH = "INSERT INTO batches VALUES (?, ?) ON CONFLICT DO NOTHING"
_POINTS = "INSERT INTO points VALUES (?, ?, ?, ?, ?)"
_WEIGHT = """SELECT ifnull(sum(length(name) + length(steps) + length(numbers) + length(moments)), 0) FROM points
    WHERE run IN (SELECT value FROM json_each(?))"""
_REMOVE = ("DELETE FROM points WHERE run = ?", "DELETE FROM batches WHERE run = ?")
_READ = "SELECT name, steps, numbers, moments FROM points WHERE run = ? ORDER BY name, rowid"

_Chunk = tuple[str, str, bytes, bytes, bytes]


class SqliteMetrics(Closing):
    """A ``MetricStore`` in one file; the batches of all threads that wait share one transaction.

    >>> import tempfile
    >>> from datetime import UTC, datetime
    >>> store = SqliteMetrics(Path(tempfile.mkdtemp()) / "metrics.db")
    >>> now = datetime(2013, 7, 1, tzinfo=UTC)
    >>> store.log("run-1", pl.DataFrame({"name": ["loss"], "step": [1], "value": [0.7], "at": [now]}), key="1")
    1
    >>> store.points("run-1")["value"].to_list()
    [0.7]
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        create(path, _SCHEMA)
        self._connection = writer(path)
        self._readers = Readers(path)
        self._group: GroupCommit[tuple[str, str, list[_Chunk], int], int] = GroupCommit(self._commit)
        self._closes = (self._group.close, self._connection.close, self._readers.close)

    def log(self, run: str, points: pl.DataFrame, *, key: str) -> int:
        """Write points of a run, unless the key was logged before, and return how many were new, once they are on the disk."""
        return self.submit(run, points, key=key).result()

    def submit(self, run: str, points: pl.DataFrame, *, key: str) -> Future[int]:
        """Queue points and return the future of how many were new, done once they are on the disk."""
        given = _checked(points)
        return self._group.submit((run, key, _chunks(run, given), given.height))

    def points(self, run: str, names: Sequence[str] = ()) -> pl.DataFrame:
        """Return the points of a run, of some metrics (all when empty), in order of name, step, then writing."""
        rows = self._readers.connection.execute(_READ, (run,)).fetchall()
        wanted = [row for row in rows if not names or row[0] in names]
        lengths = [len(row[1]) // 8 for row in wanted]
        name, steps, numbers, moments = zip(*wanted, strict=True) if wanted else ((), (), (), ())
        frame = pl.DataFrame(
            [
                pl.Series("name", name, pl.String)[np.repeat(np.arange(len(name)), lengths)],
                pl.Series("step", np.frombuffer(b"".join(steps), "<i8")),
                pl.Series("value", np.frombuffer(b"".join(numbers), "<f8")),
                pl.Series("at", np.frombuffer(b"".join(moments), "<i8")).cast(POINTS["at"]),
            ]
        )
        return frame.sort("name", "step", maintain_order=True)

    def weight(self, runs: Sequence[str]) -> int:
        """Return the bytes of the points of some runs."""
        (count,) = self._readers.connection.execute(_WEIGHT, (json.dumps(list(runs)),)).fetchone()
        return int(count)

    def remove(self, runs: Sequence[str]) -> None:
        """Remove the points of some runs that have ended, with their keys, run by run: others may log in between."""
        with closing_writer(self.path) as connection:
            connection.execute("PRAGMA secure_delete=ON")
            for run in runs:
                with transaction(connection, self.path):
                    for statement in _REMOVE:
                        connection.execute(statement, (run,))

    def _commit(self, take: Callable[[], Sequence[tuple[str, str, list[_Chunk], int]]]) -> list[int | Exception]:
        with transaction(self._connection, self.path):
            results: list[int | Exception] = []
            for run, key, chunks, height in take():
                fresh = self._connection.execute(_BATCH, (run, key)).rowcount == 1
                if fresh:
                    self._connection.executemany(_POINTS, chunks)
                results.append(height if fresh else 0)
        return results


def _checked(points: pl.DataFrame) -> pl.DataFrame:
    missing = [name for name in POINTS if name not in points.columns]
    faults = [Fault(what=f"column {name!r} is missing", remedy=f"give {', '.join(POINTS)}") for name in missing]
    if faults:
        raise InputError("points", faults)
    try:
        given = points.select(pl.col(name).cast(dtype) for name, dtype in POINTS.items())
    except pl.exceptions.PolarsError as error:
        what = f"the columns are {dict(points.schema)}: {str(error).splitlines()[0]}"
        raise InputError("points", [Fault(what=what, remedy=f"give {POINTS}")]) from error
    empty = [name for name in POINTS if given[name].null_count()]
    faults = [
        Fault(what=f"{given[name].null_count()} points have no {name}", where=name, remedy="leave those points out")
        for name in empty
    ]
    if faults:
        raise InputError("points", faults)
    return given


def _chunks(run: str, points: pl.DataFrame) -> list[_Chunk]:
    parts = points.partition_by("name", maintain_order=True) if points["name"].n_unique() > 1 else [points]
    return [
        (
            run,
            part["name"][0],
            part["step"].to_numpy().astype("<i8").tobytes(),
            part["value"].to_numpy().astype("<f8").tobytes(),
            part["at"].cast(pl.Int64).to_numpy().astype("<i8").tobytes(),
        )
        for part in parts
        if part.height
    ]
