"""How trimaran opens a SQLite file: durable, many readers that never wait, writers that queue for as long as it takes."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakSet

from trimaran.backends.flushing import flush, make_folder
from trimaran.core.errors import Corrupt, Unavailable

PATIENCE = 60.0
"""How long, in seconds, a writer waits for the writers of other processes before it gives up."""
FAILURES = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What a question to SQLite fails with: it quotes a damaged schema in its message, which then need not be UTF-8."""

_RETRY = 0.005
_FEW = 200
"""Rows taken from SQLite at once: their tuples stay in the processor's cache, which halves the time of a long answer."""
_PAGE = 50_000
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT)
_NOT_OURS = ("no such ", "Could not decode to UTF-8")  # of our own questions, about tables that we made


def create(path: Path, schema: Sequence[str], *, form: int = 1, added: Mapping[str, Sequence[str]] | None = None) -> None:
    """Make the file and its tables unless they stand already; any number of processes may do so at once.

    The file holds the number of its layout, 0 where it is of before they had numbers; what a layout has more than those
    before it, ``schema`` adds, and the columns ``added`` to a table, each as "name type", by table. Raises ``Unavailable`` for a file that a later trimaran brought to a later layout.
    """
    if not path.parent.exists():
        make_folder(path.parent)
    with closing_writer(path) as connection, transaction(connection, path):
        (there,) = connection.execute("PRAGMA user_version").fetchone()
        if there > form:
            message = (
                f"{path} has layout {there}, this trimaran reads layout {form}; install the newer trimaran that wrote it"
            )
            raise Unavailable(message)
        for statement in schema:
            connection.execute(statement)
        for table, columns in (added or {}).items():
            names = {name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")}
            for column in columns:
                if column.split(" ")[0] not in names:
                    connection.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
        if there < form:
            connection.execute(f"PRAGMA user_version={form}")


def writer(path: Path, patience: float = PATIENCE) -> sqlite3.Connection:
    """Return a connection whose commits are on the disk when they return; transactions are begun by hand.

    All that can be read as long as it stays open is on the disk too, whoever wrote it: whoever finds a key may answer
    that it is done.
    """
    with _opening(path, sqlite3.Connection) as connection:
        _patiently_wal(connection, path)
        connection.execute("PRAGMA schema_version").fetchone()  # reads the log, and makes it where there is none
        _settle(path)
        connection.execute(f"PRAGMA busy_timeout={round(1000 * patience)}")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA cache_size=-65536")
        connection.execute("PRAGMA wal_autocheckpoint=4000")  # measured: a fifth more commits a second than with 1000 pages
        return connection


def reader(path: Path) -> sqlite3.Connection:
    """Return a connection that cannot write and never waits for a writer."""
    with _opening(path, _Reading) as connection:
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
    except FAILURES as error:
        raise translated(error, path) from error
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def scrub(connection: sqlite3.Connection, path: Path) -> None:
    """Leave no trace of what was deleted: write the file anew, and empty the log that still holds the old pages.

    Deleting only frees pages; SQLite's ``secure_delete`` wipes those, but not what a page that was split left behind.
    Writers wait meanwhile. Raises ``Unavailable`` when a reader holds on to the old state for longer than ``PATIENCE``.
    """
    try:
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute("VACUUM")
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError as error:
        raise translated(error, path) from error
    if busy:
        message = f"the log of {path} could not be emptied, since something reads an old state of it; the rows are deleted, their bytes are not yet gone: do the same again"
        raise Unavailable(message)


def translated(error: sqlite3.DatabaseError | UnicodeDecodeError, path: Path) -> Exception:
    """Return ``Unavailable`` for a full disk, a lock held too long or a file that cannot be read, ``Corrupt`` for a damaged file.

    Anything else is returned as it is.
    """
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # what cannot be decoded has none
    if isinstance(error, UnicodeDecodeError) or code in _DAMAGED or str(error).startswith(_NOT_OURS):
        return Corrupt(f"{path} is damaged ({error}); restore it from a copy")
    if code in (*_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return Unavailable(
            f"{path} could not be written ({error}); nothing was recorded: free the disk or the lock, then send it again"
        )
    return error


def column_pages(cursor: sqlite3.Cursor, width: int) -> Iterator[list[list[Any]]]:
    """Yield what was asked for by columns, some ten thousand rows at a time; one page without rows where there are none.

    >>> [page for page in column_pages(sqlite3.connect(":memory:").execute("VALUES (1, 'a'), (2, 'b')"), 2)]
    [[[1, 2], ['a', 'b']]]
    """
    page: list[list[Any]] = [[] for _ in range(width)]
    while rows := cursor.fetchmany(_FEW):
        if len(page[0]) >= _PAGE:
            yield page
            page = [[] for _ in range(width)]
        for column, values in zip(page, zip(*rows, strict=True), strict=True):
            column.extend(values)
    yield page


class _Reading(sqlite3.Connection):
    """A connection whose questions fail like its writers' commits."""

    path: Path

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Ask; raises ``Unavailable`` or ``Corrupt`` where the file or the disk is at fault."""
        try:
            return super().execute(sql, parameters)
        except FAILURES as error:
            raise translated(error, self.path) from error


class Readers(threading.local):
    """One reading connection a thread, opened at first use and closed with the thread, or all of them at once.

    ``cursor`` asks for one row at a time with the least around it: its errors are SQLite's own, not translated. SQLite
    connections do not survive a fork: open a store after forking, not before.
    """

    __slots__ = ("_opened",)  # what stands here all threads share, and everything else each has for itself
    _opened: WeakSet[sqlite3.Connection]

    def __init__(self, path: Path) -> None:
        if not hasattr(self, "_opened"):
            self._opened = WeakSet()
        self.connection = reader(path)
        self.cursor = self.connection.cursor()
        self._opened.add(self.connection)

    def close(self) -> None:
        """Close the connections of all threads; whoever asks then gets SQLite's ``ProgrammingError``."""
        for connection in list(self._opened):
            connection.close()


@contextmanager
def _opening(path: Path, kind: type[sqlite3.Connection]) -> Iterator[sqlite3.Connection]:
    connection = None
    try:
        connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False, factory=kind)
        if isinstance(connection, _Reading):
            connection.path = path
        yield connection
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, FAILURES):
            raise translated(error, path) from error
        raise


def _settle(path: Path) -> None:
    # SQLite shows the frames of a commit to other processes once they are flushed, with one exception: whoever opens a file
    # that nobody has open reads whatever frames lie in its log, also those whose writer was killed before it flushed them.
    # So the log is flushed after it was read, on a connection that stays, beside which nobody else will be the first.
    # The file itself must not be opened here: closing it would drop the locks that SQLite holds on it for this process
    # (POSIX locks belong to a process and a file), and another process, taking itself for the last one, removes the log.
    try:
        for file in (path.with_name(f"{path.name}-wal"), path.parent):
            flush(file)
    except OSError as error:
        message = f"{path} could not be flushed ({error}); nothing was recorded: look at the disk, then try again"
        raise Unavailable(message) from error


def _patiently_wal(connection: sqlite3.Connection, path: Path) -> None:
    # SQLite answers "locked" at once, without its own waiting, when two processes switch a new file to WAL.
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY)
        else:
            if mode != "wal":  # on a failing disk SQLite goes on without it, and says so only here
                message = f"{path} could not be switched to write-ahead logging; nothing was recorded: look at the disk, then try again"
                raise Unavailable(message)
            return
