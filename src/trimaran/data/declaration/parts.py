"""The parts a product is declared of: plain, frozen, with the author's functions in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

import polars as pl

from trimaran.core.durations import format_duration

Function = Callable[..., Any]


@dataclass(frozen=True)
class Moment:
    """A moment of each row: a time column moved by an offset, like ``sched_dep - 2h``."""

    column: str
    offset: timedelta = timedelta()

    @property
    def expression(self) -> pl.Expr:
        """The moment as a Polars expression over the row's columns."""
        return pl.col(self.column) + self.offset

    def __str__(self) -> str:
        if not self.offset:
            return self.column
        sign = "-" if self.offset < timedelta() else "+"
        return f"{self.column} {sign} {format_duration(abs(self.offset))}"


@dataclass(frozen=True)
class Table:
    """A declared table: where its rows come from, what names a row, and when each column becomes true.

    ``time`` is the event time; ``known`` maps a column to the time column at which its value becomes known (a column not
    named there is known at ``time``); ``max_age`` is how old the newest row may be and still count.
    """

    name: str
    source: str
    key: tuple[str, ...]
    time: str | None = None
    known: dict[str, str] = field(default_factory=dict)
    max_age: timedelta | None = None
    schema: pl.Schema = field(default_factory=pl.Schema)

    @property
    def late(self) -> dict[str, str]:
        """Every column whose value is not there from the start, with the column that says when it is."""
        return {**{moment: moment for moment in self.known.values()}, **self.known}


@dataclass(frozen=True)
class Feature:
    """A declared feature.

    ``kind``: ``row`` (an expression over the asked row), ``newest`` (over the newest row of ``table`` known at
    predict_at whose key equals the asked row's ``on`` columns; without ``time`` in the table, the one row with that key)
    or ``window`` (an aggregation over the rows of ``table`` whose ``on`` columns equal the asked row's, with event time
    in (predict_at - window, predict_at] and every used column known by predict_at).
    """

    name: str
    table: str
    kind: Literal["row", "newest", "window"]
    function: Function
    inputs: tuple[str, ...]
    on: tuple[str, ...] = ()
    window: timedelta | None = None
    where: str = ""

    @property
    def expression(self) -> pl.Expr:
        """The author's function, applied to the columns its parameters name."""
        result: pl.Expr = self.function(*(pl.col(name) for name in self.inputs))
        return result.alias(self.name)
