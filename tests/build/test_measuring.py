from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from sklearn import metrics

from trimaran.build import SMALL
from trimaran.build.measuring import measures_of, reliability_points, roc_points, slices_of, weeks_of
from trimaran.core.checks import MEASURES
from trimaran.core.tasks import Value, YesOrNo

VALUE = Value(true_positive=10, false_positive=-4)
TASK = YesOrNo(VALUE)


@pytest.fixture(scope="module")
def rows():
    generator = np.random.default_rng(5)
    scores = generator.uniform(size=4000).round(2)
    return (generator.uniform(size=4000) < scores).astype(np.int64), scores


def test_the_measures_agree_with_scikit_learn(rows):
    labels, scores = rows
    seen = {name: measure.value for name, measure in measures_of(TASK, labels, scores).items()}
    acted = scores >= VALUE.threshold
    assert seen.keys() <= MEASURES.keys()
    assert seen["auc"] == pytest.approx(metrics.roc_auc_score(labels, scores))
    assert seen["brier"] == pytest.approx(metrics.brier_score_loss(labels, scores))
    assert seen["log_loss"] == pytest.approx(metrics.log_loss(labels, np.clip(scores, 1e-15, 1)))
    assert seen["accuracy"] == pytest.approx(metrics.accuracy_score(labels, acted))
    assert seen["value"] == pytest.approx((10 * (acted & (labels == 1)) - 4 * (acted & (labels == 0))).mean())


def test_scores_that_are_no_numbers_are_left_out(rows):
    labels, scores = rows
    broken = np.append(scores, [np.nan, 1.5])
    assert measures_of(TASK, np.append(labels, [1, 0]), broken) == measures_of(TASK, labels, scores)


def test_small_slices_are_pooled_and_stand_last(rows):
    labels, scores = rows
    carriers = pl.Series("carrier", ["A"] * 2000 + ["B"] * 1900 + ["C"] * 60 + [None] * 40)
    parts = slices_of("carrier", carriers, labels, scores, TASK, 100)
    assert [(part.value, part.rows) for part in parts] == [("A", 2000), ("B", 1900), (SMALL, 100)]


def test_intervals_of_slices_widen_with_their_number(rows):
    labels, scores = rows
    halves = slices_of("x", pl.Series("x", ["A", "B"] * 2000), labels, scores, TASK, 1)
    quarters = slices_of("x", pl.Series("x", ["A", "B", "C", "D"] * 1000), labels, scores, TASK, 1)
    assert halves[0].measures["auc"].level == pytest.approx(0.95)
    assert quarters[0].measures["auc"].level == pytest.approx(0.975)


def test_weeks_hold_every_row_once(rows):
    labels, scores = rows
    start = datetime(2024, 1, 1, tzinfo=UTC)
    moments = pl.Series([start + timedelta(minutes=5 * row) for row in range(4000)])
    weeks = weeks_of(TASK, "auc", moments, labels, scores)
    assert [week.rows for week in weeks] == [2016, 1984]
    assert [week.start for week in weeks] == [start, start + timedelta(days=7)]


def test_the_roc_curve_has_the_area_of_the_scores(rows):
    labels, scores = rows
    points = roc_points(TASK, labels, scores)
    assert points[0] == (0.0, 0.0)
    assert points[-1] == (1.0, 1.0)
    assert len(points) <= 100
    assert metrics.auc(*zip(*points, strict=True)) == pytest.approx(metrics.roc_auc_score(labels, scores), abs=1e-3)


def test_one_class_has_no_curve():
    assert roc_points(TASK, np.array([1, 1]), np.array([0.1, 0.9])) == []


def test_the_calibration_curve_of_honest_scores_lies_on_the_diagonal(rows):
    points = reliability_points(TASK, *rows)
    assert sum(point.rows for point in points) == 4000
    assert all(abs(point.score - point.rate) < 0.08 for point in points)


def test_rows_that_share_their_day_widen_every_interval(rows):
    labels, scores = rows
    generator = np.random.default_rng(6)
    days = np.sort(generator.integers(0, 30, labels.size))
    better = generator.random(30)[days] < 0.3
    shared = np.where(better, labels * 0.5 + scores * 0.5, scores)
    apart, by_day = measures_of(TASK, labels, shared), measures_of(TASK, labels, shared, days=days)
    for name in ("auc", "brier", "log_loss", "accuracy", "value"):
        assert by_day[name].value == pytest.approx(apart[name].value)
        assert by_day[name].high - by_day[name].low > 1.2 * (apart[name].high - apart[name].low)
