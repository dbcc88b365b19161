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


def days_that_differ(generator, days, rows=60):
    """Return clusters, labels and two scores: each day has its own rate and its own strength of either score."""
    day = np.repeat(np.arange(days), generator.integers(rows // 2, 3 * rows // 2, days))
    rate, strength = generator.normal(size=days)[day], 1 + 0.6 * generator.normal(size=(2, days))[:, day]
    signal = generator.normal(size=day.size)
    labels = generator.random(day.size) < 1 / (1 + np.exp(1.2 - signal - 0.8 * rate))
    scores = strength * signal + 0.5 * rate + generator.normal(size=(2, day.size)) / 2
    return day, labels, scores


@pytest.fixture(scope="module")
def truth():
    """The areas and their difference over ten thousand days."""
    _, labels, (first, second) = days_that_differ(np.random.default_rng(8), 10_000)
    return auc(labels, first).value, auc_difference(labels, first, second).value


def holds(measured, value):
    return measured.low <= value <= measured.high


@pytest.mark.parametrize("days", [5, 20, 30])
def test_intervals_by_day_hold_where_those_of_independent_rows_do_not(days, truth):
    generator = np.random.default_rng(days)
    by_day, by_row = [], []
    for _ in range(500):
        day, labels, (first, second) = days_that_differ(generator, days)
        by_day.append((holds(auc(labels, first, clusters=day), truth[0]),
                       holds(auc_difference(labels, first, second, clusters=day), truth[1])))  # fmt: skip
        by_row.append((holds(auc(labels, first), truth[0]), holds(auc_difference(labels, first, second), truth[1])))
    assert (np.mean(by_day, axis=0) >= 0.92).all()
    assert (np.mean(by_day, axis=0) <= 0.98).all()
    assert (np.mean(by_row, axis=0) <= 0.85).all()


def test_clusters_of_one_row_give_the_variance_of_delong():
    generator = np.random.default_rng(9)
    labels, first = binormal(generator, 4000, 0.8)
    second = first + generator.normal(size=4000)
    for apart, alone in [
        (auc(labels, first, clusters=range(4000)), auc(labels, first)),
        (auc_difference(labels, first, second, clusters=range(4000)), auc_difference(labels, first, second)),
    ]:
        assert apart.value == alone.value
        assert apart.high - apart.low == pytest.approx(alone.high - alone.low, rel=1e-3)


def test_the_clustered_variance_is_obuchowskis():
    generator = np.random.default_rng(10)
    day, labels, (scores, _) = days_that_differ(generator, 9)
    kernel = by_pairs(labels, scores)
    above, below, area = kernel.mean(axis=1), kernel.mean(axis=0), kernel.mean()
    of_positive = np.array([(above[day[labels] == one] - area).sum() for one in range(9)]) / labels.sum()
    of_negative = np.array([(below[day[~labels] == one] - area).sum() for one in range(9)]) / (~labels).sum()
    error = math.sqrt(9 / 8 * ((of_positive + of_negative) ** 2).sum())
    measured = auc(labels, scores, clusters=day)
    logit = [math.log(x / (1 - x)) for x in (measured.low, measured.high)]
    assert (logit[1] - logit[0]) / 2 == pytest.approx(2.306004 * error / (area * (1 - area)), rel=1e-5)


def test_names_of_clusters_do_not_matter():
    day, labels, (scores, _) = days_that_differ(np.random.default_rng(11), 12)
    assert auc(labels, scores, clusters=day) == auc(labels, scores, clusters=[f"day {-one}" for one in day])


def test_few_clusters_are_told_and_a_single_one_has_no_interval():
    labels, scores = binormal(np.random.default_rng(12), 100, 0.8)
    assert auc(labels, scores, clusters=np.arange(100) % 7).note == "only 7 clusters: a wide interval by Student's t"
    assert auc(labels, scores, clusters=np.arange(100) % 8).note == ""
    for alone in (auc(labels, scores, clusters=[1] * 100), auc_difference(labels, scores, -scores, clusters=[1] * 100)):
        assert (alone.low, alone.note) == (None, "no interval: one class is in a single cluster")


def test_perfect_separation_in_few_days_is_not_certainty():
    measured = auc([0, 1] * 500, [0.1, 0.9] * 500, clusters=np.repeat(np.arange(5), 200))
    assert (measured.value, measured.low) == (1.0, pytest.approx(0.025 ** (1 / 5)))


def test_each_row_has_a_cluster():
    with pytest.raises(InputError, match="3 rows but 2 clusters"):
        auc([0, 1, 1], [0.1, 0.2, 0.3], clusters=["mon", "tue"])
