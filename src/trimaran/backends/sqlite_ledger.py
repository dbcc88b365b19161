"""The ledger in one SQLite file: the default of a laptop and of a single server."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool, StaticPool

from trimaran.backends.group_commit import GroupCommit
from trimaran.backends.sqlite_files import Readers, create, from_micros, reader, to_micros, translated, writer
from trimaran.core.errors import Corrupt, NotFound, TrimaranError, Unavailable
from trimaran.core.ledger import Tip
from trimaran.core.nouns import GENESIS, Draft, Entry

FORM = 1
"""The number of this file's layout, kept in its ``meta`` table."""

_PAGE = 1000

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS entries (
        seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
        body BLOB NOT NULL, key TEXT NOT NULL UNIQUE, previous TEXT NOT NULL, digest TEXT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS entries_of_kind ON entries (kind, seq)",
    "CREATE INDEX IF NOT EXISTS entries_of_subject ON entries (subject, seq)",
    """CREATE TRIGGER IF NOT EXISTS entries_stay_as_written BEFORE UPDATE ON entries
        BEGIN SELECT RAISE(ABORT, 'an entry of the ledger is never changed'); END""",
    """CREATE TRIGGER IF NOT EXISTS entries_stay BEFORE DELETE ON entries
        BEGIN SELECT RAISE(ABORT, 'an entry of the ledger is never removed'); END""",
    """CREATE TABLE IF NOT EXISTS latest (
        kind TEXT NOT NULL, subject TEXT NOT NULL, seq INTEGER NOT NULL REFERENCES entries (seq),
        PRIMARY KEY (kind, subject)) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS meta (form INTEGER NOT NULL)",
    f"INSERT INTO meta SELECT {FORM} WHERE NOT EXISTS (SELECT 1 FROM meta)",  # noqa: S608 - our own number
)

_tables = sa.MetaData()
_entries = sa.Table(
    "entries",
    _tables,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("at", sa.Integer),
    sa.Column("actor", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("subject", sa.Text),
    sa.Column("body", sa.LargeBinary),
    sa.Column("key", sa.Text),
    sa.Column("previous", sa.Text),
    sa.Column("digest", sa.Text),
)
_latest = sa.Table(
    "latest",
    _tables,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("seq", sa.Integer),
)

_OF_KEY = sa.select(_entries).where(_entries.c.key == sa.bindparam("key"))
_OF_SEQ = sa.select(_entries).where(_entries.c.seq == sa.bindparam("seq"))
_TIP = sa.select(_entries.c.seq, _entries.c.digest).order_by(_entries.c.seq.desc()).limit(1)
_NEWEST = sa.select(_latest.c.seq).where(
    _latest.c.kind == sa.bindparam("kind"), _latest.c.subject == sa.bindparam("subject")
)
_NEWEST_ENTRY = (
    sa.select(_entries)
    .join(_latest, _latest.c.seq == _entries.c.seq)
    .where(_latest.c.kind == sa.bindparam("kind"), _latest.c.subject == sa.bindparam("subject"))
)
_WRITE = sa.insert(_entries)
_POINT = insert(_latest).on_conflict_do_update(
    index_elements=["kind", "subject"], set_={"seq": insert(_latest).excluded.seq}
)


class SqliteLedger:
    """A ``LedgerStore`` in one file; any number of threads and processes may open it.

    Appends of the threads of one process share a transaction; those of other processes wait for the write lock, up to a
    minute, then raise ``Unavailable``. An open store does not survive a fork: open it in the child.

    >>> import tempfile
    >>> SqliteLedger(Path(tempfile.mkdtemp()) / "ledger.db").head()
    0
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        create(path, _SCHEMA)
        self._check_form()
        self._writing = sa.create_engine("sqlite://", creator=lambda: writer(path), poolclass=StaticPool)
        self._reading = sa.create_engine("sqlite://", creator=lambda: reader(path), poolclass=QueuePool, max_overflow=-1)
        self._readers = Readers(path)
        self._group: GroupCommit[Sequence[Draft], list[Entry]] = GroupCommit(self._commit)

    def append(self, drafts: Sequence[Draft]) -> list[Entry]:
        """Write a batch, all or nothing, and return its entries once they are on the disk."""
        return self.submit(drafts).result()

    def submit(self, drafts: Sequence[Draft]) -> Future[list[Entry]]:
        """Queue a batch and return the future of its entries, done once they are on the disk."""
        return self._group.submit(drafts)

    def get(self, seq: int) -> Entry:
        """Return one entry; raises ``NotFound``."""
        with self._reading.connect() as connection:
            row = connection.execute(_OF_SEQ, {"seq": seq}).one_or_none()
        if row is None:
            message = f"the ledger {self.path} has no entry {seq}; its newest is {self.head()}"
            raise NotFound(message)
        return _entry(row)

    def head(self) -> int:
        """Return the seq of the newest entry, 0 when there is none; about ten microseconds."""
        (seq,) = self._readers.connection.execute("SELECT ifnull(max(seq), 0) FROM entries").fetchone()
        return int(seq)

    def latest(self, kind: str, subject: str) -> Entry | None:
        """Return the newest entry of a kind about a subject, from the index."""
        with self._reading.connect() as connection:
            row = connection.execute(_NEWEST_ENTRY, {"kind": kind, "subject": subject}).one_or_none()
        return None if row is None else _entry(row)

    def find(self, key: str) -> Entry | None:
        """Return the entry first written under an idempotency key, None when there is none."""
        with self._reading.connect() as connection:
            row = connection.execute(_OF_KEY, {"key": key}).one_or_none()
        return None if row is None else _entry(row)

    def scan(
        self, *, after: int = 0, kinds: Sequence[str] = (), subject: str | None = None, until: datetime | None = None
    ) -> Iterator[Entry]:
        """Yield entries in order of seq, a page at a time; entries written meanwhile are among them."""
        wanted = sa.select(_entries).order_by(_entries.c.seq).limit(_PAGE)
        if kinds:
            wanted = wanted.where(_entries.c.kind.in_(list(kinds)))
        if subject is not None:
            wanted = wanted.where(_entries.c.subject == subject)
        if until is not None:
            wanted = wanted.where(_entries.c.at <= to_micros(until))
        while True:
            with self._reading.connect() as connection:
                page = [_entry(row) for row in connection.execute(wanted.where(_entries.c.seq > after))]
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].seq

    def rebuild(self) -> None:
        """Throw the index away and build it again from the entries."""
        newest = sa.select(_entries.c.kind, _entries.c.subject, sa.func.max(_entries.c.seq)).group_by(
            _entries.c.kind, _entries.c.subject
        )
        engine = sa.create_engine("sqlite://", creator=lambda: writer(self.path), poolclass=StaticPool)
        with _immediate(engine, self.path) as connection:
            connection.execute(sa.delete(_latest))
            connection.execute(sa.insert(_latest).from_select(["kind", "subject", "seq"], newest))
        engine.dispose()

    def _commit(self, take: Callable[[], Sequence[Sequence[Draft]]]) -> list[list[Entry] | Exception]:
        with _immediate(self._writing, self.path) as connection:
            tip = self._tip(connection)
            results = [_linked(tip, drafts) for drafts in take()]
            if tip.fresh:
                connection.execute(_WRITE, [_row(entry) for entry in tip.fresh])
                connection.execute(_POINT, [{"kind": e.kind, "subject": e.subject, "seq": e.seq} for e in tip.fresh])
        return results

    def _tip(self, connection: sa.Connection) -> Tip:
        def first(key: str) -> Entry | None:
            row = connection.execute(_OF_KEY, {"key": key}).one_or_none()
            return None if row is None else _entry(row)

        def newest(kind: str, subject: str) -> int:
            return connection.execute(_NEWEST, {"kind": kind, "subject": subject}).scalar_one_or_none() or 0

        seq, digest = connection.execute(_TIP).one_or_none() or (0, GENESIS)
        return Tip(seq, digest, first=first, newest=newest)

    def _check_form(self) -> None:
        connection = reader(self.path)
        (form,) = connection.execute("SELECT form FROM meta").fetchone()
        connection.close()
        if form != FORM:
            message = f"the ledger {self.path} has layout {form}, this trimaran reads layout {FORM}; use the trimaran that wrote it"
            raise Unavailable(message)


