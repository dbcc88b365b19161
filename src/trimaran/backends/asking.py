"""A connection of SQLAlchemy's, asked in the ledger's own words: a ``?`` for each value, rows of plain values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from trimaran.backends.ledger_tables import Row

_MARKS = {"qmark": "?", "format": "%s"}


class Asking:
    """A connection that answers like ``sqlite3``'s, in the transaction that it is in.

    >>> with sa.create_engine("sqlite://").connect() as connection:
    ...     list(Asking(connection).execute("SELECT ? + 1", (1,)))
    [(2,)]
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._mark = _MARKS[connection.dialect.paramstyle]

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Iterable[Row]:
        """Ask; the rows can be gone through once."""
        result = self._connection.exec_driver_sql(sql.replace("?", self._mark), tuple(parameters) or None)
        return result if result.returns_rows else ()

    def executemany(self, sql: str, parameters: Sequence[Sequence[Any]], /) -> None:
        """Write many rows."""
        self._connection.exec_driver_sql(sql.replace("?", self._mark), [tuple(row) for row in parameters])
