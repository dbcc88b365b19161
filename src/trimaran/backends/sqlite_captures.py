"""Captured predictions and their labels in one SQLite file: written before every answer, read by every monitor."""

from __future__ import annotations

import json
import math
import sqlite3
import struct
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from trimaran.backends.group_commit import GroupCommit
from trimaran.backends.sqlite_files import Readers, create, from_micros, to_micros, transaction, writer
from trimaran.core.errors import Fault, InputError
from trimaran.core.nouns import Label, Prediction

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS predictions (
        product TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, role TEXT NOT NULL, mode TEXT NOT NULL,
        event_at INTEGER NOT NULL, asked_at INTEGER NOT NULL, score REAL, features BLOB NOT NULL,
        notes TEXT NOT NULL, seconds REAL NOT NULL, caller TEXT NOT NULL)""",
    "CREATE UNIQUE INDEX IF NOT EXISTS predictions_once ON predictions (product, id, version)",
    "CREATE INDEX IF NOT EXISTS predictions_by_time ON predictions (product, event_at)",
    """CREATE TABLE IF NOT EXISTS labels (
        product TEXT NOT NULL, id TEXT NOT NULL, value REAL, known_at INTEGER NOT NULL, joined_at INTEGER NOT NULL,
        PRIMARY KEY (product, id)) WITHOUT ROWID""",
)
_RECORD = "INSERT INTO predictions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (product, id, version) DO NOTHING"
_JOIN = "INSERT INTO labels VALUES (?, ?, ?, ?, ?) ON CONFLICT (product, id) DO NOTHING"
_ANSWERS = "SELECT * FROM predictions WHERE product = ? AND id IN (SELECT value FROM json_each(?))"
_FRAME = """SELECT p.id, p.version, p.role, p.mode, p.event_at, p.asked_at, p.score, p.seconds, p.notes,
        l.value, l.known_at, l.joined_at {features}
    FROM predictions p LEFT JOIN labels l ON l.product = p.product AND l.id = p.id
    WHERE p.product = ? AND p.event_at >= ? AND p.event_at < ? ORDER BY p.event_at, p.rowid"""
_COUNTS = """WITH answered AS (
        SELECT DISTINCT id FROM predictions
        WHERE product = :product AND event_at >= :since AND role IN ('live', 'canary') AND score IS NOT NULL)
    SELECT (SELECT count(*) FROM predictions WHERE product = :product AND event_at >= :since), count(*), count(l.value),
        sum(l.id IS NULL), sum(l.id IS NOT NULL AND l.value IS NULL)
    FROM answered a LEFT JOIN labels l ON l.product = :product AND l.id = a.id"""
_MOMENT = pl.Datetime("us", "UTC")
_COLUMNS: Mapping[str, Any] = {
    "id": pl.String(),
    "version": pl.Int32(),
    "role": pl.String(),
    "mode": pl.String(),
    "event_at": pl.Int64(),
    "asked_at": pl.Int64(),
    "score": pl.Float64(),
    "seconds": pl.Float64(),
    "notes": pl.String(),
    "label": pl.Float64(),
    "known_at": pl.Int64(),
    "joined_at": pl.Int64(),
}
_FAR = 2**63 - 1


class SqliteCaptures:
    """A ``CaptureStore`` in one file; the rows of all threads that wait share one transaction.

    >>> import tempfile
    >>> SqliteCaptures(Path(tempfile.mkdtemp()) / "captures.db").counts("flight-delay")["predictions"]
    0
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        create(path, _SCHEMA)
        self._connection = writer(path)
        self._readers = Readers(path)
        self._group: GroupCommit[tuple[str, list[tuple[object, ...]]], int] = GroupCommit(self._commit)

    def record(self, predictions: Sequence[Prediction]) -> int:
        """Write predictions and return how many were new, once they are on the disk."""
        return self.submit(predictions).result()

    def submit(self, predictions: Sequence[Prediction]) -> Future[int]:
        """Queue predictions and return the future of how many were new, done once they are on the disk."""
        faults = [fault for prediction in predictions for fault in _prediction_faults(prediction)]
        if faults:
            raise InputError("predictions", faults)
        return self._group.submit((_RECORD, [_packed(prediction) for prediction in predictions]))

    def join(self, labels: Sequence[Label]) -> int:
        """Write labels and return how many were new, once they are on the disk."""
        faults = [fault for label in labels for fault in _label_faults(label)]
        if faults:
            raise InputError("labels", faults)
        rows: list[tuple[object, ...]] = [
            (label.product, label.id, label.value, to_micros(label.known_at), to_micros(label.joined_at)) for label in labels
        ]
        return self._group.submit((_JOIN, rows)).result()

    def answers(self, product: str, ids: Sequence[str]) -> dict[tuple[str, int], Prediction]:
        """Return the captured predictions of some ids, by (id, version)."""
        rows = self._readers.connection.execute(_ANSWERS, (product, json.dumps(list(ids))))
        return {(prediction.id, prediction.version): prediction for prediction in map(_unpacked, rows)}

    def frame(
        self, product: str, *, since: datetime | None = None, until: datetime | None = None, features: bool = False
    ) -> pl.DataFrame:
        """Return predictions with since <= event_at < until in order of event_at, joined with their labels."""
        bounds = (-_FAR if since is None else to_micros(since), _FAR if until is None else to_micros(until))
        query = _FRAME.format(features=", p.features" if features else "")
        rows = self._readers.connection.execute(query, (product, *bounds)).fetchall()
        columns = list(zip(*rows, strict=True)) or [()] * (len(_COLUMNS) + features)
        series = [pl.Series(name, values, dtype) for (name, dtype), values in zip(_COLUMNS.items(), columns, strict=False)]
        frame = pl.DataFrame(series).with_columns(
            pl.col("event_at", "asked_at", "known_at", "joined_at").cast(_MOMENT),
            pl.col("notes").str.json_decode(pl.List(pl.String())),
        )
        return frame.with_columns(_vectors(columns[-1])) if features else frame

    def counts(self, product: str, *, since: datetime | None = None) -> Mapping[str, int]:
        """Return totals of what holds for ``since`` <= event_at; answered = labelled + waiting + unknowable."""
        bounds = {"product": product, "since": -_FAR if since is None else to_micros(since)}
        row = self._readers.connection.execute(_COUNTS, bounds).fetchone()
        names = ("predictions", "answered", "labelled", "waiting", "unknowable")
        return {name: count or 0 for name, count in zip(names, row, strict=True)}

    def _commit(self, take: Callable[[], Sequence[tuple[str, list[tuple[object, ...]]]]]) -> list[int | Exception]:
        with transaction(self._connection, self.path):
            return [_written(self._connection, statement, rows) for statement, rows in take()]


