"""Which rows belong together: a number for each key, the same for equal keys of any two tables."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

MARK = "\0mark"
"""The column of marks."""


def mark(columns: Sequence[str], schema: pl.Schema) -> pl.Expr:
    """Return the mark of each row's key, null where a null or NaN is in it, which matches nothing.

    Keys that are equal have equal marks, also where their columns have other types: 1 is 1.0, a Categorical is its text.
    Marks are those of one version of Polars and are not kept.

    >>> rows = pl.DataFrame({"origin": ["JFK", "LGA", None, "JFK"]})
    >>> first, other, missing, again = rows.select(mark(["origin"], rows.schema)).to_series()
    >>> first == again, first == other, missing
    (True, False, None)
    """
    plain = [_plain(name, schema[name]).alias(str(number)) for number, name in enumerate(columns)]
    known = pl.all_horizontal(*(column.is_not_null() for column in plain))
    return pl.when(known).then(pl.struct(plain).hash(seed=0)).alias(MARK)


def _plain(name: str, kind: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(kind, pl.Categorical | pl.Enum):
        return column.cast(pl.String)
    if kind.is_numeric() or kind == pl.Boolean:
        return column.cast(pl.Float64).fill_nan(None)
    if isinstance(kind, pl.Datetime | pl.Duration):
        return column.dt.cast_time_unit("us").to_physical()
    if isinstance(kind, pl.String | pl.Binary | pl.Date | pl.Time):
        return column
    # Of other types it is not known what equals what: all their keys stay together.
    return pl.when(column.is_not_null()).then(0)
