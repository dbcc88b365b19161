"""Rows that the author's own code has or makes: a data frame, or a function over a span of time."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from trimaran.core.canon import digest
from trimaran.core.durations import parse_duration
from trimaran.core.errors import DefinitionError, Fault, InputError, UserCodeError
from trimaran.core.ports import Progress
from trimaran.data.sources.source import Part, Shape, Span

Rows = Callable[[datetime | None, datetime | None], Any]


@dataclass(frozen=True, eq=False)
class Frame:
    """The rows of a data frame; two of the same content are equal."""

    rows: pl.DataFrame
    called: str = ""
    mark: str = field(init=False, default="")

    def __post_init__(self) -> None:
        hashes = self.rows.hash_rows(seed=13).to_numpy().tobytes() if self.rows.width else b""
        object.__setattr__(self, "mark", digest(repr(self.rows.schema).encode() + hashes))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frame) and other.mark == self.mark

    def __hash__(self) -> int:
        return hash(self.mark)

    @property
    def name(self) -> str:
        """The name it was given."""
        return self.called

    @property
    def label(self) -> str:
        """How many rows and columns it has."""
        return f"a data frame of {self.rows.height:,} rows and {self.rows.width} columns"

    def at(self, root: Path) -> Frame:  # noqa: ARG002  a frame is where it is
        """Return the frame itself."""
        return self

    def schema(self, moments: Collection[str]) -> pl.Schema:  # noqa: ARG002  a frame says its types
        """Return the columns of the frame."""
        return self.rows.schema

    def parts(self, shape: Shape, span: Span | None, progress: Progress | None) -> Iterator[Part]:  # noqa: ARG002  it is here
        """Yield the rows of a span."""
        inside = span is not None and self.rows.schema.get(span.column) == shape.schema.get(span.column)
        yield Part(self.rows.filter(span.expression) if span is not None and inside else self.rows, self.label)

    def fingerprint(self, moments: Collection[str]) -> str:  # noqa: ARG002  the content tells
        """Return the digest of the content."""
        return self.mark


@dataclass(frozen=True)
class Function:
    """The rows that a function returns for the moments of a span; made by ``rows``."""

    function: Rows = field(compare=False)
    called: str = ""
    late: timedelta | None = None
    grows: str | None = None

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.called

    @property
    def label(self) -> str:
        """The function's name."""
        return f"{self.called}()"

    def at(self, root: Path) -> Function:  # noqa: ARG002  a function is where it is
        """Return the function itself."""
        return self

    def schema(self, moments: Collection[str]) -> pl.Schema:  # noqa: ARG002  a frame says its types
        """Return the columns of what the function returns for everything up to now."""
        return self._call(None, None).schema

    def parts(self, shape: Shape, span: Span | None, progress: Progress | None) -> Iterator[Part]:  # noqa: ARG002  one call
        """Yield what the function returns for a span."""
        found = self._call(*((span.after, span.until) if span is not None else (None, None)))
        inside = span is not None and found.schema.get(span.column) == shape.schema.get(span.column)
        yield Part(found.filter(span.expression) if span is not None and inside else found, self.label)

    def fingerprint(self, moments: Collection[str]) -> None:
        """Return None: only calling the function tells whether its rows are others."""

    def _call(self, since: datetime | None, until: datetime | None) -> pl.DataFrame:
        try:
            found = self.function(since, until)
        except Exception as error:
            shown = "".join(traceback.format_exception(error)[-3:])
            message = f"{self.label} raised {type(error).__name__} for ({since}, {until}]:\n{shown}"
            raise UserCodeError(message) from error
        return as_frame(found, self.label)


def frame(rows: Any, name: str = "") -> Frame:
    """Return a Polars, pandas or Arrow frame as the source of a table, as it is now.

    >>> frame(pl.DataFrame({"id": [1, 2]})).label
    'a data frame of 2 rows and 1 columns'
    """
    return Frame(as_frame(rows, "tm.frame"), name)


def rows(function: Rows, *, late: str | timedelta | None = None) -> Function:
    """Return a function as the source of a table: called as ``function(since, until)``, it returns a frame.

    It returns the rows with the table's time in (since, until]; None stands for the beginning, and for no end. With ``late``
    it is asked only for rows newer than the newest one held, reaching back by that duration. Also a decorator.

    >>> def rides(since, until):
    ...     return pl.DataFrame({"id": [1]})
    >>> rows(rides, late="2d").label
    'rides()'
    """
    if len(inspect.signature(function).parameters) != 2:  # noqa: PLR2004  since and until
        name = getattr(function, "__name__", "the function")
        fault = Fault(what=f"{name}() does not take two arguments", remedy="write it as rows(since, until)")
        raise DefinitionError("tm.rows", [fault])
    back = parse_duration(late) if isinstance(late, str) else late
    return Function(function, getattr(function, "__name__", ""), back)


def as_frame(found: Any, place: str) -> pl.DataFrame:
    """Return what is a table of rows to any of the usual libraries as a Polars frame; raises ``InputError``."""
    if isinstance(found, pl.LazyFrame):
        return found.collect(engine="streaming")
    if isinstance(found, pl.DataFrame):
        return found
    names = [str(name) for name in getattr(found, "columns", ())]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        fault = Fault(what=f"it has {', '.join(map(repr, twice))} twice", where=place, remedy="name them apart")
        raise InputError("source", [fault])
    try:
        if hasattr(found, "to_dict") and hasattr(found, "dtypes"):
            return _of_pandas(found)
        return pl.DataFrame(found)
    except (TypeError, ValueError, ImportError, pl.exceptions.PolarsError) as error:
        what = f"a {type(found).__name__} is no table of rows: {str(error).splitlines()[0]}"
        fault = Fault(what=what, where=place, remedy="give a Polars, pandas or Arrow frame")
        raise InputError("source", [fault]) from error


def _of_pandas(found: Any) -> pl.DataFrame:
    """Return a pandas frame column by column, which needs no pyarrow; what it calls missing becomes null, NaN in floats too."""
    columns = []
    for name in found.columns:
        held, kind = found[name], str(found[name].dtype)
        if kind.startswith(("int", "uint", "float", "bool")):
            columns.append(pl.Series(str(name), held.to_numpy(), nan_to_null=True))
        elif kind.startswith("datetime64"):
            zone = getattr(held.dtype, "tz", None)
            unit = held.dt.unit
            whole = held.to_numpy(f"datetime64[{unit}]").astype("int64").tolist()
            gone = held.isna().tolist()
            kept = [None if bad else value for value, bad in zip(whole, gone, strict=True)]
            ticks = pl.Series(str(name), kept, pl.Int64) * (1_000_000 if unit == "s" else 1)
            moments = ticks.cast(pl.Datetime("us" if unit == "s" else unit, None if zone is None else "UTC"))
            columns.append(moments if zone is None else moments.dt.convert_time_zone(str(zone)))
        else:
            values = held.astype(object).where(held.notna(), None).tolist()
            columns.append(pl.Series(str(name), values))
    return pl.DataFrame(columns)
