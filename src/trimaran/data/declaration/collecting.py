"""What a product and a collection of shared features have in common: tables, and features over them."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from trimaran.core.durations import parse_duration
from trimaran.core.errors import Fault, FaultyError
from trimaran.data.contracts import Contract, as_contract
from trimaran.data.declaration.draft import Draft
from trimaran.data.declaration.parts import ASKED, SCHEMA_CHANGES, Feature, Function, Kind, SchemaChange, Table
from trimaran.data.sources import Files, Source, as_source

F = TypeVar("F", bound=Function)
Parsed = TypeVar("Parsed")


class Collecting:
    """Collects tables and features, and their faults, in a draft."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def __getitem__(self, table: str) -> Table:
        """Return a declared table by its name."""
        return self._draft.tables[table]

    def table(
        self,
        source: str | Path | Source | Any,
        *,
        key: str | Sequence[str],
        time: str | None = None,
        known: Mapping[str, str] | None = None,
        max_age: str | timedelta | None = None,
        name: str | None = None,
        contract: str | Path | Contract | Any = None,
        schema_change: SchemaChange = "tell",
    ) -> Table:
        """Declare a table: its source, what names a row, its event time, and when each column becomes known.

        ``source`` is a path, glob or folder of Parquet, CSV or JSON lines, the same on ``s3://``, or what ``tm.sql``,
        ``tm.delta``, ``tm.iceberg``, ``tm.frame`` and ``tm.rows`` return. Of a table that holds rows, ``schema_change`` says
        what another set of columns upstream does: ``tell`` of it, ``stop`` the line, or ``evolve``: take new ones in.
        """
        where = caller()
        origin = self._parsed(lambda: as_source(source), where) or Files("")
        called = name or origin.name
        if not called:
            self._draft.fault(f"the table of {origin.label} has no name", where, "give it one: name='flights'")
        if schema_change not in SCHEMA_CHANGES:
            what = f"schema_change= is {schema_change!r}"
            self._draft.fault(what, where, f"choose from: {', '.join(SCHEMA_CHANGES)}")
        table = Table(
            name=called,
            source=origin,
            key=(key,) if isinstance(key, str) else tuple(key),
            time=time,
            known=dict(known or {}),
            max_age=self._duration(max_age, where),
            contract=self._parsed(lambda: as_contract(contract), where),
            schema_change=schema_change,
        )
        self._draft.add(self._draft.tables, table.name, table, where)
        return table

    def feature(
        self,
        table: Table | None = None,
        *,
        on: str | Sequence[str] | None = None,
        by: str | Sequence[str] | None = None,
        window: str | timedelta | None = None,
        owner: str = "",
    ) -> Callable[[F], F]:
        """Declare a feature: over the asked row, over the newest known row ``on`` a key, or ``by`` a key over a window.

        Without a table it is over the asked row, whatever the table of that is called. Its function's docstring describes
        it in the catalogue; ``owner`` is the owner of the product, or of the collection, by default.
        """
        key = on if on is not None else by

        def declare(function: F) -> F:
            where = line(function)
            span = self._duration(window, where)
            kind: Kind = "window" if span is not None else "newest" if key is not None else "row"
            if table is not None:
                self._adopt(table, where)
            elif kind != "row":
                self._draft.fault(f"feature {function.__name__!r} has no table", where, "say which: feature(weather, on=…)")
            part = Feature(
                name=function.__name__,
                table=table.name if table is not None else ASKED,
                kind=kind,
                function=function,
                inputs=inputs(function),
                on=(key,) if isinstance(key, str) else tuple(key or ()),
                window=span,
                where=where,
                owner=owner,
                description=inspect.getdoc(function) or "",
            )
            self._draft.add(self._draft.features, part.name, part, where)
            return function

        return declare

    def numbers(self, table: Table, *columns: str) -> None:
        """Declare numbers of the asked row as features as they are, each under the name ``<column>_number``.

        >>> product = Collecting(Draft("wine", "ana", "picked", "wine.py:1"))
        >>> product.numbers(product.table("wine.parquet", key="id", time="picked"), "alcohol", "hue")
        >>> list(product._draft.features)
        ['alcohol_number', 'hue_number']
        """
        for column in columns:
            self._plain(table, f"{column}_number", column, lambda value: value)

    def codes(self, table: Table, **columns: Sequence[str]) -> None:
        """Declare texts of the asked row as features: the place of each value in a list, missing for any other.

        Each is named ``<column>_code``; a list in order of frequency keeps its places when rarer values come.
        """
        for column, values in columns.items():
            places, listed = list(range(len(values))), list(values)
            self._plain(table, f"{column}_code", column, partial(_place, listed, places))

    def _plain(self, table: Table, name: str, column: str, function: Function) -> None:
        where = caller()
        self._adopt(table, where)
        part = Feature(name=name, table=table.name, kind="row", function=function, inputs=(column,), where=where)
        self._draft.add(self._draft.features, name, part, where)

    def _adopt(self, table: Table, where: str) -> None:
        """Add a table that was declared elsewhere, unless it stands here already; another one of its name is a fault."""
        known = self._draft.tables.setdefault(table.name, table)
        if known is not table and _said(known) != _said(table):
            what = (
                f"two tables are called {table.name!r}, and they are not declared alike: {_said(known)} and {_said(table)}"
            )
            self._draft.fault(what, where, "use one of them for both, or give one another name: name=")

    def _duration(self, value: str | timedelta | None, where: str) -> timedelta | None:
        if value is None or isinstance(value, timedelta):
            return value
        return self._parsed(lambda: parse_duration(value), where)

    def _parsed(self, parse: Callable[[], Parsed], where: str) -> Parsed | None:
        try:
            return parse()
        except FaultyError as error:
            for fault in error.faults:
                self._draft.faults.append(Fault(what=fault.what, where=where, remedy=fault.remedy))
            return None


def _place(values: list[str], places: list[int], column: pl.Expr) -> pl.Expr:
    return column.cast(pl.String).replace_strict(values, places, default=None, return_dtype=pl.Int32)


def inputs(function: Function) -> tuple[str, ...]:
    """Return the names of a function's parameters."""
    return tuple(inspect.signature(function).parameters)


def line(function: Function) -> str:
    """Return where a function begins, like ``flights.py:12``."""
    return f"{Path(function.__code__.co_filename).name}:{function.__code__.co_firstlineno}"


def caller() -> str:
    """Return the place in the author's file that called."""
    frame = sys._getframe(1)  # noqa: SLF001  the place in the author's file; inspect.stack() reads every source
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("trimaran."):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


def _said(table: Table) -> str:
    """Return what makes a table the one it is, in words."""
    late = ", ".join(f"{column}: {moment}" for column, moment in sorted(table.known.items()))
    age = f", max_age {table.max_age}" if table.max_age is not None else ""
    return f"{table.source.label} (key {', '.join(table.key)}, time {table.time}, known {{{late}}}{age})"
