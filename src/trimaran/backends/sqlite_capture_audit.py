"""What an auditor asks of the captures in SQLite: counted and compared inside the database, on connections that cannot write."""

from __future__ import annotations

import math
import struct
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from trimaran.backends.closing import Closing
from trimaran.backends.sqlite_files import column_pages, reader
from trimaran.core.canon import fingerprint
from trimaran.core.clock import to_micros

_MOMENT = pl.Datetime("us", "UTC")
_PREDICTIONS: Mapping[str, Any] = {
    "who": pl.Int64(),
    "what": pl.Int64(),
    "version": pl.Int32(),
    "role": pl.String(),
    "scored": pl.Boolean(),
    "width": pl.Int32(),
    "event_at": pl.Int64(),
    "asked_at": pl.Int64(),
}
_LABELS: Mapping[str, Any] = {"who": pl.Int64(), "what": pl.Int64(), "known": pl.Boolean(), "joined_at": pl.Int64()}
_NUMBERS = struct.Struct("<qqdd").pack
_TRUTH = struct.Struct("<dqq").pack
_FAR = 2**63 - 1


class SqliteCaptureAudit(Closing):
    """A ``CaptureAudit`` of the file that ``SqliteCaptures`` writes; not for several threads.

    Fingerprints are taken as the rows stream by; about 40 bytes are kept of each row asked for.
    """

    def __init__(self, path: Path) -> None:
        self._connection = reader(path)
        self._closes = (self._connection.close,)
        self._connection.create_function("who", 1, _who, deterministic=True)
        self._connection.create_function("what", 7, _what, deterministic=True)
        self._connection.create_function("truth", 3, _truth, deterministic=True)

    def predictions(self, product: str, *, after: datetime | None = None, until: datetime | None = None) -> pl.DataFrame:
        """Return the fingerprints of predictions with after < asked_at <= until."""
        query = """SELECT who(id), what(role || ' ' || mode || ' ' || notes || caller || ifnull(char(31) || grouped, ''), features, event_at, asked_at, score, seconds, probabilities),
                version, role, score IS NOT NULL, length(features) / 8, event_at, asked_at
            FROM predictions WHERE product = ? AND asked_at > ? AND asked_at <= ?"""
        return self._frame(query, (product, *_bounds(after, until)), _PREDICTIONS)

    def labels(self, product: str, *, after: datetime | None = None, until: datetime | None = None) -> pl.DataFrame:
        """Return the fingerprints of labels with after < joined_at <= until."""
        query = """SELECT who(id), truth(value, known_at, joined_at), value IS NOT NULL, joined_at
            FROM labels WHERE product = ? AND joined_at > ? AND joined_at <= ?"""
        return self._frame(query, (product, *_bounds(after, until)), _LABELS)

    def named(self, product: str, who: Collection[int]) -> dict[int, str]:
        """Return the ids that predictions or labels still hold, of some fingerprints."""
        wanted = set(who)
        found: dict[int, str] = {}
        for table in ("predictions", "labels") if wanted else ():
            ids = self._connection.execute(f"SELECT DISTINCT id FROM {table} WHERE product = ?", (product,))  # noqa: S608  our own names
            found |= {print_: each for (each,) in ids if (print_ := _who(each)) in wanted}
        return found

    def waiting(self, product: str, until: datetime) -> list[str]:
        """Return the predicted ids, asked at or before a moment, that have no label."""
        query = """SELECT DISTINCT id FROM predictions p WHERE product = ? AND asked_at <= ?
            AND NOT EXISTS (SELECT 1 FROM labels l WHERE l.product = p.product AND l.id = p.id)"""
        return [each for (each,) in self._connection.execute(query, (product, to_micros(until)))]

    def unasked(self, product: str) -> list[str]:
        """Return the labelled ids that no version ever predicted."""
        query = """SELECT id FROM labels l WHERE product = ?
            AND NOT EXISTS (SELECT 1 FROM predictions p WHERE p.product = l.product AND p.id = l.id) ORDER BY id"""
        return [each for (each,) in self._connection.execute(query, (product,))]

    def _frame(self, query: str, values: Sequence[object], columns: Mapping[str, Any]) -> pl.DataFrame:
        parts = []
        for page in column_pages(self._connection.execute(query, tuple(values)), len(columns)):
            series = zip(columns.items(), page, strict=True)
            parts.append(pl.DataFrame([pl.Series(name, found, dtype, strict=False) for (name, dtype), found in series]))
        moments = [name for name in columns if name.endswith("_at")]
        return pl.concat(parts).with_columns(pl.col(moments).cast(_MOMENT))


def _who(name: str) -> int:
    return fingerprint(name.encode())


def _what(
    words: str, features: bytes, event_at: int, asked_at: int, score: float | None, seconds: float, chances: bytes | None
) -> int:
    # Measured on 300,000 rows: packed numbers take half the time of written ones.
    return fingerprint(
        _NUMBERS(event_at, asked_at, math.nan if score is None else score, seconds)
        + features
        + words.encode()
        + (chances or b"")
    )


def _truth(value: float | None, known_at: int, joined_at: int) -> int:
    return fingerprint(_TRUTH(math.nan if value is None else value, known_at, joined_at))


def _bounds(after: datetime | None, until: datetime | None) -> tuple[int, int]:
    return (-_FAR if after is None else to_micros(after), _FAR if until is None else to_micros(until))
