"""The newest facts in one SQLite file, as batches that servers read and keep in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from threading import Lock

import polars as pl

from trimaran.backends.closing import Closing
from trimaran.backends.selecting import selects
from trimaran.backends.sqlite_files import Readers, closing_writer, create, scrub, transaction, writer
from trimaran.core.clock import to_micros

_SCHEMA: Sequence[str] = (
    """CREATE TABLE IF NOT EXISTS batches (
        mark INTEGER PRIMARY KEY AUTOINCREMENT, product TEXT NOT NULL, name TEXT NOT NULL, key TEXT NOT NULL,
        rows BLOB NOT NULL, height INTEGER NOT NULL, newest INTEGER)""",
    "CREATE INDEX IF NOT EXISTS batches_of_product ON batches (product, mark)",
    """CREATE TABLE IF NOT EXISTS keys (
        product TEXT NOT NULL, name TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (product, name, key)) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS marks (product TEXT PRIMARY KEY, mark INTEGER NOT NULL) WITHOUT ROWID",
)
_KEY = "INSERT INTO keys VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_BATCH = "INSERT INTO batches (product, name, key, rows, height, newest) VALUES (?, ?, ?, ?, ?, ?)"
_MARK = "INSERT INTO marks VALUES (?, ?) ON CONFLICT (product) DO UPDATE SET mark = excluded.mark"
_OLD = "SELECT ifnull(sum(height), 0) FROM batches WHERE product = ? AND name = ? AND newest < ?"
_WEIGHT = "SELECT ifnull(sum(length(rows)), 0) FROM batches WHERE product = ? AND name = ? AND newest < ?"
_FORGET = "DELETE FROM batches WHERE product = ? AND name = ? AND newest < ?"


class SqliteOnline(Closing):
    """An ``OnlineStore`` in one file.

    Batches are Arrow IPC streams. A key belongs to a product's table and outlives the trimming of its batch.

    >>> import tempfile
    >>> store = SqliteOnline(Path(tempfile.mkdtemp()) / "online.db")
    >>> store.push("p", "weather", pl.DataFrame({"wind": [3.0]}), key="k")
    >>> mark, [(table, rows)] = store.since("p", 0)
    >>> store.mark("p") == mark, table, rows.height
    (True, 'weather', 1)
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        create(path, _SCHEMA)
        self._connection = writer(path)
        self._lock = Lock()
        self._readers = Readers(path)
        self._closes = (self._connection.close, self._readers.close)

    def push(self, product: str, table: str, rows: pl.DataFrame, *, key: str) -> None:
        """Write one batch, unless its key was pushed before, and return once it is on the disk."""
        batch = (product, table, key, _packed(rows), rows.height, _newest(rows))
        with self._lock, transaction(self._connection, self.path):
            if self._connection.execute(_KEY, (product, table, key)).rowcount:
                mark = self._connection.execute(_BATCH, batch).lastrowid
                self._connection.execute(_MARK, (product, mark))

    def since(self, product: str, mark: int) -> tuple[int, list[tuple[str, pl.DataFrame]]]:
        """Return the newest mark and every (table, rows) pushed after ``mark``, oldest first."""
        connection = self._readers.connection
        connection.execute("BEGIN")  # one view of both tables
        try:
            newest = self.mark(product)
            found = connection.execute(
                "SELECT name, rows FROM batches WHERE product = ? AND mark > ? ORDER BY mark", (product, mark)
            ).fetchall()
        finally:
            connection.execute("COMMIT")
        return newest, [(table, pl.read_ipc_stream(BytesIO(rows))) for table, rows in found]

    def mark(self, product: str) -> int:
        """Return the newest mark, 0 when nothing was pushed; about ten microseconds."""
        row = self._readers.connection.execute("SELECT mark FROM marks WHERE product = ?", (product,)).fetchone()
        return int(row[0]) if row else 0

    def removable(self, product: str, table: str, before: datetime) -> int:
        """Return how many rows ``trim`` would forget."""
        (rows,) = self._readers.connection.execute(_OLD, (product, table, to_micros(before))).fetchone()
        return int(rows)

    def weight(self, product: str, table: str, before: datetime) -> int:
        """Return the bytes of the batches that ``trim`` would forget."""
        (count,) = self._readers.connection.execute(_WEIGHT, (product, table, to_micros(before))).fetchone()
        return int(count)

    def trim(self, product: str, table: str, before: datetime) -> int:
        """Forget the batches whose every moment lies before ``before``; return the number of rows forgotten.

        A batch without a column of moments holds facts that do not age, and stays.
        """
        old = (product, table, to_micros(before))
        with self._lock, transaction(self._connection, self.path):
            (rows,) = self._connection.execute(_OLD, old).fetchone()
            self._connection.execute(_FORGET, old)
        return int(rows)

    def matching(self, product: str, criteria: Mapping[str, Collection[str]]) -> Mapping[str, pl.DataFrame]:
        """Return, by table, the facts whose text in any of some columns is wanted; one pushed often comes as often."""
        found: dict[str, list[pl.DataFrame]] = {}
        for _, name, rows in self._batches(self._readers.connection, product):
            chosen = rows.filter(selects(criteria, rows.columns))
            if chosen.height:
                found.setdefault(name, []).append(chosen)
        return {name: pl.concat(parts, how="diagonal_relaxed") for name, parts in found.items()}

    def erase(self, product: str, criteria: Mapping[str, Collection[str]]) -> int:
        """Remove what ``matching`` returns, with its traces in the file and its log; return how many rows."""
        removed = 0
        with closing_writer(self.path) as connection:
            with transaction(connection, self.path):
                for mark, _, rows in list(self._batches(connection, product)):
                    kept = rows.filter(~selects(criteria, rows.columns))
                    if kept.height < rows.height:
                        removed += rows.height - kept.height
                        batch = (_packed(kept), kept.height, _newest(kept), mark)
                        connection.execute("UPDATE batches SET rows = ?, height = ?, newest = ? WHERE mark = ?", batch)
            scrub(connection, self.path)
        return removed

    def _batches(self, connection: sqlite3.Connection, product: str) -> Iterator[tuple[int, str, pl.DataFrame]]:
        found = connection.execute("SELECT mark, name, rows FROM batches WHERE product = ? ORDER BY mark", (product,))
        for mark, name, rows in found:
            yield mark, name, pl.read_ipc_stream(BytesIO(rows))


def _packed(rows: pl.DataFrame) -> bytes:
    buffer = BytesIO()
    rows.write_ipc_stream(buffer)
    return buffer.getvalue()


def _newest(rows: pl.DataFrame) -> int | None:
    moments = [rows[name].dt.epoch("us").max() for name, dtype in rows.schema.items() if isinstance(dtype, pl.Datetime)]
    known = [moment for moment in moments if isinstance(moment, int)]
    return max(known, default=None)
