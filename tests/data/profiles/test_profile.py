import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.core.errors import Corrupt, NotFound
from trimaran.core.statistics import count_like
from trimaran.data.profiles import CATEGORY_LIMIT, read_profile, take_profile, write_profile
from trimaran.testing import MemoryObjects

NAN = float("nan")


def profile_of(values=(1.0, 2.0, NAN, 4.0), asked=None, scores=(0.2, 0.4, 0.9), outcomes=(0, 1, 1)):
    features = pl.DataFrame({"wind": pl.Series(values, dtype=pl.Float32)})
    labels = [place % 2 for place in range(len(values))]
    given_ = asked if asked is not None else pl.DataFrame({"origin": ["EWR"] * len(values)})
    return take_profile(features, labels, given_, scores=scores, outcomes=outcomes)


def test_a_profile_says_how_many_values_are_missing_and_where_the_rest_lies():
    column = profile_of().features["wind"]
    assert (column.missing, column.low, column.high, column.histogram.missing) == (0.25, 1.0, 4.0, 1)


def test_a_feature_without_any_value_has_no_bounds():
    column = profile_of((NAN, NAN)).features["wind"]
    assert (column.missing, column.low, column.high) == (1.0, None, None)


def test_an_infinite_value_does_not_become_a_bound():
    column = profile_of((1.0, float("inf"), 3.0)).features["wind"]
    assert (column.low, column.high) == (1.0, 3.0)


def test_categories_are_those_seen_without_nulls():
    asked = pl.DataFrame({"origin": ["JFK", "EWR", None, "JFK"], "distance": [1, 2, 3, 4]})
    assert profile_of(asked=asked).categories == {"origin": ["EWR", "JFK"]}


def test_a_column_of_identifiers_has_no_categories():
    asked = pl.DataFrame(
        {"id": [f"f{number}" for number in range(CATEGORY_LIMIT + 1)], "origin": ["JFK"] * (CATEGORY_LIMIT + 1)}
    )
    assert list(profile_of(asked=asked).categories) == ["origin"]


def test_labels_are_counted_in_the_cells_of_the_scores():
    generator = np.random.default_rng(0)
    scores = generator.uniform(size=500)
    outcomes = (generator.uniform(size=500) < scores).astype(int)
    profile = profile_of(scores=scores, outcomes=outcomes)
    assert profile.positives == count_like(profile.scores, scores[outcomes == 1]).counts
    assert sum(profile.positives) == outcomes.sum()


@given(st.lists(st.floats(width=32) | st.just(NAN), min_size=1, max_size=40))
def test_a_stored_profile_is_read_back_as_it_was(values):
    objects, profile = MemoryObjects(), profile_of(tuple(values))
    assert read_profile(objects, write_profile(objects, profile)) == profile


def test_an_object_that_is_no_profile_is_named():
    objects = MemoryObjects()
    with pytest.raises(Corrupt, match="is not a profile"):
        read_profile(objects, objects.put(b"{}"))
    with pytest.raises(NotFound):
        read_profile(objects, "0" * 64)
