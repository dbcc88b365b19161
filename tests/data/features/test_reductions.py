import math
import operator
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.data.declaration import Feature
from trimaran.data.features.reductions import reduced
from trimaran.data.features.timeline import Timeline
from trimaran.data.features.windows import TimeWindow

NOON = datetime(2013, 1, 1, 12, tzinfo=UTC)
WHOLE = st.none() | st.integers(-1000, 1000)
SMALL = st.none() | st.integers(-100, 100)
REAL = st.none() | st.floats(-1e6, 1e6, width=32) | st.just(math.nan)
TRUTH = st.none() | st.booleans()
EVERY = {"mean": pl.Expr.mean, "total": pl.Expr.sum, "seen": pl.Expr.count, "rows": pl.Expr.len, "last": pl.Expr.last}
NUMERIC = EVERY | {
    "least": pl.Expr.min,
    "most": pl.Expr.max,
    "spread": pl.Expr.std,
    "variance": pl.Expr.var,
    "range": lambda x: x.max() - x.min(),
    "smoothed": lambda x: (x.sum() + 3.5) / (x.count() + 10),
    "share": lambda x: (x > 0).mean().fill_null(-1),
    "either": lambda x: pl.when(x.count() > 2).then(x.mean()).otherwise(-x.sum()),
}


def windows(functions, frame, asked, *, by_polars=False):
    """The windows' answers; ``by_polars`` they are of a slice that is all of it, which only Polars takes."""
    features = [
        Feature(name, "t", "window", lambda x, f=function: f(x.slice(0) if by_polars else x), ("x",), on=("k",))
        for name, function in functions.items()
    ]
    timeline = Timeline(frame, ("k",), "at")
    window = TimeWindow(timeline, timeline.available(frame, ["known"]), frame.select("x"), timedelta(hours=3), features)
    assert set(window._reduced) == (set() if by_polars else set(functions))
    moment = asked["at"].cast(pl.Int64).to_numpy()
    return pl.DataFrame(window.answer(timeline.groups(asked, ("k",)), moment))


def frame_of(rows, dtype):
    keys, hours, delays, values = zip(*rows, strict=True) if rows else ((), (), (), ())
    at = [NOON + timedelta(hours=hour) for hour in hours]
    known = [None if delay is None else moment + timedelta(hours=delay) for moment, delay in zip(at, delays, strict=True)]
    moments = pl.Datetime("us", "UTC")
    return pl.DataFrame(
        {"k": list(keys), "at": at, "known": known, "x": list(values)},
        schema={"k": pl.String, "at": moments, "known": moments, "x": dtype},
    )


@pytest.mark.parametrize(
    ("dtype", "values", "functions"),
    [
        (pl.Int64, WHOLE, NUMERIC),
        (pl.Int32, WHOLE, NUMERIC),
        (pl.Int8, SMALL, NUMERIC),
        (pl.Float64, REAL, NUMERIC),
        (pl.Boolean, TRUTH, EVERY),
    ],
    ids=["Int64", "Int32", "Int8", "Float64", "Boolean"],
)
@given(data=st.data())
def test_reductions_answer_what_polars_answers(dtype, values, functions, data):
    row = st.tuples(st.sampled_from("ab"), st.integers(-6, 6), st.none() | st.integers(0, 4), values)
    frame = frame_of(data.draw(st.lists(row, max_size=40)), dtype)
    hours = data.draw(st.lists(st.integers(-7, 9), min_size=1, max_size=30))
    asked = pl.DataFrame(
        {"k": [data.draw(st.sampled_from("abc")) for _ in hours], "at": [NOON + timedelta(hours=hour) for hour in hours]}
    )
    got, expected = windows(functions, frame, asked), windows(functions, frame, asked, by_polars=True)
    assert got.schema == expected.schema
    for name in functions:
        for ours, theirs in zip(got[name], expected[name], strict=True):
            assert ours == theirs or ours == pytest.approx(theirs, rel=1e-9, abs=1e-6, nan_ok=True), name


X, Y, AT = pl.col("x"), pl.col("y"), pl.col("at")


