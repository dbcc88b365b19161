"""Reads sources: what a product file may name as one, and the way of its rows into the shape of their table."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from trimaran.core.errors import DefinitionError, Fault, InputError
from trimaran.core.ports import Progress
from trimaran.data.sources.conforming import conform
from trimaran.data.sources.files import Files
from trimaran.data.sources.source import PLACE, REASONS, Reading, Shape, Source, Span
from trimaran.data.sources.values import Function, as_frame, frame


def as_source(given: Any) -> Source:
    """Return what a product file names as a source: a place of files, or what ``tm.sql``, ``tm.delta`` and their like made.

    A data frame and a function are taken as ``tm.frame`` and ``tm.rows`` would. Raises ``DefinitionError``.

    >>> as_source("data/flights.parquet").label
    'data/flights.parquet'
    """
    if isinstance(given, (str, Path)):
        scheme, there, _ = str(given).partition("://")
        if there and scheme != "s3":
            remedy = "write a path, s3://bucket/prefix, or tm.sql(statement, url)"
            raise DefinitionError("source", [Fault(what=f"there is no way to {scheme}:// places", remedy=remedy)])
        return Files(str(given))
    if isinstance(given, Source):
        return given
    if hasattr(given, "columns") or hasattr(given, "__arrow_c_stream__"):
        return frame(as_frame(given, "source"))
    if callable(given):
        return Function(given, getattr(given, "__name__", ""))
    what = f"a {type(given).__name__} is no source of rows"
    raise DefinitionError(
        "source", [Fault(what=what, remedy="name a path, or use tm.files, tm.sql, tm.frame, tm.delta, tm.rows")]
    )


def guessed(source: Source) -> bool:
    """Return whether a source's types are only what its text looks like; raises ``NotFound``.

    >>> guessed(frame(pl.DataFrame({"id": [1]})))
    False
    """
    return isinstance(source, Files) and source.guessed


def columns(source: Source, moments: Collection[str]) -> pl.Schema:
    """Return the columns of a source, as its ``schema`` does; raises ``InputError`` for names that a table cannot have.

    >>> columns(frame(pl.DataFrame({"id": [1]})), ()).names()
    ['id']
    """
    found = source.schema(moments)
    faults = [
        Fault(what=f"column {name!r} has a name that {why}", where=source.label, remedy="give it another name")
        for name, why in ((name, _unusual(name)) for name in found)
        if why
    ]
    if faults:
        raise InputError("source", faults)
    return found


def _unusual(name: str) -> str:
    if name in {REASONS, PLACE}:
        return "quarantined rows have a column of"
    return "Polars takes for a pattern" if name == "*" or (name.startswith("^") and name.endswith("$")) else ""


def read(source: Source, shape: Shape, *, span: Span | None = None, progress: Progress | None = None) -> Reading:
    """Return what a source holds in the shape of its table; raises errors of ours that name places, rows and columns.

    >>> import polars as pl
    >>> found = read(frame(pl.DataFrame({"id": ["1", "x"]})), Shape("rides", pl.Schema({"id": pl.Int64()})))
    >>> found.rows["id"].to_list(), found.unreadable["refused_at"].to_list()
    ([1], ["a data frame of 2 rows and 1 columns, row 2: id 'x'"])
    """
    found = conform(shape, source.parts(shape, span, progress))
    if span is None or span.column not in shape.schema:
        return found
    return replace(found, rows=found.rows.filter(span.expression))
