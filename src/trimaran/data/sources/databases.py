"""Asks databases: PostgreSQL and SQLite, through SQLAlchemy, reading only and a batch at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, make_url

from trimaran.core.canon import canonical, digest
from trimaran.core.config import secret
from trimaran.core.errors import Fault, InputError, NotFound, Unavailable
from trimaran.core.ports import Progress
from trimaran.data.sources.casting import lossless
from trimaran.data.sources.query import Query
from trimaran.data.sources.source import Part, Shape, Span

_BATCH = 50_000
_LOOKED_AT = 10_000
_CLOSE = timedelta(seconds=1)  # SQLite tells moments apart by the millisecond; what is too early is filtered out after
_COLON = re.compile(r"(?<![:\w\\]):(?=\w)")  # what SQLAlchemy takes for a parameter, and is the author's own

_TYPES: dict[int, pl.DataType] = {
    16: pl.Boolean(), 20: pl.Int64(), 21: pl.Int16(), 23: pl.Int32(), 26: pl.Int64(), 700: pl.Float32(), 701: pl.Float64(),
    18: pl.String(), 19: pl.String(), 25: pl.String(), 1042: pl.String(), 1043: pl.String(), 2950: pl.String(),
    17: pl.Binary(), 114: pl.String(), 3802: pl.String(), 1082: pl.Date(), 1700: pl.Float64(),
    1114: pl.Datetime("us"), 1184: pl.Datetime("us", "UTC"),
}  # fmt: skip
"""The types of PostgreSQL by their number in pg_type; another one comes as text."""


class Database:
    """One query's database, opened for each question and closed after it; it is only ever read."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._url = _address(query)
        self._statement = _COLON.sub(r"\\:", query.statement)

    def schema(self, moments: Collection[str]) -> pl.Schema:
        """Return the columns of the query; a SQLite column is what its first values are."""
        with self._asking() as connection:
            result = connection.execute(sa.text(self._statement))
            self._require_once(list(result.keys()))
            types = self._types(result)
            if types is not None:
                return types
            rows = result.fetchmany(_LOOKED_AT)
            columns = {name: [row[at] for row in rows] for at, name in enumerate(result.keys())}
        return pl.Schema({name: _inferred(values, moment=name in moments) for name, values in columns.items()})

    def parts(self, shape: Shape, span: Span | None, progress: Progress | None) -> Iterator[Part]:
        """Yield the rows of a span, a batch at a time."""
        task, before = f"read {shape.table}", 0
        with self._asking() as connection:
            statement, given = self._spanned(span)
            if progress is not None:
                count = connection.execute(sa.text(f"SELECT count(*) FROM ({statement}) AS counted"), given).scalar_one()  # noqa: S608  the author's own query
                progress.start(task, int(count))
            result = connection.execute(sa.text(statement), given, execution_options={"yield_per": _BATCH})
            names = list(result.keys())
            self._require_once(names)
            types = self._types(result)
            if types is None:
                types = pl.Schema({name: shape.schema.get(name, pl.String()) for name in names})
            for batch in result.partitions(_BATCH):
                frame = _frame(names, batch, types, shape)
                yield Part(frame, self._query.label, before)
                before += frame.height
                if progress is not None:
                    progress.advance(task, frame.height)
        if before == 0:
            yield Part(pl.DataFrame(schema=types), self._query.label)
        if progress is not None:
            progress.finish(task)

    def fingerprint(self, moments: Collection[str]) -> str | None:
        """Return what counting the rows and their moments says; None where there are no moments to tell new rows by."""
        if not moments:
            return None
        with self._asking() as connection:
            quoted = [connection.dialect.identifier_preparer.quote(name) for name in sorted(moments)]
            asked = ", ".join(f"count({name}), max({name})" for name in quoted)
            found = connection.execute(sa.text(f"SELECT count(*), {asked} FROM ({self._statement}) AS asked")).one()  # noqa: S608  the author's own query
        return digest(canonical([str(value) for value in found]))

    def _spanned(self, span: Span | None) -> tuple[str, dict[str, Any]]:
        statement = self._statement
        if span is None or (span.after is None and span.until is None):
            return statement, {}
        lite = self._url.get_backend_name() == "sqlite"
        column = sa.create_mock_engine(self._url, lambda *_: None).dialect.identifier_preparer.quote(span.column)
        given: dict[str, Any] = {}
        told = []
        for name, sign, bound in (("after", ">", span.after), ("until", "<=", span.until)):
            if bound is None:
                continue
            if lite and isinstance(bound, datetime):
                padded = bound - _CLOSE if name == "after" else bound + _CLOSE
                given[name] = padded.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
                told.append(f"julianday({column}) {sign} julianday(:{name})")
            else:
                given[name] = bound
                told.append(f"{column} {sign} :{name}")
        condition = " AND ".join(told)
        return f"SELECT * FROM ({statement}) AS spanned WHERE ({condition}) OR {column} IS NULL", given  # noqa: S608  the author's own query

    def _types(self, result: sa.CursorResult[Any]) -> pl.Schema | None:
        if self._url.get_backend_name() == "sqlite" or result.cursor is None:
            return None
        described: Sequence[Any] = result.cursor.description or ()
        return pl.Schema({column[0]: _TYPES.get(column[1], pl.String()) for column in described})

    def _require_once(self, names: list[str]) -> None:
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            what = f"the query has {', '.join(map(repr, twice))} twice"
            raise InputError("source", [Fault(what=what, where=self._query.label, remedy="name them apart with AS")])

    @contextmanager
    def _asking(self) -> Iterator[Connection]:
        if self._url.get_backend_name() == "sqlite" and not Path(self._url.database or "").exists():
            raise NotFound(f"there is no file {self._url.database}; check the source of the table and the data folder")
        engine = sa.create_engine(self._url, hide_parameters=True, poolclass=sa.NullPool)
        try:
            with engine.connect() as connection:
                if engine.dialect.name == "postgresql":
                    connection.execute(sa.text("SET TRANSACTION READ ONLY"))
                    connection.execute(sa.text("SET LOCAL TIME ZONE 'UTC'"))
                else:
                    connection.execute(sa.text("PRAGMA query_only = ON"))
                yield connection
        except sa.exc.OperationalError as error:
            raise Unavailable(f"{self._query.url} cannot be asked: {_reason(error)}") from None
        except sa.exc.DBAPIError as error:
            fault = Fault(what=_reason(error), where=self._query.label, remedy="mend the query")
            raise InputError("source", [fault]) from None
        finally:
            engine.dispose()