@pytest.mark.parametrize(
    ("expression", "kinds"),
    [
        (X.mean(), ["mean"]),
        (X.mean().alias("delay"), ["mean"]),
        ((X - Y).sum(), ["sum"]),
        ((X > 15).mean(), ["mean"]),
        (X.sum() / X.count(), ["sum", "count"]),
        (1 - X.mean(), ["mean"]),
        (X.mean().fill_null(Y.max()), ["mean", "max"]),
        (AT.dt.hour().max(), ["max"]),
        ((pl.col("predict_at").first() - AT.max()).dt.total_hours(), ["moment", "max"]),
        (X.std(ddof=0), None),
        (X.median(), None),
        (X.n_unique(), None),
        (pl.lit(3), None),
        (X, None),
        (X.cast(pl.Float32).mean(), None),
        (X.drop_nulls().mean(), None),
        (X.filter(Y > 1).mean(), None),
        ((X - X.mean()).sum(), None),
        (X.shift().sum(), None),
        (X.map_batches(operator.neg, return_dtype=pl.Int64).sum(), None),
        (X.mean() + X.median(), None),
    ],
    ids=str,
)
def test_reductions_are_found_in_expressions_and_nothing_else_is_taken_for_one(expression, kinds):
    schema = pl.Schema({"x": pl.Int64(), "y": pl.Int64(), "at": pl.Datetime("us", "UTC")})
    found = reduced(expression, schema)
    assert (found and [each.kind for each in found.reductions]) == kinds


def test_a_sum_of_large_whole_numbers_is_exact():
    large = 2**62
    frame = frame_of([("a", -1, 0, large), ("a", -1, 0, 1), ("a", 0, 0, None)], pl.Int64)
    asked = pl.DataFrame({"k": ["a"], "at": [NOON]})
    assert windows(EVERY, frame, asked)["total"].to_list() == [large + 1]


def test_a_mean_of_whole_numbers_whose_sum_no_integer_holds_is_right():
    frame = frame_of([("a", -1, 0, 2**62)] * 6, pl.Int64)
    assert windows(EVERY, frame, pl.DataFrame({"k": ["a"], "at": [NOON]}))["mean"].to_list() == [2.0**62]


def test_few_rows_and_many_rows_get_the_same_answers():
    random = np.random.default_rng(3)
    rows = [("ab"[n % 2], int(random.integers(-6, 6)), 0, float(random.normal())) for n in range(500)]
    frame = frame_of(rows, pl.Float64)
    hours = random.integers(-6, 7, 1000)
    asked = pl.DataFrame(
        {"k": ["ab"[n % 2] for n in range(1000)], "at": [NOON + timedelta(hours=int(hour)) for hour in hours]}
    )
    together = windows(NUMERIC, frame, asked)
    alone = pl.concat([windows(NUMERIC, frame, asked[n : n + 1]) for n in range(0, 1000, 37)])
    assert together[::37].equals(alone)


def test_rows_before_a_window_do_not_change_a_bit_of_it():
    random = np.random.default_rng(5)
    recent = [("a", int(hour), int(late), float(x) / 3) for hour, late, x in random.integers(-2, 3, (300, 3))]
    recent = [(key, hour, abs(late), x * 10.0**hour) for key, hour, late, x in recent]
    old = [("a", -9, 0, 1e12 / 7)] * 50
    asked = pl.DataFrame({"k": ["a"] * 5, "at": [NOON + timedelta(hours=hour) for hour in range(5)]})
    alone = windows(NUMERIC, frame_of(recent, pl.Float64), asked)
    assert windows(NUMERIC, frame_of(old + recent, pl.Float64), asked).equals(alone)


def test_numbers_of_very_different_size_are_left_to_polars():
    frame = frame_of([("a", -1, 0, 1e300), ("a", -1, 0, 1e-300)], pl.Float64)
    with pytest.raises(AssertionError, match="total"):
        windows({"total": pl.Expr.sum}, frame, pl.DataFrame({"k": ["a"], "at": [NOON]}))


@pytest.mark.parametrize("dtype", [pl.Int32, pl.Int64])
def test_a_sum_that_overflows_does_so_as_in_polars(dtype):
    largest = 2 ** (31 if dtype == pl.Int32 else 63) - 1
    frame, asked = frame_of([("a", -1, 0, largest)] * 3, dtype), pl.DataFrame({"k": ["a"], "at": [NOON]})
    total = {"total": pl.Expr.sum}
    assert windows(total, frame, asked).equals(windows(total, frame, asked, by_polars=True))
