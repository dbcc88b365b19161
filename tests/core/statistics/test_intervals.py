"""Intervals of a mean and of a proportion: they hold as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from trimaran.core.errors import InputError
from trimaran.core.statistics import mean, proportion
from trimaran.core.statistics.intervals import hoeffding


@pytest.mark.parametrize(("n", "chance"), [(50, 0.1), (200, 0.05), (200, 0.5), (1000, 0.01), (1000, 0.3)])
def test_a_proportion_is_held_at_its_level(n, chance):
    counts = np.arange(n + 1)
    log_weight = special.gammaln(n + 1) - special.gammaln(counts + 1) - special.gammaln(n - counts + 1)
    mass = np.exp(log_weight + counts * np.log(chance) + (n - counts) * np.log1p(-chance))
    held = [m.low <= chance <= m.high for m in (proportion(int(count), n) for count in counts)]
    assert 0.93 <= mass[held].sum() <= 0.98


@given(st.integers(1, 10_000), st.data())
def test_a_proportion_lies_in_its_interval_and_mirrors(n, data):
    successes = data.draw(st.integers(0, n))
    there, back = proportion(successes, n), proportion(n - successes, n)
    assert 0 <= there.low <= there.value <= there.high <= 1
    assert there.low < there.high
    assert (there.low, there.high) == pytest.approx((1 - back.high, 1 - back.low))


def test_nothing_counted_is_no_proportion():
    assert proportion(0, 0).value is None
    with pytest.raises(InputError, match="3 successes in 2 trials"):
        proportion(3, 2)


def test_a_mean_is_held_at_its_level():
    generator = np.random.default_rng(1)
    held = [m.low <= 1 / 3 <= m.high for m in (mean(generator.beta(1, 2, size=200), level=0.9) for _ in range(2000))]
    assert 0.88 <= np.mean(held) <= 0.92


def test_a_sample_without_spread_is_not_certainty():
    assert mean([0.0] * 100, floor=0, ceiling=1).high == pytest.approx(0.136, abs=1e-3)
    bare = mean([3.0] * 100)
    assert (bare.value, bare.low, bare.high) == (3.0, None, None)


def test_limits_that_are_known_are_kept():
    measured = mean([0.0, 0.0, 0.0, 1.0], floor=0, ceiling=1)
    assert measured.low == 0
    assert measured.high < 1


@pytest.mark.parametrize("level", [0, 1, 95, float("nan")])
def test_a_level_is_a_probability(level):
    with pytest.raises(InputError, match="does not exist"):
        mean([1.0, 2.0], level=level)


def test_no_rows_have_no_mean_and_a_nan_is_refused():
    assert mean([]).note == "no rows"
    with pytest.raises(InputError, match="1 of 2 values are NaN or infinite"):
        mean([1.0, np.nan])


@pytest.mark.parametrize("days", [5, 25])
def test_a_mean_of_rows_that_share_their_day_is_held_by_day_and_not_by_row(days):
    generator = np.random.default_rng(days)
    by_day, by_row = [], []
    for _ in range(1000):
        day = np.repeat(np.arange(days), generator.integers(20, 60, days))
        values = generator.normal(size=days)[day] + generator.normal(size=day.size)
        by_day.append(mean(values, clusters=day))
        by_row.append(mean(values))
    assert 0.92 <= np.mean([m.low <= 0 <= m.high for m in by_day]) <= 0.98
    assert np.mean([m.low <= 0 <= m.high for m in by_row]) <= 0.6


def test_clusters_of_one_row_are_rows():
    values = np.random.default_rng(3).normal(size=5000)
    apart, alone = mean(values, clusters=range(5000)), mean(values)
    assert (apart.low, apart.high) == pytest.approx((alone.low, alone.high), rel=1e-3)


def test_one_day_has_no_interval_and_alike_days_have_hoeffdings():
    assert mean([1.0, 2.0], clusters=["mon", "mon"]).note == "no interval: all rows are of a single cluster"
    alike = mean([0.1, 0.2, 0.3] * 20, floor=0, ceiling=1, clusters=np.repeat(np.arange(20), 3))
    assert "Hoeffding" in alike.note
    assert alike.high == pytest.approx(0.2 + hoeffding(20, 0.95))
