"""The area under the curve: what it is, how often its interval holds, what a difference it sees."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.core.errors import InputError
from trimaran.core.statistics import auc, auc_difference

rows = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=40)


def by_pairs(labels, scores):
    """Return the kernel of every pair of a positive and a negative: 1, 1/2 for a tie, 0."""
    positive, negative = scores[labels][:, None], scores[~labels][None, :]
    return (positive > negative) + 0.5 * (positive == negative)


def delong(kernel):
    """Return DeLong's variance written out over all pairs."""
    return kernel.mean(axis=1).var(ddof=1) / kernel.shape[0] + kernel.mean(axis=0).var(ddof=1) / kernel.shape[1]


def binormal(generator, size, area, positives=0.3):
    labels = generator.random(size) < positives
    return labels, generator.normal(size=size) + labels * math.sqrt(2) * NormalDist().inv_cdf(area)


@given(rows)
def test_it_is_the_share_of_pairs_in_order_with_ties_as_halves(sample):
    labels, scores = (np.array(column) for column in zip(*sample, strict=True))
    measured = auc(labels, scores)
    if labels.all() or not labels.any():
        assert measured.value is None
        assert "only one class" in measured.note
    else:
        assert measured.value == pytest.approx(by_pairs(labels, scores).mean())


@given(rows)
def test_the_interval_holds_the_value_and_is_never_a_point(sample):
    labels, scores = (np.array(column) for column in zip(*sample, strict=True))
    measured = auc(labels, scores)
    if min(labels.sum(), (~labels).sum()) >= 2:
        assert 0 <= measured.low <= measured.value + 1e-12
        assert measured.value - 1e-12 <= measured.high <= 1
        assert measured.low < measured.high


@given(rows)
def test_any_rising_map_of_the_scores_leaves_it_alone(sample):
    labels, scores = (np.array(column) for column in zip(*sample, strict=True))
    assert auc(labels, scores) == auc(labels, np.exp(scores / 3) - 5)


def test_the_variance_is_delongs():
    generator = np.random.default_rng(1)
    labels, scores = binormal(generator, 200, 0.8)
    scores = np.round(scores, 1)
    measured = auc(labels, scores, level=0.9)
    kernel = by_pairs(labels, scores)
    logit = [math.log(x / (1 - x)) for x in (measured.low, measured.high)]
    half = NormalDist().inv_cdf(0.95) * math.sqrt(delong(kernel)) / (kernel.mean() * (1 - kernel.mean()))
    assert (logit[1] - logit[0]) / 2 == pytest.approx(half)


def test_the_paired_variance_is_delongs():
    generator = np.random.default_rng(2)
    labels, first = binormal(generator, 200, 0.8)
    second = np.round(first + generator.normal(size=200), 1)
    measured = auc_difference(labels, first, second)
    kernel = by_pairs(labels, first) - by_pairs(labels, second)
    assert measured.value == pytest.approx(kernel.mean())
    assert (measured.high - measured.low) / 2 == pytest.approx(1.959964 * math.sqrt(delong(kernel)), rel=1e-6)


@pytest.mark.parametrize(("area", "size", "least"), [(0.7, 400, 0.935), (0.95, 300, 0.93), (0.99, 200, 0.92)])
def test_95_of_100_intervals_hold_the_true_area(area, size, least):
    generator = np.random.default_rng(3)
    measured = [auc(*binormal(generator, size, area)) for _ in range(1000)]
    held = np.mean([m.low <= area <= m.high for m in measured])
    assert least <= held <= 0.975


def test_perfect_separation_of_few_rows_is_not_certainty():
    few, many = (auc([0] * n + [1] * n, range(2 * n)) for n in (5, 500))
    assert few.value == many.value == few.high == 1
    assert few.low == pytest.approx(0.025 ** (1 / 5))
    assert many.low > 0.99


def test_a_score_without_information_keeps_an_open_mind():
    measured = auc([0, 1] * 50, [0.5] * 100)
    assert measured.value == 0.5
    assert measured.low < 0.45
    assert measured.high > 0.55


def test_one_row_of_a_class_gives_a_value_without_interval():
    measured = auc([0, 0, 1], [1, 3, 2])
    assert (measured.value, measured.low) == (0.5, None)
    assert "single row" in measured.note


def test_equal_models_are_called_different_at_most_at_the_stated_rate():
    generator = np.random.default_rng(4)
    alarms = 0
    for _ in range(1500):
        labels, base = binormal(generator, 400, 0.75)
        first, second = base + generator.normal(size=(2, 400)) / 2
        measured = auc_difference(labels, first, second)
        alarms += not measured.low <= 0 <= measured.high
    assert 0.03 <= alarms / 1500 <= 0.067


def test_a_loss_of_three_points_is_seen_in_3000_rows():
    generator = np.random.default_rng(5)
    seen = 0
    for _ in range(200):
        labels, base = binormal(generator, 3000, 0.76)
        seen += auc_difference(labels, base, base + generator.normal(size=3000) / 2).low > 0
    assert seen / 200 >= 0.95


def test_swapping_the_models_turns_the_difference_round():
    generator = np.random.default_rng(6)
    labels, first = binormal(generator, 300, 0.8)
    second = first + generator.normal(size=300)
    there, back = auc_difference(labels, first, second), auc_difference(labels, second, first)
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))


def test_models_that_rank_alike_may_still_differ_by_the_rule_of_three():
    labels = [0, 1] * 100
    measured = auc_difference(labels, range(200), np.arange(200) ** 3)
    assert measured.value == 0
    assert measured.high == -measured.low == pytest.approx(3 / 100, rel=0.02)


def test_every_fault_of_the_rows_is_named_at_once():
    with pytest.raises(InputError) as caught:
        auc_difference([0, 2, 1], [0.1, math.nan, 0.2], [0.1, 0.2])
    assert [fault.what for fault in caught.value.faults] == [
        "labels hold 2",
        "1 of 3 scores_a are NaN or infinite",
        "3 labels but 2 scores_b",
    ]
