"""The newest facts in one SQLite file, as batches that servers read and keep in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from threading import Lock

import polars as pl

from trimaran.backends.sqlite_files import Readers, create, to_micros, transaction, writer

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
_FORGET = "DELETE FROM batches WHERE product = ? AND name = ? AND newest < ?"


class SqliteOnline:
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

    def push(self, product: str, table: str, rows: pl.DataFrame, *, key: str) -> None:
        """Write one batch, unless its key was pushed before, and return once it is on the disk."""
        buffer = BytesIO()
        rows.write_ipc_stream(buffer)
        batch = (product, table, key, buffer.getvalue(), rows.height, _newest(rows))
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

    def trim(self, product: str, table: str, before: datetime) -> int:
        """Forget the batches whose every moment lies before ``before``; return the number of rows forgotten.

        A batch without a column of moments holds facts that do not age, and stays.
        """
        old = (product, table, to_micros(before))
        with self._lock, transaction(self._connection, self.path):
            (rows,) = self._connection.execute(_OLD, old).fetchone()
            self._connection.execute(_FORGET, old)
        return int(rows)


def _newest(rows: pl.DataFrame) -> int | None:
    moments = [rows[name].dt.epoch("us").max() for name, dtype in rows.schema.items() if isinstance(dtype, pl.Datetime)]
    known = [moment for moment in moments if isinstance(moment, int)]
    return max(known, default=None)