def _address(query: Query) -> URL:
    if "://" not in query.url:
        return URL.create("sqlite", database=str(query.root / query.url))
    url = make_url(query.url)
    if url.get_backend_name() == "sqlite":
        return url.set(database=str(query.root / (url.database or "")))
    return url.set(drivername="postgresql+psycopg", password=secret(query.password))


def _frame(names: list[str], rows: Sequence[Any], types: pl.Schema, shape: Shape) -> pl.DataFrame:
    """Return a batch in the types it is told in; values of another kind, which SQLite allows, come as text."""
    columns = []
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        plain = [_plain(value) for value in values]
        kind = types[name]
        if name in shape.schema and isinstance(kind, pl.Datetime) and any(isinstance(value, str) for value in plain):
            kind = pl.String()
        try:
            columns.append(pl.Series(name, plain, kind, strict=True))
        except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
            columns.append(pl.Series(name, [None if value is None else str(value) for value in plain], pl.String))
    return pl.DataFrame(columns)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    return value if value is None or isinstance(value, (bool, int, float, str, bytes, date)) else str(value)


def _inferred(values: list[Any], *, moment: bool) -> pl.DataType:
    there = [value for value in values if value is not None]
    kinds = {type(value) for value in there}
    if moment and kinds <= {str}:
        text = pl.Series(there, dtype=pl.String)
        for kind in (pl.Datetime("us", "UTC"), pl.Datetime("us")):
            told = lossless(text, kind)
            if told is not None and not told.has_nulls():
                return kind
    if kinds == {int}:
        return pl.Int64()
    if kinds and kinds <= {int, float}:
        return pl.Float64()
    return pl.Binary() if kinds == {bytes} else pl.String()


def _reason(error: sa.exc.DBAPIError) -> str:
    """Return the first line of what the database said; parameters and passwords are not in it."""
    text = str(error.orig)
    return text.splitlines()[0] if text else type(error).__name__
