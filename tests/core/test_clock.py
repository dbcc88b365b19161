"""Clocks say the same moment as a date and as a number, to the microsecond, in any century."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.core.clock import ManualClock, SharedClock, SystemClock, from_micros, to_micros

MOMENTS = st.datetimes(timezones=st.just(UTC))


@given(MOMENTS)
def test_a_moment_comes_back_from_its_number(moment):
    assert from_micros(to_micros(moment)) == moment


@given(MOMENTS)
def test_a_clock_says_one_moment_in_both_ways(tmp_path_factory, moment):
    shared = SharedClock(tmp_path_factory.mktemp("clock") / "now", moment)
    for clock in (ManualClock(moment), shared):
        assert from_micros(clock.micros()) == clock.now() == moment
    shared.close()


def test_the_clock_of_the_machine_goes_on_in_both_ways_alike():
    clock = SystemClock()
    before, number, after = clock.now(), clock.micros(), clock.now()
    assert before <= from_micros(number) <= after


def test_a_number_is_a_microsecond():
    assert to_micros(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=1)) == 1
    with pytest.raises(OverflowError):
        from_micros(10**18)
