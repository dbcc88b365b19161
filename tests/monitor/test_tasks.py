"""Numbers and classes are watched in their own terms: quality, decay, what can be estimated, and what numbers are in order."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from trimaran.core.checks import parse_rule
from trimaran.core.nouns import Measurement
from trimaran.core.tasks import Number, OneOf, Value, YesOrNo
from trimaran.data.profiles import take_profile
from trimaran.monitor import estimate, quality
from trimaran.monitor.decay import judge, trailing
from trimaran.monitor.estimation import against
from trimaran.monitor.estimation import judge as judge_estimate
from trimaran.monitor.numerics import count
from trimaran.monitor.numerics import judge as judge_numerics

NOW = datetime(2013, 7, 1, tzinfo=UTC)
WEEK = timedelta(days=7)
CLASSES = ("a", "b", "c")
MAE = Measurement(value=4.0, low=3.8, high=4.2, n=3000)


def frame(scores, labels, probabilities=None):
    n = len(scores)
    return pl.DataFrame(
        {
            "event_at": [NOW - WEEK + WEEK * (place / n) for place in range(n)],
            "score": pl.Series(scores, dtype=pl.Float64),
            "label": pl.Series(labels, dtype=pl.Float64),
            "probabilities": pl.Series(
                probabilities if probabilities is not None else [None] * n, dtype=pl.List(pl.Float64)
            ),
        }
    )


def numbers(error, n=4000, seed=0):
    generator = np.random.default_rng(seed)
    label = generator.normal(50, 10, n)
    return frame(label + generator.normal(0, error, n), label)


def classed(moved=0.0, n=4000, seed=0):
    """Answers whose probabilities are true; ``moved`` is the share of rows whose truth is drawn from nothing instead."""
    generator = np.random.default_rng(seed)
    chance = generator.dirichlet([1, 1, 1], n)
    truth = (chance.cumsum(axis=1) > generator.uniform(size=(n, 1))).argmax(axis=1)
    label = np.where(generator.uniform(size=n) < moved, generator.integers(0, 3, n), truth)
    return frame(chance.max(axis=1), label, chance.tolist())


def test_a_number_that_got_worse_is_decay_and_one_that_did_not_is_none():
    rule = parse_rule("mae > live + 1")
    for error, outcome in ((5.0, "pass"), (9.0, "fail")):
        point = quality(numbers(error), Number(), NOW - WEEK, NOW)
        finding = judge(rule, point, MAE)
        assert finding.outcome == outcome, finding.reason
        assert point.measures["mae"].value == pytest.approx(error * np.sqrt(2 / np.pi), rel=0.05)


def test_the_window_of_numbers_is_as_long_as_enough_labels_need():
    assert trailing(numbers(5.0), NOW, Number()) == NOW - WEEK
    assert trailing(numbers(5.0, n=100), NOW, Number()) < NOW - WEEK


def test_the_error_of_a_number_is_not_estimated_and_says_why():
    rows = numbers(5.0)
    estimated = estimate(rows, None, Number(), NOW - WEEK, NOW)
    checked = against(rows, None, Number(), quality(rows, Number(), NOW - WEEK, NOW))
    finding = judge_estimate(estimated, [checked], parse_rule("mae > live + 1"), MAE)
    assert finding.outcome == "unknown"
    assert "cannot be estimated without labels" in finding.reason


def profile_of(task, scores, labels):
    features = pl.DataFrame({"x": np.zeros(len(labels), dtype=np.float32)})
    return take_profile(
        features, labels, pl.DataFrame({"k": ["a"] * len(labels)}), scores=scores, outcomes=labels, task=task
    )


def test_the_accuracy_of_classes_is_estimated_and_a_moved_concept_is_seen_once_labels_come():
    task, past = OneOf(CLASSES), classed(seed=1)
    profile = profile_of(task, task.captured(past), past["label"].to_numpy())
    for moved, inside in ((0.0, True), (0.6, False)):
        rows = classed(moved, seed=2)
        point = quality(rows, task, NOW - WEEK, NOW)
        seen = against(rows, profile.calibration, task, point)
        assert seen.inside is inside
        assert seen.realised == point.measures["accuracy"]
        assert seen.estimated.low < seen.estimated.value < seen.estimated.high


def test_answers_without_all_probabilities_are_left_to_the_numerics():
    task = OneOf(CLASSES)
    rows = frame([0.5, 0.6], [0, 1], [[0.5, 0.3, 0.2], [0.6, 0.4]])
    assert quality(rows, task, NOW - WEEK, NOW).n == 1


def test_any_number_is_in_order_but_not_the_same_one_over_and_over():
    profile = profile_of(Number(), np.linspace(-100, 1000, 500), np.linspace(-100, 1000, 500))
    features = np.zeros((500, 1))
    varied, stuck = np.linspace(-500, 2000, 500), np.full(500, 7.0)
    assert judge_numerics(count(profile, ["x"], features, varied, numbers=True)).outcome == "pass"
    found = judge_numerics(count(profile, ["x"], features, stuck, numbers=True))
    assert found.outcome == "fail"
    assert "the same number" in found.reason


def test_a_yes_or_no_is_priced_as_before():
    task = YesOrNo(Value(true_positive=10, false_positive=-5))
    rows = frame([0.9, 0.9, 0.1], [1, 0, 1])
    assert quality(rows, task, NOW - WEEK, NOW).measures["value"].value == pytest.approx(5 / 3)


def test_a_declared_worth_prices_numbers_and_classes_by_name():
    task = Number(worth=lambda score, label: -(score - label).abs())
    assert quality(numbers(5.0), task, NOW - WEEK, NOW).measures["value"].value == pytest.approx(-4.0, rel=0.05)
    named = OneOf(CLASSES, worth=lambda score, label: (score == label).cast(pl.Float64) * 2)
    seen = quality(classed(), named, NOW - WEEK, NOW).measures
    assert seen["value"].value == pytest.approx(2 * seen["accuracy"].value)
