"""The ledger on PostgreSQL: for several machines, or for a ledger that the database's own people keep."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from trimaran.backends.asking import Asking
from trimaran.backends.ledger_tables import FORM, Row
from trimaran.backends.migrations import upgrade
from trimaran.backends.sql_ledger import Appending, SqlLedger, Take, known
from trimaran.core.errors import Corrupt, TrimaranError, Unavailable
from trimaran.core.nouns import Entry

PATIENCE = 10.0
"""How long, in seconds, an act waits for a server that is away, before it gives up."""

LOCK_PATIENCE = 60
"""How long, in seconds, a writer waits for the writers of other processes before it gives up."""

_Result = TypeVar("_Result")
_READERS = 16
_PAUSE, _LONGEST_PAUSE = 0.05, 0.5
_AWAY = ("08", "57P01", "57P02", "57P03", "53300")
_REFUSED = ("FATAL:", "no password supplied", "server does not support SSL")
_COMES_BACK = ("the database system is", "too many", "remaining connection slots", "terminating connection")


class PostgresLedger(SqlLedger):
    """A ``LedgerStore`` in a PostgreSQL database, in the schema that the connection writes to first.

    One process writes at a time, up to a minute's wait for the others; appends of the threads of a process share a
    transaction, durable when it returns (``synchronous_commit``). Readers never wait for a writer. While the server is
    away an act waits ``patience`` seconds and then raises ``Unavailable``. Where the connection breaks during a commit, the
    group is sent again: its keys tell what stands already, so that nothing is doubled and nothing is answered unseen.
    An open store does not survive a fork: open it in the child. ``password``, when None, is PostgreSQL's own affair
    (``~/.pgpass``). Tables of an older layout are brought up to date when they are opened.
    """

    def __init__(self, url: str, *, password: str | None = None, patience: float = PATIENCE) -> None:
        wanted = sa.make_url(url).set(drivername="postgresql+psycopg")
        self.url = wanted.set(password=None, query={}).render_as_string().replace("+psycopg", "", 1)
        self.patience = patience
        if password is not None:
            wanted = wanted.set(password=password)
        self._writer = _engine(wanted, size=1, overflow=1, patience=patience)  # a group of appends, and a rebuild
        self._reading = _engine(wanted, size=4, overflow=_READERS - 4, patience=patience)
        self._asking = self._reading.execution_options(isolation_level="AUTOCOMMIT")
        weakref.finalize(self, _close, self._writer, self._reading)
        self._patiently(self._open)
        super().__init__(self.url, Appending("key = ANY(?)", list))

    def close(self) -> None:
        """Give the connections back; a closed store opens them again when it is used."""
        _close(self._writer, self._reading)

    def _rows(self, question: str, values: Sequence[object] = ()) -> Sequence[Row]:
        def ask() -> Sequence[Row]:
            with self._asking.connect() as connection:
                return list(Asking(connection).execute(question, values))

        return self._patiently(ask)

    @contextmanager
    def _snapshot(self) -> Iterator[Asking]:
        with self._told(), self._reading.connect() as connection:
            yield Asking(connection.execution_options(isolation_level="REPEATABLE READ"))

    @contextmanager
    def _writing(self) -> Iterator[Asking]:
        with self._told(), self._alone() as connection:
            known(_locked_form(connection), self.url)
            yield Asking(connection)

    def _commit(self, take: Take) -> list[list[Entry] | Exception]:
        unknown = False

        def append() -> list[list[Entry] | Exception]:
            nonlocal unknown
            with self._alone() as connection:
                known(_locked_form(connection), self.url)
                results = self._appending(Asking(connection), take, self.url)
                unknown = True
            return results

        try:
            return self._patiently(append)
        except Unavailable as error:
            if not unknown:
                raise
            message = (
                f"{error} (whether a commit under way was kept is not known: the same key again tells, and never doubles)"
            )
            raise Unavailable(message) from error

    @contextmanager
    def _alone(self) -> Iterator[sa.Connection]:
        with self._writer.connect() as connection, connection.begin():
            yield connection

    def _open(self) -> None:
        with self._asking.connect() as connection:
            form = _form(connection)
        if form == 0 or form < FORM:
            with self._alone() as connection:
                # No row is there to lock before the first layout; the number only has to be the same for every trimaran.
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7127, hashtext(current_schema()))")
                form = _locked_form(connection) if _form(connection) else 0
                upgrade(connection, form=form)  # a newer one is left as it is
        known(max(form, FORM), self.url)

    def _patiently(self, act: Callable[[], _Result]) -> _Result:
        deadline = time.monotonic() + self.patience
        pause = _PAUSE
        while True:
            try:
                return act()
            except (DBAPIError, PoolTimeout) as error:
                if not _is_away(error) or time.monotonic() + pause > deadline:
                    raise self._translated(error) from error
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, PoolTimeout) as error:
            raise self._translated(error) from error

    def _translated(self, error: DBAPIError | PoolTimeout) -> TrimaranError | DBAPIError:
        said = str(error.orig).strip() if isinstance(error, DBAPIError) else "every connection is in use"
        code = _code(error)
        if (
            _is_away(error)
            or isinstance(getattr(error, "orig", None), psycopg.OperationalError)
            or code[:2] in {"53", "57", "25"}
        ):
            return Unavailable(
                f"the ledger {self.url} cannot answer ({said}); nothing was recorded: try again when it is back"
            )
        if code[:2] == "42":
            return Unavailable(
                f"the ledger {self.url} cannot be used ({said}); give its user the rights, or name another database"
            )
        if code[:2] == "XX":
            return Corrupt(f"the ledger {self.url} is damaged ({said}); restore it from a copy")
        assert isinstance(error, DBAPIError)  # noqa: S101 - a pool's timeout is Unavailable
        return error


def _close(*engines: sa.Engine) -> None:
    for engine in engines:
        engine.dispose()


def _engine(url: sa.URL, *, size: int, overflow: int, patience: float) -> sa.Engine:
    options = f"{url.query.get('options', '')} -c synchronous_commit=on -c lock_timeout={LOCK_PATIENCE}s"
    return sa.create_engine(
        url.difference_update_query(["options"]),
        pool_size=size,
        max_overflow=overflow,
        pool_timeout=patience,
        pool_use_lifo=True,
        paramstyle="format",  # positional, like the statements of the ledger
        hide_parameters=True,  # a body is nothing for a traceback
        connect_args={
            "options": options.strip(),
            "application_name": "trimaran",
            "connect_timeout": 5,
            "tcp_user_timeout": 20_000,
            "keepalives_idle": 10,
        },
    )


def _form(connection: sa.Connection) -> int:
    """Return the layout of the tables, 0 when there are none."""
    (there,) = connection.exec_driver_sql("SELECT to_regclass('meta') IS NOT NULL").one()
    return int(connection.exec_driver_sql("SELECT form FROM meta").scalar_one()) if there else 0


def _locked_form(connection: sa.Connection) -> int:
    """Keep every other writer away until the transaction ends, and return the layout."""
    return int(connection.exec_driver_sql("SELECT form FROM meta FOR UPDATE").scalar_one())


def _code(error: Exception) -> str:
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""


def _is_away(error: DBAPIError | PoolTimeout) -> bool:
    """Tell whether the server, or the way to it, is gone and may come back."""
    if isinstance(error, PoolTimeout):
        return False
    code = _code(error)
    if code:
        return code.startswith(_AWAY)
    said = str(error.orig)
    if any(words in said for words in _REFUSED) and not any(words in said for words in _COMES_BACK):
        return False
    return error.connection_invalidated or isinstance(error.orig, psycopg.OperationalError)
