"""How trimaran opens a SQLite file: durable, many readers that never wait, writers that queue for as long as it takes."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from trimaran.core.clock import aware
from trimaran.core.errors import Unavailable

PATIENCE = 60.0
"""How long, in seconds, a writer waits for the writers of other processes before it gives up."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_RETRY = 0.005
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def create(path: Path, schema: Sequence[str]) -> None:
    """Make the file and its tables unless they stand already; any number of processes may do so at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing_writer(path) as connection, transaction(connection, path):
        for statement in schema:
            connection.execute(statement)


def writer(path: Path) -> sqlite3.Connection:
    """Return a connection whose commits are on the disk when they return; transactions are begun by hand."""
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    _patiently_wal(connection, path)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA cache_size=-65536")
    connection.execute("PRAGMA wal_autocheckpoint=4000")  # measured: a fifth more commits a second than with 1000 pages
    return connection


def reader(path: Path) -> sqlite3.Connection:
    """Return a connection that cannot write and never waits for a writer."""
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA query_only=ON")
    connection.execute("PRAGMA mmap_size=268435456")
    return connection


@contextmanager
def closing_writer(path: Path) -> Iterator[sqlite3.Connection]:
    """Give a writing connection and close it afterwards."""
    connection = writer(path)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Hold the write lock; commit at the end, or undo everything and pass the error on.

    Raises ``Unavailable`` when other processes keep the lock for longer than ``PATIENCE``.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        raise translated(error, path) from error
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def translated(error: sqlite3.OperationalError, path: Path) -> Exception:
    """Return ``Unavailable`` for a full disk, a lock held too long or a file that cannot be read; anything else as it is."""
    if error.sqlite_errorcode & 0xFF in (*_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return Unavailable(
            f"{path} could not be written ({error}); nothing was recorded: free the disk or the lock, then send it again"
        )
    return error


def to_micros(moment: datetime) -> int:
    """Return the microseconds since 1970 in UTC of a moment with a zone.

    >>> to_micros(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (aware(moment) - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the moment that a number of microseconds since 1970 names, exactly.

    >>> from_micros(1_000_000).isoformat()
    '1970-01-01T00:00:01+00:00'
    """
    return _EPOCH + timedelta(microseconds=micros)


class Readers(threading.local):
    """One reading connection a thread, opened at first use and closed with the thread.

    SQLite connections do not survive a fork: open a store after forking, not before.
    """

    def __init__(self, path: Path) -> None:
        self.connection = reader(path)


def _patiently_wal(connection: sqlite3.Connection, path: Path) -> None:
    # SQLite answers "locked" at once, without its own waiting, when two processes switch a new file to WAL.
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _BUSY or time.monotonic() > deadline:
                connection.close()
                raise translated(error, path) from error
            time.sleep(_RETRY)
        else:
            return
