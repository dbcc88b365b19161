"""MASE is what its paper says it is, and its interval holds its level by simulation."""

import math

import numpy as np
import pytest

from trimaran.core.errors import InputError
from trimaran.core.statistics import interval, scaled_error

RUNS = 400


def test_it_is_the_mean_of_errors_in_units_of_each_rows_scale():
    labels, given, scales = np.array([3.0, 5.0, 100.0]), np.array([4.0, 5.0, 70.0]), np.array([2.0, 2.0, 20.0])
    assert scaled_error(labels, given, scales).value == pytest.approx((1 / 2 + 0 + 30 / 20) / 3)


def test_the_naive_forecast_itself_has_one_on_the_rows_its_scale_is_of():
    values = np.random.default_rng(3).normal(size=500).cumsum()
    labels, naive = values[7:], values[:-7]
    scale = np.full(labels.size, np.abs(labels - naive).mean())
    assert scaled_error(labels, naive, scale).value == pytest.approx(1.0)


def test_a_series_of_any_size_counts_alike():
    labels, given = np.array([1.0, 2.0, 3.0]), np.array([1.5, 2.0, 2.0])
    small, large = (scaled_error(size * labels, size * given, size * np.ones(3)).value for size in (1.0, 1e6))
    assert small == pytest.approx(large)


def test_the_interval_holds_its_level_where_the_truth_is_known():
    """Of independent normal values the mean errs by sqrt(2/pi) and the naive forecast by 2/sqrt(pi): MASE is 1/sqrt(2)."""
    generator, covered = np.random.default_rng(11), 0
    for _ in range(RUNS):
        trained = generator.normal(size=20_000)
        scale = np.abs(np.diff(trained)).mean()
        labels = generator.normal(size=300)
        seen = interval(scaled_error(labels, np.zeros(300), np.full(300, scale)), 0.95)
        covered += seen.low <= 1 / math.sqrt(2) <= seen.high
    # Four standard errors of a share of 0.95 among 400.
    assert abs(covered / RUNS - 0.95) <= 4 * math.sqrt(0.95 * 0.05 / RUNS)


@pytest.mark.parametrize("scales", [[1.0], [1.0, 0.0], [1.0, -1.0]])
def test_scales_that_are_none_are_refused(scales):
    with pytest.raises(InputError, match="scales above zero for 2 rows"):
        scaled_error([1.0, 2.0], [1.0, 2.0], scales)
