"""Rows by what they say, for stores that hold frames."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import polars as pl


def selects(criteria: Mapping[str, Collection[str]], columns: Sequence[str]) -> pl.Expr:
    """Return the condition that a row's text in any of some columns is among those wanted; a column that is not there says no.

    >>> frame = pl.DataFrame({"tail": ["N1", None], "n": [1, 2]})
    >>> frame.filter(selects({"tail": ["N1"], "gone": ["x"]}, frame.columns)).height
    1
    """
    wanted = [
        pl.col(column).cast(pl.String).is_in(list(texts)).fill_null(value=False)
        for column, texts in criteria.items()
        if column in columns
    ]
    return pl.any_horizontal(wanted) if wanted else pl.lit(value=False)
