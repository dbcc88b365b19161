"""The ledger in one SQLite file: the default of a laptop and of a single server."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path

from trimaran.backends.closing import Closing
from trimaran.backends.flushing import make_folder
from trimaran.backends.ledger_tables import FORM, Asked, Row
from trimaran.backends.sql_ledger import Appending, SqlLedger, Take, known
from trimaran.backends.sqlite_files import (
    FAILURES,
    PATIENCE,
    Readers,
    closing_writer,
    reader,
    transaction,
    translated,
    writer,
)
from trimaran.core.errors import Corrupt
from trimaran.core.nouns import Entry


class SqliteLedger(Closing, SqlLedger):
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
        self._open(patience)
        self._readers = Readers(path)
        super().__init__(str(path), Appending("key IN (SELECT value FROM json_each(?))", json.dumps))
        self._closes = (self._group.close, self._writer.close, self._readers.close)

    def disagreements(self) -> Iterator[str]:
        """Yield where the file is damaged and where the index says something else than the entries."""
        with self._snapshot() as connection:
            damage = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)")]
        yield from (f"{self.path.name} is damaged: {line}" for line in damage if line != "ok")
        yield from super().disagreements()

    def _rows(self, question: str, values: Sequence[object] = ()) -> Sequence[Row]:
        with _told(self.path):
            return self._readers.connection.execute(question, values).fetchall()

    @contextmanager
    def _snapshot(self) -> Iterator[Asked]:
        with _told(self.path), closing(reader(self.path)) as connection:
            connection.execute("BEGIN")
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Asked]:
        with _told(self.path), closing_writer(self.path) as connection, transaction(connection, self.path):
            yield connection

    def _commit(self, take: Take) -> list[list[Entry] | Exception]:
        with _told(self.path), transaction(self._writer, self.path):
            return self._appending(self._writer, take, self.name)

    def _open(self, patience: float) -> None:
        self._writer = writer(self.path, patience)  # first, and for as long as the store is open
        with _told(self.path):
            form = _form(self._writer, self.path)
            if form < FORM:  # Alembic takes its time, and so it is imported only where there is something to do
                import_module("trimaran.backends.migrations").upgrade_sqlite(self._writer, partial(_form, path=self.path))
        known(max(form, FORM), str(self.path))


def _form(connection: sqlite3.Connection, path: Path) -> int:
    """Return the layout of a file, 0 when it is empty."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    forms = [form for (form,) in connection.execute("SELECT form FROM meta")] if "meta" in tables else []
    if tables and not (len(forms) == 1 and isinstance(forms[0], int) and "entries" in tables):
        message = f"{path} is no ledger, or its table meta was changed; restore it from a copy"
        raise Corrupt(message)
    return forms[0] if forms else 0


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except FAILURES as error:
        raise translated(error, path) from error
