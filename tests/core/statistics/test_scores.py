"""Measures of probabilities and decisions against labels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.core.errors import InputError
from trimaran.core.statistics import accuracy, brier, calibration_error, confusion, log_loss

rows = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=50)


def drawn(generator, size):
    chance = generator.beta(2, 5, size=size)
    return generator.random(size) < chance, chance


@given(rows, st.floats(0, 1))
def test_the_four_counts_are_those_of_a_loop(sample, threshold):
    labels, scores = zip(*sample, strict=True)
    counts = confusion(labels, scores, threshold)
    seen = [(label, score >= threshold) for label, score in sample]
    assert counts.true_positive == seen.count((True, True))
    assert counts.false_positive == seen.count((False, True))
    assert counts.true_negative == seen.count((False, False))
    assert counts.false_negative == seen.count((True, False))
    assert counts.n == len(sample)


def test_the_rates_have_the_right_denominators():
    counts = confusion([1] * 10 + [0] * 30, [1] * 8 + [0] * 2 + [1] * 3 + [0] * 27)
    rates = [counts.accuracy(), counts.precision(), counts.recall()]
    assert [rate.value for rate in rates] == pytest.approx([35 / 40, 8 / 11, 8 / 10])
    assert [rate.n for rate in rates] == [40, 11, 10]


def test_precision_is_unknown_when_nothing_is_called_positive():
    assert confusion([0, 1], [0.1, 0.2]).precision().value is None


def test_the_brier_score_is_held_at_its_level():
    generator = np.random.default_rng(1)
    true = 10 / 49 * 7 / 8  # E p(1 - p) of a beta(2, 5)
    measured = [brier(*drawn(generator, 300)) for _ in range(2000)]
    assert 0.93 <= np.mean([m.low <= true <= m.high for m in measured]) <= 0.97


def test_log_loss_is_the_mean_surprise_and_finite_for_a_certain_mistake():
    assert log_loss([1, 0], [0.8, 0.4]).value == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2)
    assert log_loss([1, 0], [0.0, 0.0]).value == pytest.approx(36.04 / 2, abs=0.01)


def test_a_calibrated_model_shows_the_error_that_noise_explains():
    generator = np.random.default_rng(2)
    measured = [calibration_error(*drawn(generator, 2000)) for _ in range(300)]
    explained = [float(m.note.split()[6]) for m in measured]
    assert np.mean([m.value for m in measured]) == pytest.approx(np.mean(explained), rel=0.05)


def test_a_model_that_promises_ten_points_too_much_shows_ten_points():
    labels, chance = drawn(np.random.default_rng(3), 20_000)
    assert calibration_error(labels, np.clip(chance + 0.1, 0, 1)).value == pytest.approx(0.1, abs=0.01)


def test_equal_probabilities_stay_in_one_bin_whatever_the_order_of_rows():
    labels, chance = [0] * 50 + [1] * 50, [0.5] * 100
    assert calibration_error(labels, chance).value == 0


@pytest.mark.parametrize("measure", [brier, log_loss, calibration_error])
def test_a_number_that_is_no_probability_is_refused(measure):
    with pytest.raises(InputError, match=r"1 probabilities lie outside \[0, 1\], the first is 1.5"):
        measure([0, 1], [0.5, 1.5])


@pytest.mark.parametrize("measure", [brier, log_loss, calibration_error])
def test_no_rows_have_no_quality(measure):
    assert measure([], []).value is None


def test_rows_of_one_day_are_one_cluster_in_every_measure():
    generator = np.random.default_rng(5)
    labels, chance = drawn(generator, 600)
    labels_, chance_ = np.repeat(labels, 4), np.repeat(chance, 4)
    for measure in (brier, log_loss, accuracy):
        once = measure(labels, chance, clusters=np.arange(600))
        again = measure(labels_, chance_, clusters=np.repeat(np.arange(600), 4))
        assert (again.value, again.low, again.high) == pytest.approx((once.value, once.low, once.high))
