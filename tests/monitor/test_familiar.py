"""What is usual is learnt from all columns together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.monitor.familiar import FEWEST, familiar

effects = st.floats(0, 5)
weeks = st.integers(FEWEST, 12).flatmap(
    lambda k: st.dictionaries(st.text(max_size=3), st.lists(effects, min_size=k, max_size=k), max_size=5)
)


@given(weeks, st.floats(0, 1))
def test_no_week_of_the_reference_is_beyond_the_bound(seen, floor):
    bounds = familiar(seen, floor)
    assert bounds.keys() == seen.keys()
    assert all(bounds[name] >= max(floor, *values) for name, values in seen.items())


@given(weeks, st.randoms())
def test_the_order_of_weeks_does_not_matter(seen, random):
    mixed = {name: random.sample(values, len(values)) for name, values in seen.items()}
    assert familiar(mixed, 0.2) == familiar(seen, 0.2)


def test_too_few_weeks_say_nothing():
    assert familiar({"wind": [9.0] * (FEWEST - 1)}, 0.2) == {"wind": None}


def test_a_restless_column_widens_the_bounds_of_the_others_but_not_of_quiet_ones():
    alone = familiar({"rain": [0.3] * 8, "hour": [0.01] * 8}, 0.2)
    beside = familiar({"rain": [0.3] * 8, "hour": [0.01] * 8, "wind": [0.2] * 7 + [0.6]}, 0.2)
    assert beside["rain"] == pytest.approx(3 * alone["rain"])
    assert beside["hour"] == alone["hour"] == 0.2


@pytest.mark.parametrize(("weeks_", "most"), [(4, 0.2), (8, 0.12), (24, 0.05)])
def test_of_many_exchangeable_columns_one_is_seldom_beyond_by_chance(weeks_, most):
    generator = np.random.default_rng(1)
    beyond = []
    for _ in range(400):
        drawn = generator.lognormal(-1.5, 0.8, size=(20, weeks_ + 1))
        bounds = familiar({str(place): row[:-1] for place, row in enumerate(drawn)}, 0.2)
        beyond.append(any(row[-1] > bounds[str(place)] for place, row in enumerate(drawn)))
    assert np.mean(beyond) <= most
