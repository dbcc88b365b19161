"""Which version answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.core.errors import Unavailable
from trimaran.core.nouns import Traffic
from trimaran.deploy import Route, route

IDS = st.text(min_size=1, max_size=40)
PERCENT = st.floats(0, 100)


@given(IDS, PERCENT)
def test_the_same_id_always_gets_the_same_route(name, percent):
    traffic = Traffic(live=1, canary=2, percent=percent)
    assert route(traffic, name) == route(traffic, name)


@given(IDS, PERCENT, PERCENT)
def test_raising_the_percentage_takes_no_id_from_the_canary(name, one, other):
    low, high = sorted((one, other))
    if route(Traffic(live=1, canary=2, percent=low), name).role == "canary":
        assert route(Traffic(live=1, canary=2, percent=high), name).role == "canary"


def test_the_canary_gets_its_share_of_the_ids():
    traffic = Traffic(live=1, canary=2, percent=5.0)
    heard = sum(route(traffic, f"2013-07-01-{n}").number == 2 for n in range(20_000))
    assert 0.04 < heard / 20_000 < 0.06


def test_another_canary_meets_other_ids_first():
    first, second = Traffic(live=1, canary=2, percent=10.0), Traffic(live=1, canary=3, percent=10.0)
    both = sum(route(first, str(n)).role == route(second, str(n)).role == "canary" for n in range(10_000))
    assert 50 < both < 200


def test_the_one_that_does_not_answer_scores_in_the_shadow():
    nobody, everybody = (Traffic(live=1, canary=2, percent=share, shadow=3) for share in (0.0, 100.0))
    assert route(nobody, "a") == Route(1, "live", (2, 3))
    assert route(everybody, "a") == Route(2, "canary", (1, 3))


def test_without_a_live_version_nothing_answers():
    with pytest.raises(Unavailable, match="no version is live"):
        route(Traffic(shadow=3), "a")
