"""Rows of a SQL query: what a product file says of it; the database is asked by ``databases``."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import polars as pl

from trimaran.core.durations import parse_duration
from trimaran.core.errors import DefinitionError, Fault
from trimaran.core.ports import Progress
from trimaran.data.sources.source import Part, Shape, Span

PASSWORD = "TRIMARAN_SQL_PASSWORD"  # noqa: S105  the name of a variable
_SCHEMES = ("postgresql", "postgres", "sqlite")
_SECRET = frozenset({"password", "passfile", "sslpassword"})


@dataclass(frozen=True)
class Query:
    """A SELECT over a PostgreSQL or SQLite database; made by ``sql``."""

    statement: str
    url: str
    password: str = PASSWORD
    late: timedelta | None = None
    grows: str | None = None
    root: Path = Path()

    @property
    def name(self) -> str:
        """Empty: a query has no name of its own."""
        return ""

    @property
    def label(self) -> str:
        """The database's URL, which has no password, and the beginning of the query."""
        words = " ".join(self.statement.split())
        return f"{self.url}: {words[:80]}"

    def at(self, root: Path) -> Query:
        """Return the query with a relative SQLite path looked up in a folder."""
        return replace(self, root=root)

    def schema(self, moments: Collection[str]) -> pl.Schema:
        """Return the columns the query has."""
        found: pl.Schema = self._database().schema(moments)
        return found

    def parts(self, shape: Shape, span: Span | None, progress: Progress | None) -> Iterator[Part]:
        """Yield the rows of a span, which the database chooses, a batch at a time."""
        yield from self._database().parts(shape, span, progress)

    def fingerprint(self, moments: Collection[str]) -> str | None:
        """Return how many rows there are, and how many and which newest moments; None without moments."""
        found: str | None = self._database().fingerprint(moments)
        return found

    def _database(self) -> Any:
        return import_module("trimaran.data.sources.databases").Database(self)


def sql(
    statement: str, url: str, *, password: str = PASSWORD, late: str | timedelta | None = None, grows: str | None = None
) -> Query:
    """Return a SQL query as the source of a table.

    ``url`` is ``postgresql://user@host/database`` or a SQLite file (a path, or ``sqlite:///path``), and has no password:
    that stands in the environment, in the variable that ``password`` names. With ``late`` only rows are asked for that are
    newer than the newest one held, reaching back by that duration for rows that come late; ``grows`` names a column that
    only grows, where the table has no time. Raises ``DefinitionError`` with every fault.

    >>> sql("SELECT * FROM rides", "postgresql://ana@db.example.com/city", late="7d").label
    'postgresql://ana@db.example.com/city: SELECT * FROM rides'
    """
    faults = _faults(statement, url)
    if late is not None and grows is not None:
        faults.append(Fault(what="late= and grows= exclude each other", remedy="keep grows= where the table has no time"))
    if faults:
        raise DefinitionError("tm.sql", faults)
    back = parse_duration(late) if isinstance(late, str) else late
    return Query(statement.strip().rstrip(";"), url, password, back, grows)


def _faults(statement: str, url: str) -> list[Fault]:
    faults = []
    if not statement.strip():
        faults.append(Fault(what="the query is empty", remedy="write a SELECT"))
    try:
        parts = urlsplit(url)
        secret = parts.password is not None or bool({name.lower() for name, _ in parse_qsl(parts.query)} & _SECRET)
    except ValueError:
        return [*faults, Fault(what="the URL cannot be read", remedy="write postgresql://user@host/database")]
    if secret:
        remedy = f"take it out; say it in {PASSWORD}, or name another variable with password="
        faults.append(Fault(what="the URL has a password, and a file is no place for one", remedy=remedy))
    scheme = parts.scheme.partition("+")[0]
    if "://" in url and scheme not in _SCHEMES:
        remedy = "write postgresql://user@host/database or the path of a SQLite file"
        faults.append(Fault(what=f"there is no way to {scheme!r} databases", remedy=remedy))
    return faults
