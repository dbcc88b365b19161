"""Decay is told from noise, and from a model that never was better."""

from datetime import timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from trimaran.core.checks import parse_rule
from trimaran.core.nouns import Measurement
from trimaran.core.statistics import accuracy, auc, brier, log_loss, mean, proportion
from trimaran.core.tasks import Value, YesOrNo
from trimaran.monitor.decay import forecast, judge, quality, series, trailing
from trimaran.monitor.rows import Windows

WORTH = Value(true_positive=42, false_positive=-5)
TASK = YesOrNo(WORTH)
WEEK = timedelta(days=7)
ACCEPTED = Measurement(value=0.80, low=0.79, high=0.81, n=8000, level=0.95)


def week_of(world, n, twist=0.0):
    rows = world.frame(n, 7, twist=twist)
    return quality(rows, TASK, world.start - WEEK, world.start)


def test_the_measures_are_those_of_scikit_learn(world):
    rows = world.frame(2000, 7)
    point = quality(rows, TASK, world.start - WEEK, world.start)
    truth, scores = rows["label"].to_numpy(), rows["score"].to_numpy()
    assert point.measures["auc"].value == pytest.approx(roc_auc_score(truth, scores))
    assert point.measures["brier"].value == pytest.approx(brier_score_loss(truth, scores))
    assert (point.n, point.positives) == (2000, truth.sum())
    called = scores >= WORTH.threshold
    assert point.measures["value"].value == pytest.approx(
        (42 * (called & (truth == 1)).sum() - 5 * (called & (truth == 0)).sum()) / 2000
    )


def test_an_alarm_without_decay_is_as_rare_as_stated_even_without_a_margin(world):
    rule = parse_rule("auc < live")
    alarms = 0
    for _ in range(400):
        _, scores, truth = world.sample(1500)
        alarms += judge(rule, week_of(world, 1500), auc(truth, scores)).outcome == "fail"
    assert proportion(alarms, 400).low <= 0.025


def test_a_planted_decay_is_found(world):
    _, scores, truth = world.sample(8000)
    finding = judge(parse_rule("auc < live - 0.03"), week_of(world, 4000, twist=0.7), auc(truth, scores))
    assert finding.outcome == "fail"
    assert finding.check == "decay"
    assert "2013-05-25 to 2013-06-01" in finding.reason


def test_too_few_labels_are_unknown(world):
    assert judge(parse_rule("auc < live - 0.03"), week_of(world, 999), ACCEPTED).outcome == "unknown"


def test_nothing_labelled_is_unknown(world):
    rows = world.frame(10, 7).with_columns(label=pl.lit(None, pl.Float64))
    point = quality(rows, TASK, world.start - WEEK, world.start)
    assert (point.n, point.measures["auc"].value) == (0, None)
    assert judge(parse_rule("auc < 0.6"), point, None).outcome == "unknown"


def test_a_handful_of_positives_is_unknown(world):
    rows = world.frame(1500, 7).with_columns(label=(pl.int_range(pl.len()) < 5).cast(pl.Float64))
    finding = judge(parse_rule("auc < 0.9"), quality(rows, TASK, world.start - WEEK, world.start), None)
    assert finding.outcome == "unknown"
    assert "only 5 rows of the rarer class" in finding.reason


def test_a_measure_that_is_no_quality_lists_the_choices(world):
    finding = judge(parse_rule("p99 > 10ms"), week_of(world, 100), None)
    assert (finding.outcome, "auc, brier" in finding.reason) == ("unknown", True)


def test_a_measure_without_an_interval_warns_at_most(world):
    finding = judge(parse_rule("ece > 0.0001"), week_of(world, 2000), None)
    assert finding.outcome == "warn"


def test_scores_that_are_no_probability_are_left_to_the_numerics(world):
    rows = world.frame(4, 7).with_columns(score=pl.Series([None, float("nan"), 1.5, 0.5]))
    assert quality(rows, TASK, world.start - WEEK, world.start).n == 1


def test_a_week_with_enough_labels_is_the_window(world):
    assert trailing(world.frame(6000, 30), world.start, TASK) == world.start - WEEK