@contextmanager
def _immediate(engine: sa.Engine, path: Path) -> Iterator[sa.Connection]:
    # The write lock is taken at the start, so that a transaction never has to give up half-way.
    with engine.connect() as connection:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.exec_driver_sql("COMMIT")
        except OperationalError as error:
            raise translated(error.orig, path) if isinstance(error.orig, sqlite3.OperationalError) else error from error
        finally:
            driver = connection.connection.driver_connection
            if driver is not None and driver.in_transaction:
                driver.rollback()


def _linked(tip: Tip, drafts: Sequence[Draft]) -> list[Entry] | Exception:
    try:
        return tip.link(drafts)
    except TrimaranError as error:
        return error


def _row(entry: Entry) -> dict[str, object]:
    return {
        "seq": entry.seq,
        "at": to_micros(entry.at),
        "actor": entry.actor,
        "kind": entry.kind,
        "subject": entry.subject,
        "body": entry.body,
        "key": entry.key,
        "previous": entry.previous,
        "digest": entry.digest,
    }


def _entry(row: sa.Row[Any]) -> Entry:
    fields = dict(zip(Entry.__struct_fields__, row, strict=True))
    try:
        return msgspec.convert({**fields, "at": from_micros(fields["at"])}, Entry)
    except (msgspec.ValidationError, OverflowError, TypeError) as error:
        message = f"entry {fields['seq']} was changed after it was written: {error}"
        raise Corrupt(message) from error
