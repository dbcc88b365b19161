"""Rows in = rows kept + rows refused + rows repeated, always; and a refused row says every reason."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.core.errors import InputError
from trimaran.data.contracts import REASONS, judge_delivery
from trimaran.data.declaration import Expectation, Table

START = datetime(2013, 1, 1, tzinfo=UTC)
SCHEMA = pl.Schema({"place": pl.String, "seen": pl.Datetime("us", "UTC"), "speed": pl.Float64})
WEATHER = Table("weather", "weather.parquet", ("place",), time="seen", schema=SCHEMA)
POSSIBLE = Expectation("possible", "weather", lambda speed: speed.is_null() | (speed < 200), ("speed",))
MOSTLY_KNOWN = Expectation("mostly_known", "weather", lambda speed: speed.is_not_null().mean() > 0.5, ("speed",))

readings = st.lists(
    st.tuples(
        st.sampled_from(["EWR", "JFK", None]),
        st.one_of(st.none(), st.integers(0, 3)),
        st.one_of(st.none(), st.sampled_from([1.0, 50.0, 1048.0, float("nan")])),
    ),
    max_size=12,
)


def rows(items):
    moments = [None if hour is None else START + timedelta(hours=hour) for _, hour, _ in items]
    columns = {"place": [place for place, _, _ in items], "seen": moments, "speed": [speed for _, _, speed in items]}
    return pl.DataFrame(columns, schema=SCHEMA)


@given(readings, readings)
def test_every_row_of_a_delivery_is_accounted_for(before, now):
    present = judge_delivery(WEATHER, [POSSIBLE], rows(before)).kept
    delivery = judge_delivery(WEATHER, [POSSIBLE, MOSTLY_KNOWN], rows(now), present)
    assert delivery.rows_in == delivery.kept.height + delivery.refused.height + delivery.repeated == len(now)
    assert all(len(reasons) > 0 for reasons in delivery.refused[REASONS])
    assert delivery.kept.select("place", "seen").is_duplicated().sum() == 0


@given(readings)
def test_a_delivery_that_comes_again_adds_nothing(items):
    kept = judge_delivery(WEATHER, [POSSIBLE], rows(items)).kept
    assert judge_delivery(WEATHER, [POSSIBLE], kept, kept).kept.is_empty()


def test_a_delivery_without_a_single_time_is_refused_row_by_row():
    delivery = judge_delivery(WEATHER, [], rows([("EWR", None, 1.0)]), rows([("EWR", 0, 1.0)]))
    assert delivery.reasons == {"seen is empty": 1}


def test_a_row_names_every_reason_it_was_refused_for():
    delivery = judge_delivery(WEATHER, [POSSIBLE], rows([(None, None, 1048.0)]))
    assert delivery.refused[REASONS].to_list() == [["place is empty", "seen is empty", "possible"]]
    assert delivery.reasons == {"place is empty": 1, "seen is empty": 1, "possible": 1}


def test_the_first_of_two_rows_with_one_key_is_kept():
    delivery = judge_delivery(WEATHER, [], rows([("EWR", 0, 1.0), ("EWR", 0, 2.0)]))
    assert delivery.kept["speed"].to_list() == [1.0]
    assert delivery.reasons == {"repeats a key of the same delivery": 1}


def test_a_delivery_that_breaks_an_expectation_about_the_whole_is_refused_whole():
    delivery = judge_delivery(WEATHER, [MOSTLY_KNOWN], rows([("EWR", 0, None), ("JFK", 0, None), ("EWR", 1, 3.0)]))
    assert delivery.kept.is_empty()
    assert delivery.refused.height == 3
    assert [finding.outcome for finding in delivery.findings] == ["fail"]


def test_columns_that_are_missing_or_changed_break_the_contract_all_at_once():
    broken = pl.DataFrame({"place": [1], "speed": [2.0]})
    with pytest.raises(InputError) as caught:
        judge_delivery(WEATHER, [], broken)
    assert [fault.what for fault in caught.value.faults] == ["column 'place' came as Int64", "column 'seen' is missing"]


def test_columns_nobody_declared_are_left_out():
    wider = rows([("EWR", 0, 1.0)]).with_columns(extra=pl.lit(1))
    assert judge_delivery(WEATHER, [], wider).kept.columns == SCHEMA.names()
