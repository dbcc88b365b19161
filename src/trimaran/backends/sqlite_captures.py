"""Captured predictions and their labels in one SQLite file: written before every answer, read by every monitor."""

from __future__ import annotations

import json
import math
import sqlite3
import struct
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from trimaran.backends.closing import Closing
from trimaran.backends.group_commit import GroupCommit
from trimaran.backends.sqlite_files import Readers, closing_writer, column_pages, create, scrub, transaction, writer
from trimaran.core.clock import from_micros, to_micros
from trimaran.core.errors import Fault, InputError
from trimaran.core.nouns import Label, Prediction

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS predictions (
        product TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, role TEXT NOT NULL, mode TEXT NOT NULL,
        event_at INTEGER NOT NULL, asked_at INTEGER NOT NULL, score REAL, features BLOB NOT NULL,
        notes TEXT NOT NULL, seconds REAL NOT NULL, caller TEXT NOT NULL, probabilities BLOB, grouped TEXT)""",
    "CREATE UNIQUE INDEX IF NOT EXISTS predictions_once ON predictions (product, id, version)",
    "CREATE INDEX IF NOT EXISTS predictions_by_time ON predictions (product, event_at)",
    # Every turn closes the window of what was asked and joined since the one before: without these it reads the whole past.
    "CREATE INDEX IF NOT EXISTS predictions_by_asking ON predictions (product, asked_at)",
    """CREATE TABLE IF NOT EXISTS labels (
        product TEXT NOT NULL, id TEXT NOT NULL, value REAL, known_at INTEGER NOT NULL, joined_at INTEGER NOT NULL,
        PRIMARY KEY (product, id)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS labels_by_joining ON labels (product, joined_at)",
)
_WRITTEN = """product, id, version, role, mode, event_at, asked_at, score, features, notes, seconds, caller, probabilities,
    grouped"""
_RECORD = f"""INSERT INTO predictions ({_WRITTEN}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (product, id, version) DO NOTHING"""  # noqa: S608  our own names
_JOIN = "INSERT INTO labels VALUES (?, ?, ?, ?, ?) ON CONFLICT (product, id) DO NOTHING"
_ANSWERS = f"SELECT {_WRITTEN} FROM predictions WHERE product = ? AND id IN (SELECT value FROM json_each(?))"  # noqa: S608  likewise
_WAITING = """SELECT DISTINCT p.id FROM predictions p WHERE p.product = ? AND p.event_at >= ?
    AND NOT EXISTS (SELECT 1 FROM labels l WHERE l.product = p.product AND l.id = p.id)"""
_FRAME = """SELECT {columns} FROM predictions p {labels}
    WHERE p.product = ? AND p.event_at >= ? AND p.event_at < ? ORDER BY p.event_at, p.rowid"""
_LABELS = "LEFT JOIN labels l ON l.product = p.product AND l.id = p.id"
_MARK = "SELECT count(*), ifnull(sum(rowid), 0) FROM predictions WHERE product = ? AND event_at >= ? AND event_at < ?"
_COUNTS = """WITH answered AS (
        SELECT DISTINCT id FROM predictions
        WHERE product = :product AND event_at >= :since AND role IN ('live', 'canary') AND score IS NOT NULL)
    SELECT (SELECT count(*) FROM predictions WHERE product = :product AND event_at >= :since), count(*), count(l.value),
        sum(l.id IS NULL), sum(l.id IS NOT NULL AND l.value IS NULL)
    FROM answered a LEFT JOIN labels l ON l.product = :product AND l.id = a.id"""
_REMOVABLE = """WITH gone AS (
        SELECT id, event_at, role IN ('live', 'canary') AND score IS NOT NULL AS answers FROM predictions
        WHERE product = :product AND {which}),
    answered AS (SELECT DISTINCT id FROM gone WHERE answers)
    SELECT (SELECT count(*) FROM gone), count(*), count(l.value), ifnull(sum(l.id IS NULL), 0),
        ifnull(sum(l.id IS NOT NULL AND l.value IS NULL), 0),
        (SELECT count(*) FROM labels WHERE product = :product AND id IN {ids}),
        (SELECT min(event_at) FROM gone), (SELECT max(event_at) FROM gone)
    FROM answered a LEFT JOIN labels l ON l.product = :product AND l.id = a.id"""
