"""Drift is found when it is there, and seldom when it is not."""

import numpy as np
import pytest

from trimaran.core.statistics import DriftRule, proportion
from trimaran.monitor.drift import STANDARD_RULE, judge, movements

NAMES = ["wind", "rain", "hour", "delay"]
ANY_SIZE = DriftRule(rate=0.05, effect="psi", minimum_effect=0.0, minimum_sample=500)


def look(world, profile, n=2000, shift=0.0, rule=STANDARD_RULE):
    features, scores, labels = world.sample(n, shift)
    return movements(profile, NAMES, features, scores, labels, rule)


@pytest.mark.parametrize("rule", [STANDARD_RULE, ANY_SIZE], ids=["as declared", "without a minimum effect"])
def test_two_hundred_calm_days_alarm_at_most_at_the_stated_rate(world, rule):
    alarms = sum(judge(look(world, world.profile(2000), 1000, rule=rule), rule).outcome == "fail" for _ in range(200))
    assert proportion(alarms, 200).low <= rule.rate


def test_a_planted_shift_is_found_and_named(world):
    profile = world.profile()
    found = [look(world, profile, shift=0.7) for _ in range(20)]
    assert all(judge(moved).outcome == "fail" for moved in found)
    moved = found[0]
    assert {m.column for m in moved if m.flagged} >= {"wind"}
    assert not {"rain", "hour", "delay"} & {m.column for m in moved if m.flagged}
    finding = judge(moved)
    assert finding.reason.index("wind (PSI") < finding.reason.index("false discovery rate")
    assert finding.value == max(m.psi for m in moved if m.flagged) >= finding.bound == 0.2


def test_a_small_shift_is_significant_but_no_alarm(world):
    moved = look(world, world.profile(), 6000, shift=0.12)
    wind = moved[0]
    assert wind.p_value < 0.001
    assert (wind.outcome, judge(moved).outcome) == ("pass", "pass")
    assert "significant but small" in wind.reason


def test_a_score_that_moves_alone_is_seen(world):
    profile = world.profile()
    features, scores, labels = world.sample(3000)
    moved = {m.kind: m for m in movements(profile, NAMES, features, scores**2, labels)}
    assert moved["score"].flagged
    assert not moved["feature"].flagged


def test_a_label_rate_that_moves_alone_is_seen(world):
    features, scores, labels = world.sample(3000)
    labels[: int(labels.sum())] = 1.0
    moved = movements(world.profile(), NAMES, features, scores, np.maximum(labels, np.arange(3000) % 2))
    assert [m.column for m in moved if m.flagged] == ["label"]


def test_too_few_rows_are_unknown_and_never_pass(world):
    finding = judge(look(world, world.profile(), 499))
    assert finding.outcome == "unknown"
    assert "499" in finding.reason


def test_labels_that_are_still_out_leave_the_others_judged(world):
    features, scores, labels = world.sample(2000)
    moved = movements(world.profile(), NAMES, features, scores, labels[:10])
    assert [m.outcome for m in moved if m.kind == "label"] == ["unknown"]
    assert judge(moved).outcome == "pass"


def test_an_empty_window_is_unknown(world):
    moved = movements(world.profile(), NAMES, np.empty((0, 4)), np.empty(0), np.empty(0))
    assert judge(moved).outcome == "unknown"


def test_shares_add_up_and_missing_values_come_first(world):
    features, scores, labels = world.sample(2000)
    features[:500, 1] = np.nan
    rain = movements(world.profile(), NAMES, features, scores, labels)[1]
    assert (rain.reference[0], rain.current[0]) == (0.0, 0.25)
    assert sum(rain.reference) == pytest.approx(1.0) == sum(rain.current)
    assert len(rain.current) == len(rain.edges) + 2
    assert rain.flagged


def test_a_feature_may_be_called_score(world):
    world.names = ["score", "rain", "hour", "delay"]
    features, scores, labels = world.sample(1000)
    moved = movements(world.profile(), world.names, features, scores, labels)
    assert [(m.column, m.kind) for m in moved if m.column == "score"] == [("score", "feature"), ("score", "score")]
