"""Estimates hold while the data move, and are blind when the concept does."""

from datetime import timedelta

import polars as pl
import pytest

from trimaran.core.checks import parse_rule
from trimaran.core.nouns import Measurement
from trimaran.core.tasks import Value, YesOrNo
from trimaran.monitor.decay import quality
from trimaran.monitor.estimation import against, estimate, judge, reconcile

TASK = YesOrNo(Value(true_positive=42, false_positive=-5))
WEEK = timedelta(days=7)
ACCEPTED = Measurement(value=0.80, low=0.79, high=0.81, n=8000, level=0.95)


def weeks(world, count, profile, **moved):
    since, until = world.start - WEEK, world.start
    result = []
    for _ in range(count):
        rows = world.frame(1000, 7, **moved)
        result.append(against(rows, profile.calibration, TASK, quality(rows, TASK, since, until)))
    return result


@pytest.mark.parametrize("shift", [0.0, 0.8])
def test_the_interval_holds_the_truth_while_only_the_data_move(world, shift):
    inside = sum(bool(week.inside) for _ in range(10) for week in weeks(world, 15, world.profile(4000), shift=shift))
    assert inside >= 0.91 * 150


def test_a_concept_that_moves_is_not_seen_until_the_labels_come(world):
    moved = weeks(world, 20, world.profile(), twist=0.8)
    assert not any(week.inside for week in moved)
    assert all(week.estimated.value > 0.75 for week in moved)


def test_a_finding_says_what_it_cannot_see_and_warns_when_it_was_wrong(world):
    profile = world.profile()
    rows = world.frame(2000, 7, twist=0.8)
    point = quality(rows, TASK, world.start - WEEK, world.start)
    now = estimate(rows, profile.calibration, TASK, world.start - WEEK, world.start)
    checked = against(rows, profile.calibration, TASK, point)
    finding = judge(now, [checked], parse_rule("auc < live - 0.1"), ACCEPTED)
    assert finding.outcome == "warn"
    assert f"missed the truth ({point.measures['auc'].value:.4g})" in finding.reason
    assert "none of the concept" in finding.reason
    assert judge(now, [], parse_rule("auc < live - 0.1"), ACCEPTED).outcome == "pass"


def test_an_estimate_beyond_the_alarm_warns_and_never_fails(world):
    rows = world.frame(2000, 7)
    now = estimate(rows, world.profile().calibration, TASK, world.start - WEEK, world.start)
    finding = judge(now, [], parse_rule("auc < 0.95"), None)
    assert (finding.outcome, finding.bound) == ("warn", 0.95)


def test_too_few_answers_are_unknown(world):
    rows = world.frame(499, 7)
    now = estimate(rows, world.profile().calibration, TASK, world.start - WEEK, world.start)
    assert judge(now, [], None, None).outcome == "unknown"
    none = estimate(rows, world.profile().calibration, TASK, world.start, world.start + WEEK)
    assert judge(none, [], None, None).outcome == "unknown"


def test_a_series_shows_the_truth_only_once_it_is_settled(world):
    rows = world.frame(8000, 28)
    settled = world.start - timedelta(days=9)
    points = reconcile(rows, world.profile().calibration, TASK, settled)
    assert [point.realised is not None for point in points] == [point.until <= settled for point in points]
    assert sum(point.realised is not None for point in points) >= 2
    assert all(point.estimated.value is not None for point in points)


def test_a_settled_window_is_estimated_on_the_rows_whose_labels_came(world):
    hidden = pl.when(pl.int_range(pl.len()) % 4 > 0).then("label")
    rows = world.frame(8000, 28).with_columns(label=hidden)
    for point in reconcile(rows, world.profile().calibration, TASK, world.start + WEEK):
        assert point.estimated.n == point.realised.n
