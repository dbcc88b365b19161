"""A forecast is held against the naive one on the same rows, and in units of its error on the rows trained on."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from trimaran.build.forecasting import against_naive, scaled_error_of
from trimaran.build.training_set import Rows, TrainingSet
from trimaran.core.nouns import Balance
from trimaran.core.tasks import Number
from trimaran.data.declaration import Naive

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
NAIVE = Naive("sold_lag_7d", ("shop",))


def rows_of(shops, labels, naive, first=0):
    days = pl.Series([BEGIN + timedelta(days=first + place // 2) for place in range(len(labels))])
    features = pl.DataFrame({"sold_lag_7d": np.array(naive, dtype=np.float32)})
    return Rows(features, np.array(labels, dtype=np.float64), pl.DataFrame({"shop": shops}), days, days)


def training_set(train, test):
    balance = Balance(handover="training", since=None, until=BEGIN, entered=0, left={})
    return TrainingSet(train, test, balance, balance, {}, BEGIN, BEGIN)


def test_only_rows_where_the_naive_forecast_is_known_are_compared():
    test = rows_of(["a"] * 4, [10, 12, 14, 16], [8, 8, np.nan, 8])
    seen = against_naive(NAIVE, Number(), "mae", test, np.array([11.0, 11.0, 99.0, np.nan]))
    assert (seen.rows, seen.missing, seen.measure, seen.feature) == (2, 1, "mae", "sold_lag_7d")
    assert (seen.value.value, seen.naive.value) == (1.0, 3.0)
    assert seen.difference.value == pytest.approx(-2.0)


def test_each_series_has_its_own_scale_and_one_that_is_too_short_that_of_all():
    shops = ["small"] * 20 + ["large"] * 20 + ["short"] * 2
    labels = [1.0] * 20 + [1000.0] * 20 + [50.0] * 2
    naive = [1.5] * 20 + [1300.0] * 20 + [52.0] * 2
    test = rows_of(["small", "large", "short", "new"], [1, 1000, 50, 5], [1, 1, 1, 1], first=40)
    seen = scaled_error_of(
        NAIVE, Number(), training_set(rows_of(shops, labels, naive), test), np.array([2.0, 850.0, 51.0, 9.0])
    )
    whole = (20 * 0.5 + 20 * 300 + 2 * 2) / 42
    assert seen.value == pytest.approx((1 / 0.5 + 150 / 300 + 1 / whole + 4 / whole) / 4)


@pytest.mark.parametrize("naive", [[np.nan] * 20, [1.0] * 20], ids=["never known", "never wrong"])
def test_without_a_scale_there_is_no_such_measure_and_it_says_why(naive):
    train, test = rows_of(["a"] * 20, [1.0] * 20, naive), rows_of(["a"], [1.0], [1.0], first=40)
    seen = scaled_error_of(NAIVE, Number(), training_set(train, test), np.array([1.0]))
    assert seen.value is None
    assert "known on no training row, or never wrong there" in seen.note
