"""Labels arrive by id, when they are known, and never before."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trimaran.monitor.labels import balance, due

NOON = datetime(2013, 7, 10, 12, tzinfo=UTC)
MOMENT = pl.Datetime("us", "UTC")


def flights(*rows):
    schema = {"flight": pl.Int64, "sched": MOMENT, "landed": MOMENT, "late": pl.Float64}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def hours(count):
    return timedelta(hours=count)


def decided(labels):
    return {label.id: label.value for label in labels}


def test_a_label_is_joined_once_it_is_known(definition):
    rows = flights((1, NOON - hours(5), NOON - hours(1), 40.0), (2, NOON - hours(5), NOON - hours(2), 3.0))
    labels = due(definition, rows, ["1", "2"], NOON)
    assert [(label.id, label.value, label.known_at, label.joined_at) for label in labels] == [
        ("2", 0.0, NOON - hours(2), NOON),
        ("1", 1.0, NOON - hours(1), NOON),
    ]
    assert labels[0].product == "delay"


def test_a_late_value_is_not_seen(definition):
    rows = flights((1, NOON - hours(5), NOON + timedelta(microseconds=1), 40.0))
    assert due(definition, rows, ["1"], NOON) == []
    assert decided(due(definition, rows, ["1"], NOON + timedelta(microseconds=1))) == {"1": 1.0}


def test_a_cancelled_flight_waits_for_its_deadline_and_is_then_unknowable(definition):
    rows = flights((1, NOON - hours(48), None, None))
    assert due(definition, rows, ["1"], NOON - timedelta(microseconds=1)) == []
    (label,) = due(definition, rows, ["1"], NOON)
    assert (label.value, label.known_at) == (None, NOON)


def test_a_known_moment_without_a_value_waits_too(definition):
    rows = flights((1, NOON - hours(9), NOON - hours(2), None))
    assert due(definition, rows, ["1"], NOON) == []
    assert decided(due(definition, rows, ["1"], NOON + hours(40))) == {"1": None}


def test_only_waiting_ids_are_answered(definition):
    rows = flights(*((flight, NOON - hours(5), NOON - hours(1), 0.0) for flight in range(5)))
    assert sorted(decided(due(definition, rows, ["3", "77"], NOON))) == ["3"]
    assert due(definition, rows, [], NOON) == []


def test_the_last_of_several_rows_counts(definition):
    rows = flights((1, NOON - hours(5), NOON - hours(2), 3.0), (1, NOON - hours(5), NOON - hours(1), 40.0))
    assert decided(due(definition, rows, ["1"], NOON)) == {"1": 1.0}


def test_other_zones_are_the_same_moments(definition):
    rows = flights((1, NOON - hours(5), NOON - hours(1), 40.0))
    abroad = rows.with_columns(pl.col("sched", "landed").dt.convert_time_zone("America/New_York"))
    assert due(definition, abroad, ["1"], NOON) == due(definition, rows, ["1"], NOON)


def test_a_lazy_table_gives_the_same_labels(definition):
    rows = flights((1, NOON - hours(5), NOON - hours(1), 40.0))
    assert due(definition, rows.lazy(), ["1"], NOON) == due(definition, rows, ["1"], NOON)


row = st.tuples(st.integers(-100, 20), st.none() | st.integers(-100, 100), st.none() | st.sampled_from([0.0, 40.0]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(row, max_size=12))
def test_the_future_makes_no_difference_to_what_is_decided_now(definition, drawn):
    rows = flights(
        *((place, NOON + hours(at), known and NOON + hours(known), late) for place, (at, known, late) in enumerate(drawn))
    )
    ahead = pl.col("landed") > NOON
    hidden = rows.with_columns(
        late=pl.when(~ahead.fill_null(value=False)).then("late"), landed=pl.when(~ahead).then("landed")
    )
    ids = [str(place) for place in range(len(drawn))]
    labels = due(definition, rows, ids, NOON)
    assert labels == due(definition, hidden, ids, NOON)
    assert all(label.known_at <= NOON for label in labels)
    waiting = set(ids) - decided(labels).keys()
    assert due(definition, rows, sorted(waiting), NOON) == []
    assert decided(due(definition, rows, ids, NOON + timedelta(days=30))).keys() == set(ids)


@pytest.mark.parametrize(("labelled", "missing"), [(6, 0), (5, 1)])
def test_a_balance_shows_what_is_nowhere(labelled, missing):
    record = balance({"answered": 10, "labelled": labelled, "waiting": 3, "unknowable": 1}, NOON)
    assert (record.handover, record.entered, record.missing) == ("labels", 10, missing)
