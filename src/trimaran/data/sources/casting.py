"""Casts a column to the declared type, cell by cell, where nothing is lost by it."""

from __future__ import annotations

import polars as pl

TEXT_LIMIT = 16 << 20
"""The longest text of a cell, in bytes."""

_ZONED = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z", "%Y-%m-%d %H:%M%#z")
_NAIVE = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M")
_TRUE, _FALSE = ["true", "True", "TRUE"], ["false", "False", "FALSE"]
_FIRST, _LAST = -719_162, 2_932_896  # days of 0001-01-01 and 9999-12-31 since 1970


def lossless(column: pl.Series, kind: pl.DataType) -> pl.Series | None:
    """Return a column as ``kind``, null where that would lose something; None where no cell can be of it.

    Text becomes what it says: ``"2.0"`` is the integer 2, ``"2.5"`` is none; a moment is ISO 8601, with a zone where the
    kind has one. A moment before year 1 or after 9999, a text of more than ``TEXT_LIMIT`` bytes and a finite number too
    large for its type are lost.

    >>> lossless(pl.Series(["7", "2.0", "2.5", None]), pl.Int64()).to_list()
    [7, 2, None, None]
    >>> lossless(pl.Series([1.0, 2.5]), pl.Int32()).to_list()
    [1, None]
    >>> lossless(pl.Series([True]), pl.Datetime("us", "UTC")) is None
    True
    """
    have = column.dtype
    try:
        if have in (kind, pl.Null):
            cast = column.cast(kind)
        elif have == pl.String and not kind.is_nested():
            cast = _from_text(column, kind)
        elif _unrelated(have, kind):
            return None
        else:
            there = column.cast(kind, strict=False)
            back = there.cast(have, strict=False)
            cast = there.to_frame("x").select(pl.when(back.eq_missing(column)).then("x")).to_series()
    except pl.exceptions.PolarsError:
        return None
    return _bounded(cast).alias(column.name)


def _unrelated(have: pl.DataType, kind: pl.DataType) -> bool:
    if isinstance(have, pl.Datetime) and isinstance(kind, pl.Datetime):
        return (have.time_zone is None) != (kind.time_zone is None)
    numbers = have.is_numeric() or have == pl.Boolean
    if have == pl.Boolean and kind.is_numeric():
        return False
    if kind == pl.String:
        return have.is_nested() or have == pl.Binary
    if numbers and kind == pl.Boolean:
        return False
    if isinstance(have, pl.Date) and isinstance(kind, pl.Datetime):
        return kind.time_zone is not None
    return numbers != kind.is_numeric() or have.is_temporal() != kind.is_temporal()


def _from_text(text: pl.Series, kind: pl.DataType) -> pl.Series:
    frame, cell = text.to_frame("x"), pl.col("x")
    if kind.is_integer():
        whole = cell.cast(kind, strict=False)
        decimal = cell.str.extract(r"^([+-]?\d+)\.0*$").cast(kind, strict=False)
        told = pl.coalesce(whole, decimal)
    elif kind.is_float():
        number = cell.cast(kind, strict=False)
        lost = number.is_infinite() & ~cell.str.to_lowercase().str.contains("inf", literal=True)
        told = pl.when(~lost).then(number)
    elif kind == pl.Boolean:
        told = pl.when(cell.is_in(_TRUE)).then(statement=True).when(cell.is_in(_FALSE)).then(statement=False)
    elif isinstance(kind, pl.Datetime):
        told = _moment(cell, kind)
    else:
        told = cell.cast(kind, strict=False)
    return frame.select(told.cast(kind, strict=False)).to_series()


def _moment(cell: pl.Expr, kind: pl.Datetime) -> pl.Expr:
    forms = _NAIVE if kind.time_zone is None else _ZONED
    told = pl.coalesce(cell.str.to_datetime(form, strict=False, time_unit=kind.time_unit) for form in forms)
    return told if kind.time_zone is None else told.dt.convert_time_zone(kind.time_zone)


def _bounded(column: pl.Series) -> pl.Series:
    """Return a column without what is beyond every other part's means: Python's years, and texts without an end."""
    frame, cell = column.to_frame("x"), pl.col("x")
    if isinstance(column.dtype, pl.Datetime):
        year = cell.dt.convert_time_zone("UTC") if column.dtype.time_zone is not None else cell
        days = year.dt.timestamp("ms") // 86_400_000
        return frame.select(pl.when(days.is_between(_FIRST, _LAST)).then(cell)).to_series()
    if column.dtype == pl.Date:
        return frame.select(pl.when(cell.cast(pl.Int32).is_between(_FIRST, _LAST)).then(cell)).to_series()
    if column.dtype == pl.String:
        return frame.select(pl.when(cell.str.len_bytes() <= TEXT_LIMIT).then(cell)).to_series()
    return column
