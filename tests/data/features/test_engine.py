"""What a feature sees at a moment, one sentence a test."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from trimaran.core.errors import DefinitionError, InputError, UserCodeError
from trimaran.data.declaration import Feature, Moment, Table
from trimaran.data.features import FeatureEngine


def asked_at(airport, *minutes, origin="JFK"):
    """Flights whose moment is so many minutes past noon."""
    return airport.flights(*[(n, origin, "N1", None if m is None else m + 60, None, None) for n, m in enumerate(minutes)])


def test_the_newest_row_known_by_the_moment_is_seen(airport):
    rows = airport.weather(("JFK", 0, 0, 10), ("JFK", 60, 60, 20), ("JFK", 120, 120, 30))
    assert airport.compute(airport.wind(), asked_at(airport, 0, 59, 60, 61, 119.9), rows) == [10, 10, 20, 20, 20]


def test_a_row_asked_for_before_the_first_fact_is_null_and_not_dropped(airport):
    rows = airport.weather(("JFK", 0, 0, 10))
    assert airport.compute(airport.wind(), asked_at(airport, -1, 0), rows) == [None, 10]


def test_a_row_past_its_maximal_age_is_not_seen(airport):
    rows = airport.weather(("JFK", 0, 0, 10))
    assert airport.compute(airport.wind(), asked_at(airport, 119, 120, 120 + 1 / 60), rows) == [10, 10, None]


def test_a_late_value_is_not_seen_and_the_row_before_it_is(airport):
    rows = airport.weather(("JFK", 0, 0, 10), ("JFK", 30, 90, 20))
    assert airport.compute(airport.wind(), asked_at(airport, 60, 89, 90), rows) == [10, 10, 20]


def test_an_old_row_that_becomes_known_late_does_not_hide_a_newer_one(airport):
    rows = airport.weather(("JFK", 0, 90, 10), ("JFK", 30, 30, 20))
    assert airport.compute(airport.wind(), asked_at(airport, 60, 100), rows) == [20, 20]


def test_a_value_known_before_its_row_happens_waits_for_the_row(airport):
    rows = airport.weather(("JFK", 60, 0, 10))
    assert airport.compute(airport.wind(), asked_at(airport, 30, 60), rows) == [None, 10]


def test_a_value_without_a_moment_of_becoming_known_is_never_seen(airport):
    rows = airport.weather(("JFK", 0, 0, 10), ("JFK", 30, None, 20))
    assert airport.compute(airport.wind(), asked_at(airport, 60), rows) == [10]


def test_a_column_that_is_not_late_is_seen_though_another_of_its_row_is_not(airport):
    hour = Feature("hour_now", "weather", "newest", lambda hour: hour.dt.hour(), ("hour",), on=("origin",))
    engine = airport.engine(hour, airport.wind())
    weather = engine.prepare("weather", airport.weather(("JFK", 0, 0, 10), ("JFK", 60, 90, 20)))
    assert engine.compute(asked_at(airport, 70), {"weather": weather}).row(0) == (13, 10)


def test_the_moment_a_column_becomes_known_is_itself_only_known_then(airport):
    posted = Feature("posted_at", "weather", "newest", lambda posted: posted.dt.minute(), ("posted",), on=("origin",))
    rows = airport.weather(("JFK", 0, 0, 10), ("JFK", 30, 95, 20))
    assert airport.compute(posted, asked_at(airport, 60, 95), rows) == [0, 35]


def test_of_rows_at_one_moment_the_last_in_the_table_is_seen(airport):
    rows = airport.weather(("JFK", 0, 0, 10), ("LGA", 0, 0, 1), ("JFK", 0, 0, 20), ("JFK", -10, -10, 30))
    assert airport.compute(airport.wind(), asked_at(airport, 5), rows) == [20]
    assert airport.compute(airport.wind(), asked_at(airport, 5), rows.reverse()) == [10]


def test_a_null_key_matches_nothing_not_even_a_null(airport):
    rows = airport.weather((None, 0, 0, 10), ("JFK", 0, 0, 20))
    assert airport.compute(airport.wind(), asked_at(airport, 5, origin=None), rows) == [None]


def test_a_key_of_two_columns_matches_only_whole(airport):
    tables = {**airport.tables, "runways": Table("runways", "", ("origin", "tail"), time="at")}
    open_now = Feature("open_now", "runways", "newest", lambda open: open, ("open",), on=("origin", "tail"))  # noqa: A006
    engine = FeatureEngine([open_now], tables, "flights", airport.moment)
    keys = {"origin": ["JFK", "JFK", None], "tail": ["N1", None, "N1"]}
    runways = pl.DataFrame({**keys, "at": [airport.at(0)] * 3, "open": [1, 2, 3]})
    asked = airport.flights(
        *[(n, o, t, 120, None, None) for n, (o, t) in enumerate([("JFK", "N1"), ("JFK", None), ("N1", "JFK")])]
    )
    assert engine.compute(asked, {"runways": engine.prepare("runways", runways)})["open_now"].to_list() == [1, None, None]


def test_without_time_the_last_row_with_the_key_is_seen_at_any_moment(airport):
    year = Feature("plane_year", "planes", "newest", lambda year: year, ("year",), on=("tail",))
    rows = airport.planes(("N1", None, 1, 1999), ("N2", None, 2, 2000), ("N1", None, 3, 2001))
    assert airport.compute(year, asked_at(airport, -9999, None), rows) == [2001, 2001]


def test_without_time_a_late_column_is_seen_from_its_moment_on(airport):
    seats = Feature("seats_now", "planes", "newest", lambda seats: seats, ("seats",), on=("tail",))
    rows = airport.planes(("N1", 0, 100, None), ("N1", 60, 200, None))
    assert airport.compute(seats, asked_at(airport, None, -1, 0, 60), rows) == [None, None, 100, 200]


def test_a_window_is_open_at_its_beginning_and_closed_at_its_end(airport):
    rows = airport.flights(*[(n, "JFK", "N1", at, at, 10**n) for n, at in enumerate([-180, -179, 0, 1])])
    assert airport.compute(airport.delays(lambda delay: delay.sum()), asked_at(airport, 0), rows) == [110]


def test_a_late_value_is_not_in_the_window(airport):
    rows = airport.flights((1, "JFK", "N1", 0, 30, 5), (2, "JFK", "N1", 10, 90, 7), (3, "JFK", "N1", 20, None, 9))
    assert airport.compute(airport.delays(lambda delay: delay.sum()), asked_at(airport, 29, 30, 89, 90), rows) == [
        0,
        5,
        5,
        12,
    ]


def test_a_value_that_becomes_known_after_its_row_left_the_window_is_never_in_it(airport):
    rows = airport.flights((1, "JFK", "N1", 0, 90, 5))
    assert airport.compute(airport.delays(lambda delay: delay.sum(), hours=1), asked_at(airport, 59, 90, 91), rows) == [
        0,
        0,
        0,
    ]


def test_a_window_over_a_late_column_by_a_late_key_waits_for_the_key(airport):
    by_gate = Feature(
        "at_gate", "flights", "window", lambda at: at.len(), ("at",), on=("late_gate",), window=timedelta(hours=3)
    )
    asked = asked_at(airport, 29, 30).with_columns(late_gate=pl.lit("B7"))
    rows = airport.flights((1, "JFK", "N1", 0, 30, 5)).with_columns(late_gate=pl.lit("B7"))
    assert airport.compute(by_gate, asked, rows) == [0, 1]


@pytest.mark.parametrize(
    ("function", "empty"),
    [
        (lambda delay: delay.mean(), None),
        (lambda delay: delay.max(), None),
        (lambda delay: delay.sum(), 0),
        (lambda delay: delay.count(), 0),
        (lambda delay: delay.len(), 0),
        (lambda delay: delay.get(0), None),
        (lambda delay: (delay > 5).mean().fill_null(-1), -1),
    ],
)
def test_an_empty_window_gives_what_the_expression_gives_on_no_rows(airport, function, empty):
    rows = airport.flights((1, "JFK", "N1", 0, 0, 6))
    values = airport.compute(airport.delays(function), asked_at(airport, 0, 500, None), rows)
    assert values[0] is not None
    assert values[1:] == [empty, empty]
    assert airport.compute(airport.delays(function), asked_at(airport, 0, 500), rows.clear()) == [empty, empty]


def test_a_window_is_met_oldest_first(airport):
    rows = airport.flights((1, "JFK", "N1", 20, 20, 3), (2, "JFK", "N1", 0, 0, 1), (3, "JFK", "N1", 10, 10, 2))
    assert airport.compute(airport.delays(lambda delay: delay.last() * 10 + delay.first()), asked_at(airport, 30), rows) == [
        31
    ]


def test_the_asked_row_itself_is_in_its_window_only_once_it_is_known(airport):
    flights = airport.flights((1, "JFK", "N1", 0, 10, 5))
    feature = airport.delays(lambda delay: delay.len())
    engine = FeatureEngine([feature], airport.tables, "flights", Moment("at", timedelta(minutes=10)))
    early = FeatureEngine([feature], airport.tables, "flights", Moment("at"))
    assert engine.compute(flights, {"flights": engine.prepare("flights", flights)}).item() == 1
    assert early.compute(flights, {"flights": early.prepare("flights", flights)}).item() == 0


def test_asked_rows_keep_their_order_and_their_duplicates(airport):
    rows = airport.weather(("JFK", 0, 0, 10), ("JFK", 60, 60, 20))
    assert airport.compute(airport.wind(), asked_at(airport, 60, 0, 60, -5, 0), rows) == [20, 10, 20, None, 10]


def test_row_features_may_use_others_declared_after_them(airport):
    gale = Feature("gale", "flights", "row", lambda wind_twice, id: (wind_twice > 30) | (id < 0), ("wind_twice", "id"))  # noqa: A006
    twice = Feature("wind_twice", "flights", "row", lambda wind_now: wind_now * 2, ("wind_now",))
    one = Feature("one", "flights", "row", lambda: pl.lit(1), ())
    engine = airport.engine(gale, one, airport.wind(), twice)
    weather = engine.prepare("weather", airport.weather(("JFK", 0, 0, 10), ("JFK", 60, 60, 20)))
    answer = engine.compute(asked_at(airport, 0, 60), {"weather": weather})
    assert answer.to_dict(as_series=False) == {
        "gale": [False, True],
        "one": [1, 1],
        "wind_now": [10, 20],
        "wind_twice": [20, 40],
    }


def test_a_row_feature_named_like_its_column_reads_the_column(airport):
    number = Feature("id", "flights", "row", lambda id: id + 1, ("id",))  # noqa: A006
    after = Feature("after", "flights", "row", lambda id: id * 10, ("id",))  # noqa: A006
    assert airport.engine(after, number).compute(asked_at(airport, 0, 0), {}).rows() == [(10, 1), (20, 2)]


def test_tables_of_mixed_precision_compare_exactly(airport):
    rows = airport.weather(("JFK", 0, 0, 10)).with_columns(
        pl.col("hour").cast(pl.Datetime("ns", "UTC")) + pl.duration(nanoseconds=1)
    )
    asked = asked_at(airport, 0, 0.001).with_columns(pl.col("at").dt.cast_time_unit("ms"))
    late = asked_at(airport, 0).with_columns(pl.col("at").dt.cast_time_unit("ns") + pl.duration(nanoseconds=999))
    assert airport.compute(airport.wind(), asked, rows) == [None, 10]
    assert airport.compute(airport.wind(), late, rows) == [None]


def test_an_expression_sees_only_the_columns_it_names(airport):
    peek = Feature("peek", "flights", "row", lambda id: id + pl.col("delay"), ("id",))  # noqa: A006
    with pytest.raises(UserCodeError, match=r"feature 'peek' cannot be computed: ColumnNotFoundError"):
        airport.engine(peek).compute(asked_at(airport, 0), {})


def test_every_expression_that_fails_is_named_with_its_place(airport):
    bad = [
        Feature(f"bad{n}", "flights", "row", lambda origin: origin.dt.hour(), ("origin",), where=f"flights.py:{n}")
        for n in (1, 2)
    ]
    good = Feature("good", "flights", "row", lambda id: id, ("id",))  # noqa: A006
    with pytest.raises(UserCodeError) as caught:
        airport.engine(bad[0], good, bad[1]).compute(asked_at(airport, 0), {})
    assert "flights.py:1: feature 'bad1'" in str(caught.value)
    assert "flights.py:2: feature 'bad2'" in str(caught.value)
    assert "good" not in str(caught.value)


def test_what_an_authors_function_raises_within_an_expression_comes_with_their_lines_alone(airport):
    def picky(values):
        if values.len():
            raise KeyError("no such flight")
        return values

    bad = Feature("bad", "flights", "row", lambda id: id.map_batches(picky, pl.Int64), ("id",), where="flights.py:3")  # noqa: A006
    with pytest.raises(UserCodeError) as caught:
        airport.engine(bad).compute(asked_at(airport, 0), {})
    assert "flights.py:3: feature 'bad' cannot be computed: it raised KeyError" in str(caught.value)
    assert 'raise KeyError("no such flight")' in str(caught.value)
    assert "trimaran/data" not in str(caught.value)


def test_missing_columns_and_tables_are_named_together(airport):
    engine = airport.engine(airport.wind(), airport.delays(lambda delay: delay.mean()))
    with pytest.raises(InputError, match=r"(?s)table 'weather'.*table 'flights'|table 'flights'.*table 'weather'"):
        engine.compute(asked_at(airport, 0), {})
    with pytest.raises(InputError, match=r"(?s)column 'origin'.*column 'posted'"):
        engine.prepare("weather", pl.DataFrame({"hour": [], "wind": []}))
    with pytest.raises(InputError, match="column 'origin' is missing"):
        engine.compute(asked_at(airport, 0).drop("origin"), {})


def test_a_time_column_that_is_no_moment_is_refused(airport):
    rows = airport.weather(("JFK", 0, 0, 10)).with_columns(hour=pl.lit("noon"))
    with pytest.raises(InputError, match="'hour' is String, not a moment"):
        airport.engine(airport.wind()).prepare("weather", rows)


def test_every_fault_of_the_features_is_reported_at_once(airport):
    schema = pl.Schema({"id": pl.Int64(), "origin": pl.Int64()})
    tables = {
        **airport.tables,
        "flights": Table("flights", "", ("id",), time="at", schema=schema),
        "weather": Table(
            "weather", "", ("origin",), time="hour", schema=pl.Schema({"origin": pl.String(), "wind": pl.Int64()})
        ),
    }
    features = [
        Feature("lost", "boats", "newest", lambda x: x, ("x",), on=("origin",)),
        Feature("timeless", "planes", "window", lambda x: x.sum(), ("x",), on=("tail",), window=timedelta(hours=1)),
        Feature("short", "planes", "newest", lambda x: x, ("x",), on=("tail", "origin")),
        Feature("unsaid", "flights", "window", lambda x: x.sum(), ("x",), window=timedelta(hours=1)),
        Feature("typed", "weather", "newest", lambda wind: wind, ("wind",), on=("origin",)),
        Feature("typed", "flights", "row", lambda id: id - id.mean(), ("id",)),  # noqa: A006
        Feature("a", "flights", "row", lambda b: b, ("b",)),
        Feature("b", "flights", "row", lambda a: a, ("a",)),
    ]
    with pytest.raises(DefinitionError) as caught:
        FeatureEngine(features, tables, "flights", airport.moment)
    sentences = [
        "'lost' is over 'boats', which is not declared",
        "'timeless' has a window, but its table has no time",
        "'short' joins on tail, origin, but planes has the key tail",
        "'unsaid' does not say which columns name its rows",
        "no row can ever match",
        "'typed' is declared twice",
        "'typed' looks beyond its own row",
        "a ring: ",
    ]
    for sentence in sentences:
        assert sentence in str(caught.value)
    assert len(caught.value.faults) == len(sentences)
