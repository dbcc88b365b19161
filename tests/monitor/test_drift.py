"""Drift is found when it is there, and seldom when it is not."""

import msgspec
import numpy as np
import polars as pl
import pytest

from trimaran.core.statistics import DriftRule, proportion
from trimaran.data.profiles import take_profile
from trimaran.monitor.drift import STANDARD_RULE, judge, movements

NAMES = ["wind", "rain", "hour", "delay"]
ANY_SIZE = DriftRule(rate=0.05, effect="psi", minimum_effect=0.0, minimum_sample=500)


def look(world, profile, n=2000, shift=0.0, rule=STANDARD_RULE):
    features, scores, labels = world.sample(n, shift)
    return movements(profile, NAMES, features, scores, labels, rule)


@pytest.mark.parametrize("rule", [STANDARD_RULE, ANY_SIZE], ids=["as declared", "without a minimum effect"])
def test_a_hundred_calm_days_alarm_at_most_at_the_stated_rate(world, rule):
    alarms = sum(judge(look(world, world.profile(2000), 1000, rule=rule), rule).outcome == "fail" for _ in range(100))
    assert proportion(alarms, 100).low <= rule.rate


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


DAILY, COLUMNS = 60, 10
STRENGTHS = np.linspace(0.0, 0.6, COLUMNS)


def seasons(generator, weeks, after=0.8):
    """Return a calm stretch (rows, columns): the day's own effect on each column lingers, as weather does."""
    days = 7 * weeks
    effects = generator.normal(size=(days, COLUMNS))
    for day in range(1, days):
        effects[day] = after * effects[day - 1] + np.sqrt(1 - after**2) * effects[day]
    noise = generator.normal(size=(days * DAILY, COLUMNS)) * np.sqrt(1 - STRENGTHS**2)
    return (noise + np.repeat(effects * STRENGTHS, DAILY, axis=0)).astype(np.float32)


def calm(n):
    """Return scores and labels without any drift: here the features are on trial."""
    return np.linspace(0, 1, n), np.arange(n) % 2


def trained_on(world, rows):
    scores, labels = calm(len(rows))
    names = [f"x{place}" for place in range(COLUMNS)]
    moments = world.moments(len(rows), len(rows) / DAILY, world.start)
    frame = pl.DataFrame(rows, schema=names)
    return take_profile(frame, labels, pl.DataFrame(), scores=scores, outcomes=labels, predict_at=moments)


@pytest.mark.parametrize("weeks", [6, 12])
def test_weeks_that_do_what_weeks_did_in_training_seldom_ring_and_a_lasting_shift_does(world, weeks):
    week, rang, before, found = 7 * DAILY, [], [], []
    rule = msgspec.structs.replace(STANDARD_RULE, minimum_sample=400)
    for _ in range(20):
        rows = seasons(world.rng, weeks + 3)
        profile = trained_on(world, rows[: weeks * week])
        for ahead in range(weeks, weeks + 3):
            features = rows[ahead * week : (ahead + 1) * week].astype(float)
            moved = movements(profile, list(profile.features), features, *calm(week), rule)
            rang.append(any(m.flagged for m in moved))
            before.append(any(m.psi >= rule.minimum_effect and m.p_value <= rule.rate for m in moved))
            features[:, 1] += 1.0
            found.append(movements(profile, list(profile.features), features, *calm(week), rule)[1].flagged)
    assert np.mean(before) >= 0.7
    assert np.mean(rang) <= 0.12
    assert np.mean(found) >= 0.9


def test_a_finding_says_how_many_weeks_a_drift_stands_out_of(world):
    moved = look(world, world.profile(), shift=0.8)
    assert moved[0].usual >= STANDARD_RULE.minimum_effect > max(moved[0].weeks)
    assert "more than in any of the 12 weeks it was trained on" in judge(moved).reason
    score = look(world, world.profile(), shift=2.0)[-2]
    assert (score.kind, score.outcome, "in the 5 weeks it was tested on" in score.reason) == ("score", "fail", True)


def test_a_column_that_moved_as_far_in_training_is_significant_but_usual(world):
    profile = world.profile()
    wind = msgspec.structs.replace(profile.features["wind"], weeks=[0.1, 0.9, 0.8, 0.7] * 3)
    restless = msgspec.structs.replace(profile, features=profile.features | {"wind": wind})
    moved = look(world, restless, shift=0.8)[0]
    assert (moved.outcome, moved.psi > 0.2) == ("pass", True)
    assert "significant but usual" in moved.reason


def test_without_weeks_to_compare_with_a_shift_warns_at_most(world):
    profile = world.profile()
    features = {name: msgspec.structs.replace(column, weeks=[]) for name, column in profile.features.items()}
    bare = msgspec.structs.replace(profile, features=features, label_weeks=[], score_weeks=[])
    finding = judge(look(world, bare, shift=2.0))
    assert finding.outcome == "warn"
    assert "only 0 weeks" in finding.reason
    assert judge(look(world, bare)).outcome == "pass"
