"""Sums over what is between two places are exact, rounded once."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.data.features.sums import RealSum, Span, WholeSum

SIZES = st.floats(1e-20, 1e20) | st.floats(-1e20, -1e-20) | st.just(0.0)
AWKWARD = st.sampled_from([2.0**53, 1.0, 2.0**-40, -(2.0**53), 0.1, -0.1, 1e17, -1e17, 2.0**-20])


def sums_of(values, order=None):
    places = np.arange(len(values))
    total = RealSum(Span(places if order is None else order, places if order is None else order), np.array(values))
    ends = [(left, entered) for entered in range(len(values) + 1) for left in range(entered + 1)]
    left, entered = np.array(ends).T
    return ends, total.between(entered, left).tolist()


@pytest.mark.parametrize(
    "numbers", [SIZES, AWKWARD, st.integers(-50, 50).map(float), st.integers(-99, 99).map(lambda n: n / 100)]
)
@given(data=st.data())
def test_a_sum_is_the_nearest_number_to_the_exact_one(numbers, data):
    values = data.draw(st.lists(numbers, min_size=1, max_size=8))
    ends, got = sums_of(values)
    assert got == [math.fsum(values[left:entered]) for left, entered in ends]


def test_what_lies_far_below_a_half_still_decides_the_rounding():
    values = [2.0**53, 1.0, 2.0**-60]
    assert sums_of(values)[1][-4] == 2.0**53 + 2
    assert sums_of([-value for value in values])[1][-4] == -(2.0**53 + 2)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=8))
def test_whole_numbers_of_any_size_add_up(values):
    ends, got = sums_of(values)
    assert got == [float(sum(values[left:entered])) for left, entered in ends]


def test_infinities_and_nan_count_only_where_they_are():
    values = [1.0, math.inf, -math.inf, math.nan, 2.5]
    ends, got = sums_of(values)
    found = dict(zip(ends, got, strict=True))
    assert (found[0, 1], found[0, 2], found[2, 3], found[4, 5]) == (1.0, math.inf, -math.inf, 2.5)
    assert math.isnan(found[0, 3])
    assert math.isnan(found[3, 4])


def test_numbers_too_far_apart_in_size_are_refused():
    with pytest.raises(OverflowError, match="no exact sum"):
        RealSum(Span(np.arange(2), np.arange(2)), np.array([1e200, 1e-200]))


def test_rows_that_enter_and_leave_in_other_orders_are_told_apart():
    total = WholeSum(Span(np.array([2, 0, 1]), np.array([0, 1, 2])), np.array([1, 10, 100]))
    assert total.between(np.array([1, 3]), np.array([0, 2])).tolist() == [100, 100]
