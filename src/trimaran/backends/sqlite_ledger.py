"""The ledger in one SQLite file: the default of a laptop and of a single server."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool, StaticPool

from trimaran.backends.flushing import make_folder
from trimaran.backends.ledger_tables import FORM, entries, latest
from trimaran.backends.sql_ledger import Appending, SqlLedger, Take, bring_up_to_date, known
from trimaran.backends.sqlite_files import PATIENCE, Readers, reader, translated, writer
from trimaran.core.errors import Corrupt
from trimaran.core.nouns import Entry

_OF_KEYS = sa.select(entries).where(
    entries.c.key.in_(sa.select(sa.func.json_each(sa.bindparam("keys")).table_valued("value").c.value))
)
_POINT = insert(latest).on_conflict_do_update(index_elements=["kind", "subject"], set_={"seq": insert(latest).excluded.seq})


class SqliteLedger(SqlLedger):
    """A ``LedgerStore`` in one file; any number of threads and processes may open it.

    Appends of the threads of one process share a transaction; those of other processes wait for the write lock, up to
    ``patience`` seconds, then raise ``Unavailable``. An open store does not survive a fork: open it in the child. A file of an older
    layout is brought up to date when it is opened.

    >>> import tempfile
    >>> SqliteLedger(Path(tempfile.mkdtemp()) / "ledger.db").head()
    0
    """

    def __init__(self, path: Path, *, patience: float = PATIENCE) -> None:
        self.path = path
        if not path.parent.exists():
            make_folder(path.parent)
        self._writer = sa.create_engine("sqlite://", creator=lambda: writer(path, patience), poolclass=StaticPool)
        self._reading = sa.create_engine("sqlite://", creator=lambda: reader(path), poolclass=QueuePool, max_overflow=-1)
        self._open()
        self._readers = Readers(path)
        super().__init__(str(path), Appending(self._writer.dialect, _OF_KEYS, _POINT, json.dumps))

    def head(self) -> int:
        """Return the seq of the newest entry, 0 when there is none; about ten microseconds."""
        with _told(self.path):
            (seq,) = self._readers.connection.execute("SELECT ifnull(max(seq), 0) FROM entries").fetchone()
        return int(seq)

    def disagreements(self) -> Iterator[str]:
        """Yield where the file is damaged and where the index says something else than the entries."""
        with self._snapshot() as connection:
            damage = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(20)")]
        yield from (f"{self.path.name} is damaged: {line}" for line in damage if line != "ok")
        yield from super().disagreements()

    def _rows(self, statement: sa.Select[Any], values: Mapping[str, object]) -> Sequence[sa.Row[Any]]:
        with _told(self.path), self._reading.connect() as connection:
            return connection.execute(statement, values).all()

    @contextmanager
    def _snapshot(self) -> Iterator[sa.Connection]:
        with _told(self.path), self._reading.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                _undo(connection)

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        engine = sa.create_engine("sqlite://", creator=lambda: writer(self.path), poolclass=StaticPool)
        try:
            with _immediate(engine, self.path) as connection:
                yield connection
        finally:
            engine.dispose()

    def _commit(self, take: Take) -> list[list[Entry] | Exception]:
        with _immediate(self._writer, self.path) as connection:
            return self._appending(connection, take, self.name)

    def _open(self) -> None:
        with _told(self.path), self._writer.connect():  # first, and for as long as the store is open
            pass
        form = 0
        if self.path.exists():
            with _told(self.path), self._reading.connect() as connection:
                form = _form(connection, self.path)
        if form < FORM:
            with _immediate(self._writer, self.path) as connection:
                bring_up_to_date(connection, _form(connection, self.path), str(self.path))
        known(max(form, FORM), str(self.path))


def _form(connection: sa.Connection, path: Path) -> int:
    """Return the layout of a file, 0 when it is empty."""
    tables = set(connection.exec_driver_sql("SELECT name FROM sqlite_schema WHERE type = 'table'").scalars())
    forms = connection.exec_driver_sql("SELECT form FROM meta").scalars().all() if "meta" in tables else []
    if tables and not (len(forms) == 1 and isinstance(forms[0], int) and "entries" in tables):
        message = f"{path} is no ledger, or its table meta was changed; restore it from a copy"
        raise Corrupt(message)
    return forms[0] if forms else 0


@contextmanager
def _immediate(engine: sa.Engine, path: Path) -> Iterator[sa.Connection]:
    # The write lock is taken at the start, so that a transaction never has to give up half-way.
    with _told(path), engine.connect() as connection:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.exec_driver_sql("COMMIT")
        finally:
            _undo(connection)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise translated(error.orig, path) if isinstance(error.orig, sqlite3.DatabaseError) else error from error
    except UnicodeDecodeError as error:  # SQLite quotes a damaged schema in its message
        message = f"{path} is damaged ({error}); restore it from a copy"
        raise Corrupt(message) from error
    except sqlite3.DatabaseError as error:
        raise translated(error, path) from error


def _undo(connection: sa.Connection) -> None:
    driver = connection.connection.driver_connection
    if driver is not None and driver.in_transaction:
        driver.rollback()
