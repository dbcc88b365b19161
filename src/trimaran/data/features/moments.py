"""Moments as whole microseconds, so that tables of any precision compare exactly."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trimaran.core.errors import Fault, InputError

Micros = NDArray[np.int64]

NEVER = np.iinfo(np.int64).max
"""The moment of a fact that has none: no moment asked for reaches it."""

ALWAYS = -(2**62)
"""Before every moment; far enough from the smallest integer that a window can be taken off it."""

UTC = pl.Datetime("us", "UTC")
"""The type in which moments are shown to expressions."""

_MICROSECOND = timedelta(microseconds=1)
_NANOS = 1000


def span(duration: timedelta) -> int:
    """Return a duration in microseconds."""
    return duration // _MICROSECOND


def of_facts(column: pl.Series) -> Micros:
    """Return when facts happened or became known: nanoseconds are rounded up, so that none is seen early; null is never."""
    return _micros(column, empty=NEVER, up=True)


def of_asked(column: pl.Series, offset: timedelta) -> Micros:
    """Return the moments asked for: a column moved by an offset, nanoseconds rounded down; null is before every fact."""
    moments = _micros(column, empty=ALWAYS, up=False)
    if not column.null_count():
        return moments + span(offset)
    return np.where(moments == ALWAYS, ALWAYS, moments + span(offset))


def as_column(moments: Micros) -> pl.Series:
    """Return moments as a column in UTC, null where there is none."""
    column = pl.Series(moments).cast(UTC)
    nowhere = moments == ALWAYS
    return column.set(pl.Series(nowhere), None) if nowhere.any() else column


def _micros(column: pl.Series, *, empty: int, up: bool) -> Micros:
    kind = column.dtype
    if not isinstance(kind, pl.Datetime | pl.Date | pl.Null):
        fault = Fault(what=f"column {column.name!r} is {kind}, not a moment", remedy="make it a Datetime in UTC")
        raise InputError("times", [fault])
    nanos = isinstance(kind, pl.Datetime) and kind.time_unit == "ns"
    whole = (column if nanos else column.cast(pl.Datetime("us"))).cast(pl.Int64)
    numbers = (whole.fill_null(0) if whole.null_count() else whole).to_numpy()
    if nanos:
        numbers = -(-numbers // _NANOS) if up else numbers // _NANOS
    return np.where(whole.is_null().to_numpy(), empty, numbers) if whole.null_count() else numbers