_NAMED = "(SELECT value FROM json_each(:ids))"
_OLD = "(SELECT id FROM predictions WHERE product = :product AND event_at < :before)"
_WEIGHT = """SELECT
    (SELECT ifnull(sum(length(CAST(product || id || role || mode || notes || caller || ifnull(grouped, '') AS BLOB)) + length(features) + 40), 0)
        FROM predictions WHERE product = :product AND {which}) +
    (SELECT ifnull(sum(length(CAST(product || id AS BLOB)) + 24), 0) FROM labels WHERE product = :product AND id IN {ids})"""
_DELETE = (
    "DELETE FROM predictions WHERE product = ? AND id IN (SELECT value FROM json_each(?))",
    "DELETE FROM labels WHERE product = ? AND id IN (SELECT value FROM json_each(?))",
)
_OLDEST = "SELECT rowid, id FROM predictions WHERE product = ? AND event_at < ? ORDER BY event_at, rowid LIMIT ?"
_TALLY = """SELECT p.version, count(*), count(l.value) FROM predictions p INDEXED BY predictions_once
    LEFT JOIN labels l ON l.product = p.product AND l.id = p.id WHERE p.product = ? GROUP BY p.version"""
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
    "probabilities": pl.Binary(),
    "group": pl.String(),
    "features": pl.Binary(),
}
_NAMED_OTHERWISE = {"group": "p.grouped"}  # GROUP is a word of SQL
_OF_LABELS = {"label": "l.value", "known_at": "l.known_at", "joined_at": "l.joined_at"}
_FAR = 2**63 - 1


