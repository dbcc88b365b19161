"""The weeks of a window: which rows they hold, and how far each was from the rest."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.core.statistics import compare, count_like, histogram
from trimaran.data.profiles import take_profile
from trimaran.data.profiles.weeks import full_weeks, week_distances

START = datetime(2013, 1, 1, 5, tzinfo=UTC)


def hours(number, start=START):
    return pl.Series("at", [start + timedelta(hours=hour) for hour in range(number)], dtype=pl.Datetime("us", "UTC"))


@given(st.lists(st.integers(0, 60 * 24), max_size=60))
def test_a_week_holds_the_rows_of_seven_days_and_no_row_is_in_two(drawn):
    moments = pl.Series("at", [START + timedelta(hours=hour) for hour in drawn], dtype=pl.Datetime("us", "UTC"))
    weeks = full_weeks(moments)
    places = [place for week in weeks for place in week.tolist()]
    assert len(places) == len(set(places))
    stretches = [moments[week] for week in weeks]
    assert all(stretch.max() - stretch.min() < timedelta(days=7) for stretch in stretches)
    assert all(before.max() < after.min() for before, after in pairwise(stretches))
    assert not weeks or moments.max() in stretches[-1]


@pytest.mark.parametrize(("days", "weeks"), [(7, 0), (13, 0), (14, 2), (20, 2), (21, 3), (30, 4)])
def test_only_full_weeks_count_and_one_alone_has_nothing_to_differ_from(days, weeks):
    assert len(full_weeks(hours(24 * days))) == weeks


def test_an_unsorted_window_has_the_same_weeks():
    moments = hours(24 * 21)
    order = np.random.default_rng(0).permutation(len(moments))
    for week, mixed in zip(full_weeks(moments), full_weeks(moments[order]), strict=True):
        assert sorted(order[mixed]) == week.tolist()


def test_the_distance_is_that_of_the_week_to_all_other_rows():
    values = np.random.default_rng(1).normal(size=24 * 28)
    values[:50] = np.nan
    values[300:400] += 2
    weeks, whole = full_weeks(hours(values.size)), histogram(values)
    for week, distance in zip(weeks, week_distances(whole, values, weeks), strict=True):
        rest = np.delete(values, week)
        assert distance == compare(count_like(whole, rest), count_like(whole, values[week])).psi


def test_a_profile_knows_the_weeks_of_each_column():
    rows = 24 * 28
    wind = np.random.default_rng(2).normal(size=rows)
    wind[168:336] += 3
    labels = (np.arange(rows) < 168).astype(int)
    features = pl.DataFrame({"wind": wind, "rain": np.tile(np.arange(24.0), 28)})
    late = hours(24 * 35)
    scores, outcomes = np.tile(np.arange(24) / 24, 35), np.tile([0, 1], 12 * 35)
    profile = take_profile(
        features, labels, pl.DataFrame(), scores=scores, outcomes=outcomes, predict_at=hours(rows), scored_at=late
    )
    assert np.argmax(profile.features["wind"].weeks) == 1
    assert max(profile.features["rain"].weeks) < 0.001
    assert np.argmax(profile.label_weeks) == 0
    assert len(profile.score_weeks) == 5
    assert max(profile.score_weeks) < 0.001


def test_a_profile_without_moments_knows_no_weeks():
    features = pl.DataFrame({"wind": [1.0, 2.0]})
    profile = take_profile(features, [0, 1], pl.DataFrame(), scores=[0.2, 0.7], outcomes=[0, 1])
    assert (profile.features["wind"].weeks, profile.label_weeks, profile.score_weeks) == ([], [], [])
