"""Everything that the files of captures, of online facts and of metrics hold, row by row and in the order it was written, for a move."""

from __future__ import annotations

import io
import json
import math
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec
import polars as pl

from trimaran.backends.sqlite_captures import SqliteCaptures
from trimaran.backends.sqlite_files import closing_writer, reader, transaction
from trimaran.backends.sqlite_metrics import SqliteMetrics
from trimaran.backends.sqlite_online import SqliteOnline
from trimaran.core.clock import from_micros
from trimaran.core.nouns import Label, Mode, Prediction, Role

_PAGE = 5000
_PREDICTIONS = """SELECT rowid, product, id, version, role, mode, event_at, asked_at, score, features, notes, seconds, caller,
        probabilities, grouped
    FROM predictions WHERE rowid > ? AND rowid <= ? AND product IN (SELECT value FROM json_each(?)) ORDER BY rowid LIMIT ?"""
_LABELS = """SELECT product, id, value, known_at, joined_at FROM labels
    WHERE product = ? AND id > ? ORDER BY id LIMIT ?"""
_BATCHES = """SELECT mark, product, name, key, rows FROM batches
    WHERE mark > ? AND mark <= ? AND product IN (SELECT value FROM json_each(?)) ORDER BY mark LIMIT 1"""
_SPENT = """SELECT product, name, key FROM keys k WHERE product = ? AND NOT EXISTS (
        SELECT 1 FROM batches b WHERE b.product = k.product AND b.name = k.name AND b.key = k.key) ORDER BY name, key"""
_LOGGED = "SELECT run, key FROM batches ORDER BY run, key"
_POINTS = "SELECT run, name, steps, numbers, moments FROM points WHERE run = ? ORDER BY rowid"


class PredictionLine(msgspec.Struct, frozen=True, kw_only=True):
    """A captured prediction on its way; ``features`` are little-endian doubles, so that each comes bit by bit; µs of UTC."""

    product: str
    id: str
    version: int
    role: Role
    mode: Mode
    event_at: int
    asked_at: int
    score: float | None
    features: bytes
    notes: list[str]
    seconds: float
    caller: str
    probabilities: bytes = b""
    group: str = ""

    def prediction(self, product: str) -> Prediction:
        """Return the prediction, of the name that its product has here."""
        values = struct.unpack(f"<{len(self.features) // 8}d", self.features)
        return Prediction(
            product=product,
            id=self.id,
            version=self.version,
            role=self.role,
            mode=self.mode,
            event_at=from_micros(self.event_at),
            asked_at=from_micros(self.asked_at),
            score=self.score,
            features=[None if math.isnan(value) else value for value in values],
            notes=self.notes,
            seconds=self.seconds,
            caller=self.caller,
            probabilities=list(struct.unpack(f"<{len(self.probabilities) // 8}d", self.probabilities)),
            group=self.group,
        )


class LabelLine(msgspec.Struct, frozen=True, kw_only=True):
    """A label on its way; times are microseconds of UTC."""

    product: str
    id: str
    value: float | None
    known_at: int
    joined_at: int

    def label(self, product: str) -> Label:
        """Return the label, of the name that its product has here."""
        known_at, joined_at = from_micros(self.known_at), from_micros(self.joined_at)
        return Label(product=product, id=self.id, value=self.value, known_at=known_at, joined_at=joined_at)


class FactsLine(msgspec.Struct, frozen=True, kw_only=True):
    """A batch of online facts on its way: an Arrow IPC stream, None for a key whose batch was trimmed."""

    product: str
    table: str
    key: str
    rows: bytes | None


class PointsLine(msgspec.Struct, frozen=True, kw_only=True):
    """A key under which a run logged points, before any of its points; or points of one metric, packed as they are kept."""

    run: str
    key: str | None = None
    name: str = ""
    steps: bytes = b""
    numbers: bytes = b""
    moments: bytes = b""