def _written(connection: sqlite3.Connection, statement: str, rows: list[tuple[object, ...]]) -> int:
    before = connection.total_changes
    connection.executemany(statement, rows)
    return connection.total_changes - before


def _prediction_faults(prediction: Prediction) -> list[Fault]:
    if math.isfinite(prediction.score or 0.0) and math.isfinite(prediction.seconds):
        return []
    what = f"score {prediction.score} in {prediction.seconds} seconds is not finite"
    return [
        Fault(
            what=what,
            where=f"{prediction.product} {prediction.id}",
            remedy="give null for the score of a version that failed to answer",
        )
    ]


def _label_faults(label: Label) -> list[Fault]:
    if label.value is None or math.isfinite(label.value):
        return []
    where = f"{label.product} {label.id}"
    return [Fault(what=f"value {label.value} is not finite", where=where, remedy="send null when it will never be known")]


def _packed(prediction: Prediction) -> tuple[object, ...]:
    features = [math.nan if value is None else value for value in prediction.features]
    return (
        prediction.product,
        prediction.id,
        prediction.version,
        prediction.role,
        prediction.mode,
        to_micros(prediction.event_at),
        to_micros(prediction.asked_at),
        prediction.score,
        struct.pack(f"<{len(features)}d", *features),
        json.dumps(prediction.notes) if prediction.notes else "[]",
        prediction.seconds,
        prediction.caller,
    )


def _unpacked(row: tuple[Any, ...]) -> Prediction:
    product, id_, version, role, mode, event_at, asked_at, score, features, notes, seconds, caller = row
    values = struct.unpack(f"<{len(features) // 8}d", features)
    return Prediction(
        product=product,
        id=id_,
        version=version,
        role=role,
        mode=mode,
        event_at=from_micros(event_at),
        asked_at=from_micros(asked_at),
        score=score,
        features=[None if math.isnan(value) else value for value in values],
        notes=json.loads(notes),
        seconds=seconds,
        caller=caller,
    )


def _vectors(blobs: Sequence[bytes]) -> pl.Series:
    # One reinterpretation for each width of vector, not one for each row: versions differ in width, rows of one do not.
    widths = np.fromiter((len(blob) // 8 for blob in blobs), np.int64, len(blobs))
    parts, places = [], []
    for width in np.unique(widths):
        rows = np.flatnonzero(widths == width).tolist()
        flat = pl.Series("features", np.frombuffer(b"".join(blobs[row] for row in rows), "<f8")).fill_nan(None)
        parts.append(_lists(flat, len(rows), int(width)))
        places.append(rows)
    if not parts:
        return pl.Series("features", [], pl.List(pl.Float64()))
    return pl.concat(parts).gather(np.argsort(np.concatenate(places)))


def _lists(flat: pl.Series, rows: int, width: int) -> pl.Series:
    if not width:
        return pl.Series("features", [[]] * rows, pl.List(pl.Float64()))
    return flat.reshape((rows, width)).arr.to_list()
