"""Numbers out of order are found and named."""

import numpy as np
import pytest

from trimaran.monitor.numerics import count, judge

NAMES = ["wind", "rain", "hour", "delay"]


@pytest.fixture
def profile(world):
    return world.profile()


def outcome(profile, features, scores):
    return judge(count(profile, NAMES, features, scores))


def test_a_whole_day_is_in_order(world, profile):
    features, scores, _ = world.sample(900)
    finding = outcome(profile, features, scores)
    assert (finding.outcome, finding.value) == ("pass", 0.0)


def test_failed_answers_above_their_share_fail(world, profile):
    features, scores, _ = world.sample(900)
    scores[:40] = np.nan
    finding = outcome(profile, features, scores)
    assert finding.outcome == "fail"
    assert "4.4% of requests got no answer" in finding.reason


def test_two_failed_answers_of_a_hundred_may_be_chance(world, profile):
    features, scores, _ = world.sample(120)
    scores[:2] = np.nan
    assert outcome(profile, features, scores).outcome == "pass"


def test_a_score_outside_zero_to_one_fails_however_few_the_rows(world, profile):
    features, scores, _ = world.sample(10)
    scores[3] = 1.0000001
    assert "1 scores lie outside" in outcome(profile, features, scores).reason


def test_few_rows_are_unknown(world, profile):
    features, scores, _ = world.sample(99)
    assert outcome(profile, features, scores).outcome == "unknown"
    assert outcome(profile, np.empty((0, 4)), np.empty(0)).outcome == "unknown"


def test_a_feature_that_goes_missing_is_named_with_both_shares(world, profile):
    features, scores, _ = world.sample(900)
    features[:180, 1] = np.nan
    features[180:360, 2] = np.inf
    finding = outcome(profile, features, scores)
    assert "rain is missing in 20.0%, in training in 0.0%" in finding.reason
    assert "hour is missing" in finding.reason
    assert "wind" not in finding.reason


def test_a_feature_that_was_missing_in_training_may_be_missing(world):
    sample = world.sample

    def with_gaps(n, *moved):
        features, scores, labels = sample(n, *moved)
        features[world.rng.random(n) < 0.3, 0] = np.nan
        return features, scores, labels

    world.sample = with_gaps
    profile = world.profile()
    features, scores, _ = world.sample(900)
    assert outcome(profile, features, scores).outcome == "pass"
    features, scores, _ = world.sample(30_000)
    features[:600, 0] = np.nan
    wind = count(profile, NAMES, features, scores).missing[0]
    assert wind.p_value < 0.05
    assert not wind.flagged


def test_scores_that_stick_to_the_ends_fail(world, profile):
    features, scores, _ = world.sample(900)
    stuck = np.where(np.arange(900) < 200, 0.0, scores)
    assert "22.2% of scores are exactly 0 or 1" in outcome(profile, features, stuck).reason


def test_a_model_that_always_answered_zero_often_may_go_on(world):
    sample = world.sample

    def forest(n, *moved):
        features, scores, labels = sample(n, *moved)
        return features, np.where(scores < 0.1, 0.0, scores), labels

    world.sample = forest
    profile = world.profile()
    features, scores, _ = world.sample(900)
    assert (scores == 0).mean() > 0.1
    assert outcome(profile, features, scores).outcome == "pass"