def test_a_thin_window_grows_back_to_the_thousandth_label(world):
    rows = world.frame(2000, 30)
    since = trailing(rows, world.start, TASK)
    assert since == rows["event_at"][1000]
    assert quality(rows, TASK, since, world.start).n == 1000


def test_a_window_grows_until_both_classes_are_there(world):
    place = pl.int_range(pl.len())
    rows = world.frame(6000, 30).with_columns(label=((place < 2000) & (place % 2 == 0)).cast(pl.Float64))
    assert trailing(rows, world.start, TASK) == rows["event_at"][1960]


def test_a_window_grows_to_its_limit_only(world):
    assert trailing(world.frame(100, 60), world.start, TASK) == world.start - timedelta(days=30)
    assert trailing(world.frame(0, 1), world.start, TASK, Windows(longest=WEEK)) == world.start - WEEK


def test_a_series_holds_every_labelled_row_once(world):
    rows = world.frame(3000, 60)
    for every in ("1w", "1mo"):
        points = series(rows, TASK, world.start, every)
        assert sum(point.n for point in points) == 3000
        assert all(before.until <= after.since for before, after in pairwise(points))
        assert points[-1].until <= world.start


def falling(world, fall):
    parts = []
    for week in range(10):
        world.start += WEEK
        parts.append(world.frame(3000, 7, twist=fall * week))
    return series(pl.concat(parts), TASK, world.start)


def test_a_fall_is_forecast_with_its_uncertainty(world):
    points = falling(world, 0.06)
    middles = [(p.since.timestamp() + p.until.timestamp()) / 2 / 86400 for p in points]
    slope, start = np.polyfit(middles, [p.measures["auc"].value for p in points], 1, w=[p.n**0.5 for p in points])
    ends = points[-1].until.timestamp() / 86400
    days = forecast(points, parse_rule(f"auc < {start + slope * (ends + 21):.6f}"))
    assert days.value == pytest.approx(21, abs=1)
    assert 0 < days.low < days.value < days.high


def test_a_rise_of_the_error_is_forecast_alike(world):
    points = falling(world, 0.06)
    ceiling = points[-1].measures["brier"].value + 0.01
    assert forecast(points, parse_rule(f"brier > {ceiling:.6f}")).value > 0
    assert forecast(points, parse_rule("brier < 0.01")).note == "never: the quality rises"


def test_a_level_quality_has_no_forecast(world):
    days = forecast(falling(world, 0.0), parse_rule("auc < live - 0.03"), accepted=0.8)
    assert days.value is None
    assert days.note.startswith("unknown")


def test_a_forecast_needs_three_windows_and_something_to_compare_with(world):
    points = falling(world, 0.06)
    assert "3 are needed" in forecast(points[:2], parse_rule("auc < 0.6")).note
    assert "no accepted value" in forecast(points, parse_rule("auc < live - 0.03")).note


def test_rows_of_one_day_are_one_cluster_in_every_interval(world):
    rows = world.frame(3000, 30)
    # On every third day the truth is the other way round: what one row shows, its whole day shows.
    turned = pl.col("event_at").dt.epoch("d") % 3 == 0
    shared = rows.with_columns(label=pl.when(turned).then(1 - pl.col("label")).otherwise("label"))
    truth, scores = shared["label"].to_numpy(), shared["score"].to_numpy()
    days = shared["event_at"].dt.date().to_numpy()
    point = quality(shared, TASK, world.start - timedelta(days=30), world.start)
    assert point.measures["brier"] == brier(truth, scores, clusters=days)
    assert point.measures["log_loss"] == log_loss(truth, scores, clusters=days)
    assert point.measures["accuracy"] == accuracy(truth, scores, WORTH.threshold, clusters=days)
    called = scores >= WORTH.threshold
    worth = np.select([called & (truth == 1), called], [42, -5], 0)
    assert point.measures["value"] == mean(worth, floor=-5, ceiling=42, clusters=days)
    assert point.measures["auc"] == auc(truth, scores, clusters=days)
    alone = auc(truth, scores)
    assert point.measures["auc"].high - point.measures["auc"].low > 1.5 * (alone.high - alone.low)