def predictions(captures: SqliteCaptures, products: Sequence[str]) -> Iterator[PredictionLine]:
    """Yield the predictions of some products that are there now; those written meanwhile are not among them."""
    connection = reader(captures.path)
    try:
        (last,) = connection.execute("SELECT ifnull(max(rowid), 0) FROM predictions").fetchone()
        after = 0
        while rows := connection.execute(_PREDICTIONS, (after, last, json.dumps(products), _PAGE)).fetchall():
            after = rows[-1][0]
            yield from map(_prediction, rows)
    finally:
        connection.close()


def labels(captures: SqliteCaptures, products: Sequence[str]) -> Iterator[LabelLine]:
    """Yield the labels of some products, in order of id; those written meanwhile may be among them."""
    connection = reader(captures.path)
    try:
        for product in products:
            after = ""
            while rows := connection.execute(_LABELS, (product, after, _PAGE)).fetchall():
                after = rows[-1][1]
                for _, name, value, known_at, joined_at in rows:
                    yield LabelLine(product=product, id=name, value=value, known_at=known_at, joined_at=joined_at)
    finally:
        connection.close()


def facts(online: SqliteOnline, products: Sequence[str]) -> Iterator[FactsLine]:
    """Yield the keys whose batches were trimmed, then the batches that are there now, oldest first."""
    connection = reader(online.path)
    try:
        (last,) = connection.execute("SELECT ifnull(max(mark), 0) FROM batches").fetchone()
        for product in products:
            for _, table, key in connection.execute(_SPENT, (product,)):
                yield FactsLine(product=product, table=table, key=key, rows=None)
        mark, named = 0, json.dumps(products)
        while row := connection.execute(_BATCHES, (mark, last, named)).fetchone():
            mark, product, table, key, rows = row
            yield FactsLine(product=product, table=table, key=key, rows=rows)
    finally:
        connection.close()


def points(metrics: SqliteMetrics, wanted: Callable[[str], bool]) -> Iterator[PointsLine]:
    """Yield what the wanted runs logged: of each run its keys, then its points, in the order they were written."""
    connection = reader(metrics.path)
    try:
        connection.execute("BEGIN")  # keys and points of one moment
        for run, keys in groupby(connection.execute(_LOGGED), key=itemgetter(0)):
            if not wanted(run):
                continue
            yield from (PointsLine(run=run, key=key) for _, key in keys)
            for _, name, steps, numbers, moments in connection.execute(_POINTS, (run,)):
                yield PointsLine(run=run, name=name, steps=steps, numbers=numbers, moments=moments)
    finally:
        connection.close()


def place_points(metrics: SqliteMetrics, lines: Iterable[PointsLine], named: Callable[[str], str]) -> None:
    """Write what runs logged, under the names that the runs have here, all or nothing; a run that is there stays as it is."""
    with closing_writer(metrics.path) as connection, transaction(connection, metrics.path):
        fresh: dict[str, bool] = {}
        for line in lines:
            run = named(line.run)
            if run not in fresh:
                found = connection.execute("SELECT 1 FROM batches WHERE run = ?", (run,)).fetchone()
                fresh[run] = found is None
            if fresh[run] and line.key is not None:
                connection.execute("INSERT INTO batches VALUES (?, ?)", (run, line.key))
            elif fresh[run]:
                row = (run, line.name, line.steps, line.numbers, line.moments)
                connection.execute("INSERT INTO points VALUES (?, ?, ?, ?, ?)", row)


def place_facts(online: SqliteOnline, line: FactsLine, product: str) -> None:
    """Write a batch, or only its key where it was trimmed; one that is there stays as it is."""
    if line.rows is not None:
        online.push(product, line.table, pl.read_ipc_stream(io.BytesIO(line.rows)), key=line.key)
        return
    with closing_writer(online.path) as connection, transaction(connection, online.path):
        connection.execute("INSERT INTO keys VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (product, line.table, line.key))


def _prediction(row: tuple[Any, ...]) -> PredictionLine:
    _, product, name, version, role, mode, event_at, asked_at, score, features, notes, seconds, caller, chances, group = row
    return PredictionLine(
        product=product,
        id=name,
        version=version,
        role=role,
        mode=mode,
        event_at=event_at,
        asked_at=asked_at,
        score=score,
        features=features,
        notes=json.loads(notes),
        seconds=seconds,
        caller=caller,
        probabilities=chances or b"",
        group=group or "",
    )
