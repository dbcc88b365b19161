"""Trends: significant as seldom as stated without one, and an honest date with one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.core.errors import InputError
from trimaran.core.statistics import trend

DAYS = np.arange(12.0)


def windows(generator, slope, rows):
    """Return qualities of windows, the noise of each shrinking with its rows."""
    return 0.8 + slope * DAYS + generator.normal(size=DAYS.size) * 0.3 / np.sqrt(rows)


def test_a_steady_quality_has_a_significant_trend_at_the_stated_rate():
    generator = np.random.default_rng(1)
    rows = generator.integers(100, 2000, size=DAYS.size)
    found = [trend(DAYS, windows(generator, 0.0, rows), rows).significant for _ in range(3000)]
    assert 0.04 <= np.mean(found) <= 0.06


def test_the_next_window_and_the_slope_are_held_at_their_level():
    generator = np.random.default_rng(2)
    rows = generator.integers(100, 2000, size=DAYS.size)
    next_held, slope_held = [], []
    for _ in range(3000):
        line = trend(DAYS, windows(generator, -0.004, rows), rows)
        ahead = line.at(15, weight=300)
        next_held.append(ahead.low <= 0.8 - 0.004 * 15 + generator.normal() * 0.3 / np.sqrt(300) <= ahead.high)
        slope_held.append(line.change.low <= -0.004 <= line.change.high)
    assert 0.94 <= np.mean(next_held) <= 0.96
    assert 0.94 <= np.mean(slope_held) <= 0.96


def test_the_day_of_the_floor_is_held_at_its_level_and_known_for_a_clear_fall():
    generator = np.random.default_rng(3)
    rows = np.full(DAYS.size, 1000)
    found = [trend(DAYS, windows(generator, -0.005, rows), rows).days_until_below(0.70) for _ in range(2000)]
    known = [day for day in found if day.value is not None]
    assert len(known) / len(found) >= 0.95
    # 0.8 - 0.005 x 20 = 0.70, and the newest window is day 11.
    assert 0.93 <= np.mean([day.low <= 9 <= day.high for day in known]) <= 0.97


def test_the_days_are_those_where_the_band_of_the_line_meets_the_floor():
    line = trend([0, 1, 2, 3, 4, 5], [0.80, 0.77, 0.79, 0.75, 0.77, 0.73], [1, 2, 1, 3, 1, 2])
    assert 0.01 < line.p_value < 0.05
    met = line.days_until_below(0.6)
    band = []
    for day, side in ((met.low, -1), (met.value, 0), (met.high, 1)):
        away = line.last_day + day - line.centre_day
        error = np.sqrt(line.noise * (1 / line.weight + away**2 / line.spread))
        band.append(line.centre_value + line.slope * away + side * line.quantile * error)
    assert band == pytest.approx([0.6, 0.6, 0.6])


def test_heavy_windows_count_more():
    values = [0.8, 0.8, 0.8, 0.5]
    light, heavy = (trend([0, 1, 2, 3], values, [1, 1, 1, weight]) for weight in (1e-6, 1))
    assert light.slope == pytest.approx(0, abs=1e-5)
    assert heavy.slope == pytest.approx(-0.09)


@given(st.floats(0.5, 1000), st.floats(-1000, 1000))
def test_the_unit_of_weights_and_the_first_day_do_not_matter(scale, start):
    values, rows = [0.80, 0.79, 0.782, 0.77], np.array([1.0, 2, 3, 4])
    plain, moved = trend([0, 1, 2, 3], values, rows), trend(start + np.arange(4), values, scale * rows)
    assert moved.slope == pytest.approx(plain.slope)
    assert moved.p_value == pytest.approx(plain.p_value, rel=1e-4)
    there, here = moved.days_until_below(0.7), plain.days_until_below(0.7)
    assert (there.value, there.low, there.high) == pytest.approx((here.value, here.low, here.high), rel=1e-4)


def test_a_quality_without_a_clear_fall_has_no_date():
    assert trend([0, 1, 2, 3], [0.8, 0.7, 0.8, 0.7]).days_until_below(0.6).note.startswith("unknown")
    assert trend([0, 1, 2, 3], [0.7, 0.71, 0.722, 0.73]).days_until_below(0.6).note == "never: the quality rises"


def test_a_floor_already_met_is_met_now():
    assert trend([0, 1, 2, 3], [0.80, 0.79, 0.782, 0.77]).days_until_below(0.9).value == 0


def test_an_exact_line_knows_its_day():
    met = trend([0, 1, 2], [1.0, 0.75, 0.5]).days_until_below(0.0)
    assert (met.low, met.value, met.high) == (2, 2, 2)


def test_two_windows_or_one_day_make_no_trend():
    assert trend([0, 1], [0.8, 0.7]) is None
    assert trend([3, 3, 3], [0.8, 0.7, 0.9]) is None


def test_every_fault_of_the_windows_is_named_at_once():
    with pytest.raises(InputError) as caught:
        trend([0, 1, 2], [0.8, 0.7], [1, 0, 1])
    assert len(caught.value.faults) == 2
