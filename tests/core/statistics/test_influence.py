"""Intervals by influence hold their level: simulated, by rows and by clusters, alone and paired."""

import numpy as np
import pytest

from trimaran.core.statistics import (
    absolute_error,
    class_aucs,
    explained,
    hits,
    interval,
    macro_auc,
    macro_f1,
    paired,
    pinball,
    positive_interval,
    squared_error,
)

RUNS = 400


def numbers(generator, n, shared=0.0, days=30):
    """Labels, two predictions of them, and the day of each row; ``shared`` is the error that a day's rows have in common."""
    day = generator.integers(0, days, n)
    signal = generator.normal(size=n)
    labels = signal + generator.normal(size=n) + shared * generator.normal(size=days)[day]
    return labels, 0.8 * signal, 0.5 * signal + 0.3 * generator.normal(size=n), day


def classes(generator, n, shared=0.0, days=30):
    day = generator.integers(0, days, n)
    signal = generator.normal(size=(n, 3)) + shared * generator.normal(size=(days, 3))[day]
    chance = np.exp(signal) / np.exp(signal).sum(axis=1, keepdims=True)
    labels = (chance.cumsum(axis=1) > generator.uniform(size=(n, 1))).argmax(axis=1)
    blurred = np.exp(0.5 * signal + 0.4 * generator.normal(size=(n, 3)))
    return labels, chance, blurred / blurred.sum(axis=1, keepdims=True), day


MEASURES = {
    "mae": (numbers, absolute_error, interval),
    "rmse": (numbers, squared_error, positive_interval),
    "r2": (numbers, explained, interval),
    "pinball": (numbers, lambda y, p: pinball(y, p, 0.9), interval),
    "accuracy": (classes, hits, interval),
    "macro f1": (classes, macro_f1, interval),
    "macro auc": (classes, macro_auc, interval),
    "auc of one": (classes, lambda y, p: class_aucs(y, p)[1], interval),
}


def truth_of(make, measure, shared):
    labels, first, second, _ = make(np.random.default_rng(99), 400_000, shared, days=40_000)
    return measure(labels, first).value, measure(labels, first).value - measure(labels, second).value


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("shared", [0.0, 0.7])
def test_an_interval_holds_the_truth_as_often_as_it_says_alone_and_paired(name, shared):
    make, measure, bounded = MEASURES[name]
    alone, gap = truth_of(make, measure, shared)
    generator = np.random.default_rng(4)
    held, held_paired = 0, 0
    for _ in range(RUNS):
        labels, first, second, day = make(generator, 600, shared)
        clusters = day if shared else None
        seen = bounded(measure(labels, first), clusters=clusters)
        held += seen.low <= alone <= seen.high
        seen = paired(measure(labels, first), measure(labels, second), clusters=clusters)
        held_paired += seen.low <= gap <= seen.high
    # 95 % of 400, give or take four standard errors; what is nominal only for many clusters loses two points more.
    assert 0.885 <= held / RUNS <= 0.995
    assert 0.885 <= held_paired / RUNS <= 0.995


def test_rows_of_a_day_taken_for_independent_give_intervals_that_lie():
    make, measure, bounded = MEASURES["r2"]
    alone, _ = truth_of(make, measure, 2.0)
    generator, held = np.random.default_rng(5), 0
    for _ in range(RUNS):
        labels, first, _, _ = make(generator, 600, 2.0)
        seen = bounded(measure(labels, first))
        held += seen.low <= alone <= seen.high
    assert held / RUNS < 0.85


def test_two_equal_models_differ_as_rarely_as_stated():
    generator, seen = np.random.default_rng(6), 0
    for _ in range(RUNS):
        labels, signal, _, _ = numbers(generator, 600)
        one, other = (signal + 0.3 * generator.normal(size=600) for _ in range(2))
        found = paired(squared_error(labels, one), squared_error(labels, other))
        seen += not found.low <= 0 <= found.high
    assert 0.02 <= seen / RUNS <= 0.09


def test_influences_are_zero_in_the_mean_and_bring_what_leaving_a_row_out_does():
    labels, predicted, *_ = numbers(np.random.default_rng(7), 300)
    for measure in (absolute_error, squared_error, explained):
        seen = measure(labels, predicted)
        assert abs(seen.rows.mean()) < 1e-12
        without = np.array([measure(np.delete(labels, row), np.delete(predicted, row)).value for row in range(40)])
        assert (seen.value - without) * 299 == pytest.approx(seen.rows[:40], abs=0.15)