class SqliteCaptures(Closing):
    """A ``CaptureStore`` in one file; the rows of all threads that wait share one transaction.

    >>> import tempfile
    >>> SqliteCaptures(Path(tempfile.mkdtemp()) / "captures.db").counts("flight-delay")["predictions"]
    0
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        create(path, _SCHEMA, form=3, added={"predictions": ("probabilities BLOB", "grouped TEXT")})
        self._connection = writer(path)
        self._readers = Readers(path)
        self._group: GroupCommit[tuple[str, list[tuple[object, ...]]], int] = GroupCommit(self._commit)
        self._closes = (self._group.close, self._connection.close, self._readers.close)

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

    def waiting(self, product: str, *, since: datetime) -> list[str]:
        """Return the ids, each once, that were predicted with ``since`` <= event_at and have no label."""
        return [each for (each,) in self._readers.connection.execute(_WAITING, (product, to_micros(since)))]

    def frame(
        self,
        product: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        columns: Collection[str] | None = None,
    ) -> pl.DataFrame:
        """Return predictions with since <= event_at < until in order of event_at, joined with their labels."""
        bounds = (-_FAR if since is None else to_micros(since), _FAR if until is None else to_micros(until))
        wanted = [name for name in _COLUMNS if (name in columns if columns is not None else name != "features")]
        query = _FRAME.format(
            columns=", ".join((_OF_LABELS | _NAMED_OTHERWISE).get(name, f"p.{name}") for name in wanted),
            labels=_LABELS if _OF_LABELS.keys() & wanted else "",
        )
        pages = column_pages(self._readers.connection.execute(query, (product, *bounds)), len(wanted))
        return pl.concat(pl.DataFrame(map(_series, wanted, page)) for page in pages)

    def mark(self, product: str, *, since: datetime, until: datetime) -> tuple[int, int]:
        """Return how many predictions have since <= event_at < until, and a number that is another when these are others."""
        bounds = (product, to_micros(since), to_micros(until))
        count, places = self._readers.connection.execute(_MARK, bounds).fetchone()
        return count, places

    def counts(self, product: str, *, since: datetime | None = None) -> Mapping[str, int]:
        """Return totals of what holds for ``since`` <= event_at; answered = labelled + waiting + unknowable."""
        bounds = {"product": product, "since": -_FAR if since is None else to_micros(since)}
        row = self._readers.connection.execute(_COUNTS, bounds).fetchone()
        names = ("predictions", "answered", "labelled", "waiting", "unknowable")
        return {name: count or 0 for name, count in zip(names, row, strict=True)}

    def tally(self, product: str) -> dict[int, tuple[int, int]]:
        """Return predictions and known labels by version, from the index; 0.15 seconds for 300,000 predictions."""
        return {version: (count, known) for version, count, known in self._readers.connection.execute(_TALLY, (product,))}

    def removable(
        self, product: str, *, ids: Sequence[str] | None = None, before: datetime | None = None
    ) -> tuple[Mapping[str, int], datetime | None, datetime | None]:
        """Return totals, as of ``counts`` and of ``labels``, of some ids or of event_at < before; first and last event_at."""
        return _removable(self._readers.connection, product, ids=ids, before=before)

    def weight(self, product: str, *, ids: Sequence[str] | None = None, before: datetime | None = None) -> int:
        """Return the bytes of the values of what ``removable`` counts, without indexes."""
        which, named = ("event_at < :before", _OLD) if ids is None else (f"id IN {_NAMED}", _NAMED)
        query = _WEIGHT.format(which=which, ids=named)
        return int(self._readers.connection.execute(query, _bounds(product, ids, before)).fetchone()[0])

    def erase(self, product: str, ids: Sequence[str]) -> int:
        """Remove every prediction and label of some ids, with their traces in the file and its log; return how many."""
        with closing_writer(self.path) as connection:
            with transaction(connection, self.path):
                removed = _delete(connection, product, ids)
            scrub(connection, self.path)
        return removed

    def trim(self, product: str, before: datetime, *, limit: int) -> Mapping[str, int]:
        """Remove the oldest predictions with event_at < before, ``limit`` at most, and their labels; return totals of these."""
        with closing_writer(self.path) as connection:
            connection.execute("PRAGMA secure_delete=ON")
            return self._trim(connection, product, before, limit)

    def _trim(self, connection: sqlite3.Connection, product: str, before: datetime, limit: int) -> Mapping[str, int]:
        with transaction(connection, self.path):
            rows = connection.execute(_OLDEST, (product, to_micros(before), limit)).fetchall()
            # A whole id goes at once: its versions answered about one event.
            ids = list(dict.fromkeys(id_ for _, id_ in rows))
            totals, _, _ = _removable(connection, product, ids=ids)
            _delete(connection, product, ids)
        return totals

    def _commit(self, take: Callable[[], Sequence[tuple[str, list[tuple[object, ...]]]]]) -> list[int | Exception]:
        with transaction(self._connection, self.path):
            return [_written(self._connection, statement, rows) for statement, rows in take()]


def _delete(connection: sqlite3.Connection, product: str, ids: Sequence[str]) -> int:
    before, given = connection.total_changes, (product, json.dumps(list(ids)))
    for statement in _DELETE:
        connection.execute(statement, given)
    return connection.total_changes - before


def _removable(
    connection: sqlite3.Connection, product: str, *, ids: Sequence[str] | None = None, before: datetime | None = None
) -> tuple[Mapping[str, int], datetime | None, datetime | None]:
    which, named = ("event_at < :before", _OLD) if ids is None else (f"id IN {_NAMED}", _NAMED)
    query = _REMOVABLE.format(which=which, ids=named)
    *counts, first, last = connection.execute(query, _bounds(product, ids, before)).fetchone()
    names = ("predictions", "answered", "labelled", "waiting", "unknowable", "labels")
    since, until = (None if one is None else from_micros(one) for one in (first, last))
    return dict(zip(names, counts, strict=True)), since, until


def _bounds(product: str, ids: Sequence[str] | None, before: datetime | None) -> dict[str, object]:
    return {
        "product": product,
        "ids": None if ids is None else json.dumps(list(ids)),
        "before": -_FAR if before is None else to_micros(before),
    }


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
    probabilities = prediction.probabilities
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
        struct.pack(f"<{len(probabilities)}d", *probabilities) if probabilities else None,
        prediction.group or None,
    )


def _unpacked(row: tuple[Any, ...]) -> Prediction:
    product, id_, version, role, mode, event_at, asked_at, score, features, notes, seconds, caller, chances, group = row
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
        probabilities=list(struct.unpack(f"<{len(chances) // 8}d", chances)) if chances else [],
        group=group or "",
    )


def _series(name: str, values: Sequence[Any]) -> pl.Series:
    if name == "features":
        return _vectors(values)
    if name == "probabilities":
        return _probabilities(values)
    series = pl.Series(name, values, _COLUMNS[name])
    if name.endswith("_at"):
        return series.cast(_MOMENT)
    return series.str.json_decode(pl.List(pl.String())) if name == "notes" else series


def _probabilities(blobs: Sequence[bytes | None]) -> pl.Series:
    none = pl.Series("probabilities", [None] * len(blobs), pl.List(pl.Float64()))
    if not any(blobs):
        return none
    found = _vectors([blob or b"" for blob in blobs]).alias("probabilities")
    return found.zip_with(pl.Series([blob is not None for blob in blobs]), none)


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
