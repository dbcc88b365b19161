"""Which expressions look beyond their own row."""

from __future__ import annotations

import polars as pl
import pytest

from trimaran.data.features.evaluation import looks_aside

A, B = pl.col("a"), pl.col("b")
TEXT = A.cast(pl.String)
SCHEMA = pl.Schema({"a": pl.Int64(), "b": pl.Int64()})


@pytest.mark.parametrize(
    "expression",
    [
        A + B,
        pl.lit(3),
        pl.lit(3) + 1,
        pl.when(A > 1).then(B).otherwise(0),
        A.radians().sin().abs(),
        A.is_in([1, 2]),
        A.fill_null(0),
        A.replace_strict({1: 2}, default=0),
        TEXT.str.split("x").list.get(0, null_on_oob=True),
        TEXT.cast(pl.Categorical).to_physical(),
        A.cast(pl.Datetime("us", "UTC")).dt.convert_time_zone("America/New_York").dt.hour(),
        pl.sum_horizontal("a", "b"),
        pl.max_horizontal(A, B),
        pl.struct("a", "b").struct.field("a"),
        A.map_elements(lambda value: value, return_dtype=pl.Int64),
        A.hash(),
    ],
    ids=str,
)
def test_a_function_of_one_row_does_not(expression):
    assert not looks_aside(expression, SCHEMA)


@pytest.mark.parametrize(
    "expression",
    [
        A - A.mean(),
        A.sum().over("b"),
        pl.when(A.max() > B).then(B),
        A.shift(),
        A.rank(),
        A.cum_sum(),
        A.forward_fill(),
        A.fill_null(strategy="mean"),
        A.interpolate(),
        A.rolling_mean(3),
        A.is_duplicated(),
        A.sort(),
        A.mean(),
        A.filter(B > 1),
        A.head(1),
        pl.len() + A,
        (A - A.min()) / (A.max() - A.min()),
    ],
    ids=str,
)
def test_a_function_of_other_rows_does(expression):
    assert looks_aside(expression, SCHEMA)
