"""Bounds and values as people write them, turned into what a column's type can be compared with exactly."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

import polars as pl

Value = bool | int | float | str
"""What a contract may compare with; moments and days are ISO 8601 text."""

_FAMILIES: dict[str, Callable[[Any], bool]] = {
    "integer": lambda kind: kind.is_integer(),
    "number": lambda kind: kind.is_numeric(),
    "string": lambda kind: kind == pl.String or isinstance(kind, pl.Categorical | pl.Enum),
    "boolean": lambda kind: kind == pl.Boolean,
    "date": lambda kind: kind == pl.Date,
    "timestamp": lambda kind: isinstance(kind, pl.Datetime),
    "time": lambda kind: kind == pl.Time,
    "array": lambda kind: isinstance(kind, pl.List | pl.Array),
    "object": lambda kind: isinstance(kind, pl.Struct),
}
TYPES = tuple(_FAMILIES)
"""The logical types of a column, as the Open Data Contract Standard names them."""


def is_of(kind: pl.DataType, logical: str) -> bool:
    """Return whether a column of a Polars type is of a logical type; a column of nothing but nulls is of every type.

    >>> is_of(pl.Int16(), "integer"), is_of(pl.Int16(), "number"), is_of(pl.Float64(), "integer"), is_of(pl.Null(), "date")
    (True, True, False, True)
    """
    return kind == pl.Null or _FAMILIES[logical](kind)


def logical_type(kind: pl.DataType) -> str | None:
    """Return the narrowest logical type of a Polars type; None where the standard has no word for it."""
    return next((name for name in TYPES if kind != pl.Null and is_of(kind, name)), None)


def is_text(kind: pl.DataType) -> bool:
    """Return whether a column holds text, plain or coded."""
    return is_of(kind, "string")


def literal(value: Value, kind: pl.DataType) -> Any:
    """Return a value as a column's own type would hold it; raises ``ValueError`` that says why it cannot.

    A moment without a zone is read as UTC in a column with a zone. Of a column of whole numbers, a number that is not
    whole is returned as it is: nothing equals it, and a bound is rounded inwards by ``whole_bounds``.

    >>> literal("2013-01-01", pl.Date())
    datetime.date(2013, 1, 1)
    >>> literal("x", pl.Int64())
    Traceback (most recent call last):
    ValueError: 'x' is no Int64
    """
    if kind == pl.Null:
        return value
    if kind == pl.Boolean and isinstance(value, bool):
        return value
    if kind.is_numeric() and isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if is_text(kind) and isinstance(value, str):
        return value
    if isinstance(value, str) and kind.is_temporal():
        return _temporal(value, kind)
    raise ValueError(f"{value!r} is no {kind}")


def whole_bounds(low: Any, high: Any, *, open_low: bool, open_high: bool) -> tuple[int | None, int | None]:
    """Return the closed range of whole numbers that is the same as the given one.

    >>> whole_bounds(2.5, 7, open_low=False, open_high=True)
    (3, 6)
    """
    first = None if low is None or low == -math.inf else math.floor(low) + 1 if open_low else math.ceil(low)
    last = None if high is None or high == math.inf else math.ceil(high) - 1 if open_high else math.floor(high)
    return first, last


def span_of(kind: pl.DataType) -> tuple[int, int]:
    """Return the least and the greatest whole number a type of whole numbers can hold.

    >>> span_of(pl.Int8()), span_of(pl.UInt8())
    ((-128, 127), (0, 255))
    """
    name = str(kind)
    bits = int(name.lstrip("UInt"))
    return (0, 2**bits - 1) if name.startswith("U") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def full_match(pattern: str) -> str:
    r"""Return the expression that matches the whole of a text, its trailing newline included, and nothing less.

    >>> full_match("a|b")
    '\\A(?:a|b)\\z'
    """
    return rf"\A(?:{pattern})\z"


def pattern_fault(pattern: str) -> str | None:
    """Return why a pattern cannot be used, None where it can.

    >>> pattern_fault("a)|(b") is None, pattern_fault("[A-Z]{2}") is None
    (False, True)
    """
    for expression in (pattern, full_match(pattern)):
        try:
            pl.Series([""]).str.contains(expression, strict=True)
        except pl.exceptions.PolarsError as error:
            return re.sub(r"\s+", " ", str(error)).strip()[:200]
    return None


def _temporal(value: str, kind: pl.DataType) -> date | datetime | time:
    made: date | datetime | time | None = None
    try:
        if isinstance(kind, pl.Datetime):
            made = _zoned(datetime.fromisoformat(value), kind)
        elif kind == pl.Date:
            made = date.fromisoformat(value)
        elif kind == pl.Time:
            made = time.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"{value!r} is no {kind}") from error
    if made is None:
        raise ValueError(f"{value!r} is no {kind}")
    return made


def _zoned(moment: datetime, kind: pl.Datetime) -> datetime | None:
    """Return a moment with the zone its column has; None for one that has a zone where the column has none."""
    if kind.time_zone is None:
        return moment if moment.tzinfo is None else None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def as_expression(value: Any, kind: pl.DataType) -> pl.Expr:
    """Return a literal that compares exactly: years 1 to 9999 also against nanoseconds, which end in 2262."""
    if isinstance(value, datetime) and isinstance(kind, pl.Datetime):
        zone = kind.time_zone
        return pl.lit(value.astimezone(UTC) if zone else value, dtype=pl.Datetime("us", "UTC" if zone else None)).pipe(
            lambda expression: expression.dt.convert_time_zone(zone) if zone and zone != "UTC" else expression
        )
    return pl.lit(value)
