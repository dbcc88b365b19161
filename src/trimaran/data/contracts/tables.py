"""The checks of a table: uniqueness, references to other tables, how many rows, how fresh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl

from trimaran.core.durations import format_duration
from trimaran.core.nouns import Outcome
from trimaran.data.contracts.checks import Check, RowCheck, Surroundings, WholeCheck, needs
from trimaran.data.contracts.literals import as_expression


@dataclass(frozen=True, kw_only=True)
class Unique(RowCheck):
    """A combination of values comes once in the table: the first row that has it is right, later ones are not.

    A row with a null among the columns equals no other; NaN equals NaN, and 0.0 equals -0.0.
    """

    @property
    def words(self) -> str:
        return f"{', '.join(self.columns)} {'is' if len(self.columns) == 1 else 'are'} not unique"

    def broken(self, schema: Mapping[str, pl.DataType]) -> pl.Expr:
        return (first_of(self.columns).not_() | pl.col(_marker(self)).fill_null(value=False)) & _whole_row(self.columns)

    def beside(self, rows: pl.LazyFrame, around: Surroundings) -> pl.LazyFrame:
        return _mark(rows, self, around.present, self.columns)


@dataclass(frozen=True, kw_only=True)
class Reference(RowCheck):
    """What columns hold is there in another table's columns; a row with a null among them refers to nothing."""

    table: str
    others: tuple[str, ...]

    @property
    def words(self) -> str:
        return f"{', '.join(self.columns)} is not in {self.table}.{', '.join(self.others)}"

    def unknown(self, around: Surroundings) -> str:
        held = around.others.get(self.table)
        if held is None or held.is_empty():
            return f"there are no rows of {self.table} to look in"
        missing = [name for name in self.others if name not in held.columns]
        return f"{self.table} has no column {', '.join(missing)}" if missing else ""

    def broken(self, schema: Mapping[str, pl.DataType]) -> pl.Expr:
        return pl.col(_marker(self)).is_null() & _whole_row(self.columns)

    def beside(self, rows: pl.LazyFrame, around: Surroundings) -> pl.LazyFrame:
        return _mark(rows, self, around.others.get(self.table), self.others)


@dataclass(frozen=True, kw_only=True)
class Rows(WholeCheck):
    """A delivery has so many rows; an empty one has none, and is judged."""

    low: int | None = None
    high: int | None = None

    @property
    def words(self) -> str:
        bounds = [f"at least {self.low:,}"] if self.low is not None else []
        return f"rows: {' and '.join([*bounds, *([f'at most {self.high:,}'] if self.high is not None else [])])}"

    def measured(self, schema: Mapping[str, pl.DataType], around: Surroundings) -> pl.Expr:
        return pl.len()

    def judged(self, value: Any, rows: int, around: Surroundings) -> tuple[Outcome, str]:
        held = (self.low is None or value >= self.low) and (self.high is None or value <= self.high)
        return "pass" if held else "fail", f"{value:,} rows were delivered"


@dataclass(frozen=True, kw_only=True)
class Fresh(WholeCheck):
    """The newest moment of a column is at most so old; a moment that is yet to come does not count."""

    age: timedelta

    @property
    def words(self) -> str:
        return f"{self.columns[0]}: at most {format_duration(self.age)} old"

    def faults(self, schema: Mapping[str, pl.DataType]) -> list[str]:
        return needs(
            self, schema, "moments with a zone", lambda kind: isinstance(kind, pl.Datetime) and bool(kind.time_zone)
        )

    def measured(self, schema: Mapping[str, pl.DataType], around: Surroundings) -> pl.Expr:
        column, kind = pl.col(self.columns[0]), schema[self.columns[0]]
        past = column if around.now is None else column.filter(column <= as_expression(around.now, kind))
        return past.max()

    def judged(self, value: Any, rows: int, around: Surroundings) -> tuple[Outcome, str]:
        if around.now is None or not rows:
            return "unknown", "the delivery has no rows" if not rows else "nobody said what time it is"
        if value is None:
            return "fail", f"no {self.columns[0]} up to {around.now.isoformat()} was delivered"
        held = around.now - value <= self.age
        return "pass" if held else "fail", f"the newest is of {value.isoformat()}"


def first_of(columns: tuple[str, ...]) -> pl.Expr:
    """Return where a combination of values comes for the first time; one column needs no struct, which is slower."""
    return pl.col(columns[0]).is_first_distinct() if len(columns) == 1 else pl.struct(columns).is_first_distinct()


def _whole_row(columns: tuple[str, ...]) -> pl.Expr:
    return pl.all_horizontal(*(pl.col(name).is_not_null() for name in columns))


def _marker(check: Check) -> str:
    return f"\0{check.name}\0{check.policy}"


def _mark(rows: pl.LazyFrame, check: Check, held: pl.DataFrame | None, columns: tuple[str, ...]) -> pl.LazyFrame:
    """Return the rows with a mark on those whose values are in columns of another table, in their order."""
    if held is None or held.is_empty():
        return rows.with_columns(pl.lit(None, dtype=pl.Boolean).alias(_marker(check)))
    schema = rows.collect_schema()
    keys = [f"\0{number}" for number in range(len(columns))]
    pairs = zip(keys, columns, check.columns, strict=True)
    other = held.lazy().select(pl.col(theirs).cast(schema[ours], strict=False).alias(key) for key, theirs, ours in pairs)
    marked = other.unique().with_columns(pl.lit(value=True).alias(_marker(check)))
    return rows.join(marked, left_on=check.columns, right_on=keys, how="left", maintain_order="left")
