"""The checks of one column's values: null is judged by ``Required`` alone, every other check looks at what is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from trimaran.data.contracts.checks import RowCheck, needs, unlike
from trimaran.data.contracts.literals import (
    Value,
    as_expression,
    full_match,
    is_text,
    literal,
    pattern_fault,
    span_of,
    whole_bounds,
)


@dataclass(frozen=True, kw_only=True)
class Required(RowCheck):
    """No value may be null; NaN, infinities and empty text are values."""

    @property
    def words(self) -> str:
        return f"{self.columns[0]} is empty"

    def broken(self, schema: Mapping[str, pl.DataType]) -> pl.Expr:
        return pl.col(self.columns[0]).is_null()


@dataclass(frozen=True, kw_only=True)
class Finite(RowCheck):
    """A number must be one: neither NaN nor infinite."""

    @property
    def words(self) -> str:
        return f"{self.columns[0]} is NaN or infinite"

    def faults(self, schema: Mapping[str, pl.DataType]) -> list[str]:
        return needs(self, schema, "numbers", lambda kind: kind.is_numeric())

    def broken(self, schema: Mapping[str, pl.DataType]) -> pl.Expr:
        name = self.columns[0]
        return ~pl.col(name).is_finite() if schema[name].is_float() else pl.lit(value=False)


@dataclass(frozen=True, kw_only=True)
class Range(RowCheck):
    """A value lies between two bounds, both included unless open; NaN lies in no range."""

    low: Value | None = None
    high: Value | None = None
    open_low: bool = False
    open_high: bool = False

    @property
    def words(self) -> str:
        name = self.columns[0]
        low = None if self.low is None else f"{'more than' if self.open_low else 'at least'} {self.low}"
        high = None if self.high is None else f"{'less than' if self.open_high else 'at most'} {self.high}"
        return f"{name} is not {' and '.join(filter(None, [low, high]))}"

    def faults(self, schema: Mapping[str, pl.DataType]) -> list[str]:
        if self.low is None and self.high is None:
            return ["it has no bound: give a least value, a largest one, or both"]
        found = needs(self, schema, "numbers or times", lambda kind: kind.is_numeric() or kind.is_temporal())
        return found or unlike(self, [each for each in (self.low, self.high) if each is not None], schema)

    def broken(self, schema: Mapping[str, pl.DataType]) -> pl.Expr:
        name = self.columns[0]
        column, kind = pl.col(name), schema[name]
        low, high = (None if bound is None else literal(bound, kind) for bound in (self.low, self.high))
        if kind.is_integer():
            return self._whole(column, kind, low, high)
        parts = [column.is_nan()] if kind.is_float() and high is None else []  # NaN sorts above every number
        if low is not None:
            bound = as_expression(low, kind)
            parts.append(column <= bound if self.open_low else column < bound)
        if high is not None:
            bound = as_expression(high, kind)
            parts.append(column >= bound if self.open_high else column > bound)
        return _either(parts)

    def _whole(self, column: pl.Expr, kind: pl.DataType, low: Any, high: Any) -> pl.Expr:
        """Compare whole numbers as such: as floats those past 2**53 would be taken for their neighbours."""
        first, last = whole_bounds(low, high, open_low=self.open_low, open_high=self.open_high)
        least, most = span_of(kind)
        if (first is not None and first > most) or (last is not None and last < least):
            return column.is_not_null()
        parts = []
        if first is not None and first > least:
            parts.append(column < first)
        if last is not None and last < most:
            parts.append(column > last)
        return _either(parts)


@dataclass(frozen=True, kw_only=True)
class Values(RowCheck):
    """A value is one of a set; NaN is in the set only where it is listed."""

    values: tuple[Value, ...] = ()

    @property
    def words(self) -> str:
        few = ", ".join(map(str, self.values[:5])) + (f" … ({len(self.values)})" if len(self.values) > 5 else "")  # noqa: PLR2004
        return f"{self.columns[0]} is not one of {few}"

    def faults(self, schema: Mapping[str, pl.DataType]) -> list[str]:
        return unlike(self, self.values, schema)

    def broken(self, schema: Mapping[str, pl.DataType]) -> pl.Expr:
        name = self.columns[0]
        kind = schema[name]
        values = [literal(value, kind) for value in self.values]
        if kind.is_integer():
            least, most = span_of(kind)
            values = [int(value) for value in values if value == value // 1 and least <= value <= most]
        if is_text(kind):
            column, kind = pl.col(name).cast(pl.String), pl.String()
        else:
            column = pl.col(name)
        # A null in the list would let null pass for a value: there is none, and null is never broken.
        return ~column.is_in(pl.Series(values, dtype=kind).implode())


@dataclass(frozen=True, kw_only=True)
class Pattern(RowCheck):
    """A text matches a pattern from its first character to its last, a trailing newline included."""

    pattern: str = ""

    @property
    def words(self) -> str:
        return f"{self.columns[0]} does not match {self.pattern}"

    def faults(self, schema: Mapping[str, pl.DataType]) -> list[str]:
        wrong = pattern_fault(self.pattern)
        return needs(self, schema, "text", is_text) + ([f"the pattern cannot be used: {wrong}"] if wrong else [])

    def broken(self, schema: Mapping[str, pl.DataType]) -> pl.Expr:
        return ~pl.col(self.columns[0]).cast(pl.String).str.contains(full_match(self.pattern))


@dataclass(frozen=True, kw_only=True)
class Length(RowCheck):
    """A text has so many characters (not bytes), a list so many items."""

    low: int | None = None
    high: int | None = None

    @property
    def words(self) -> str:
        bounds = " and ".join(
            [f"at least {self.low}"] * (self.low is not None) + [f"at most {self.high}"] * (self.high is not None)
        )
        return f"{self.columns[0]} has not a length of {bounds}"

    def faults(self, schema: Mapping[str, pl.DataType]) -> list[str]:
        return needs(self, schema, "text or lists", lambda kind: is_text(kind) or isinstance(kind, pl.List))

    def broken(self, schema: Mapping[str, pl.DataType]) -> pl.Expr:
        name = self.columns[0]
        column = pl.col(name)
        length = column.list.len() if isinstance(schema[name], pl.List) else column.cast(pl.String).str.len_chars()
        parts = [length < self.low] if self.low is not None else []
        return _either([*parts, *([length > self.high] if self.high is not None else [])])


def _either(parts: list[pl.Expr]) -> pl.Expr:
    return pl.any_horizontal(*parts) if len(parts) > 1 else parts[0] if parts else pl.lit(value=False)
