"""The feed hands a history out as it happened, and never shows a value before it was known."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.app.feed import Feed
from trimaran.data.declaration import Declaration

START = datetime(2013, 1, 1, tzinfo=UTC)
MOMENT = pl.Datetime("us", "UTC")


def hours(*values):
    return [None if value is None else START + timedelta(hours=value) for value in values]


TRIPS = pl.DataFrame(
    {
        "id": ["a", "b", "c"],
        "due": hours(10, 12, 30),
        "left": hours(11, None, 29),
        "done": hours(14, None, 33),
        "late_by": [60.0, None, -5.0],
        "waited": [5.0, None, 0.0],
    },
    schema_overrides={"due": MOMENT, "left": MOMENT, "done": MOMENT},
)


@pytest.fixture(scope="module")
def definition(tmp_path_factory):
    folder = tmp_path_factory.mktemp("feed")
    TRIPS.write_parquet(folder / "trips.parquet")
    product = Declaration("delay", owner="ops", predict_at="due - 2h")
    trips = product.table("trips.parquet", key="id", time="due", known={"late_by": "done", "waited": "left"})

    @product.feature(trips)
    def hour(due):
        return due.dt.hour()

    @product.label(trips, wait="2d")
    def is_late(late_by):
        return late_by > 15

    @product.model()
    def fit(X, y):
        return None

    product.accept(out_of_time="1d", auc=">= 0.5")
    return product.freeze(Path(folder))


@pytest.fixture(scope="module")
def feed(definition):
    return Feed(definition, {"trips": TRIPS})


def at(hour):
    return START + timedelta(hours=hour)


def test_rows_are_asked_at_their_predict_at_with_only_what_a_caller_gives(feed, definition):
    asked = feed.asked(at(7), at(10), definition.given.names())
    assert asked.columns == ["id", "due"]
    assert asked["id"].to_list() == ["a", "b"]


def test_a_value_is_empty_until_the_moment_it_is_known(feed):
    (row,) = feed.facts(at(10), at(12))["trips"].filter(pl.col("id") == "a").to_dicts()
    assert row["waited"] == 5.0
    assert row["late_by"] is None
    assert row["done"] is None


def test_a_row_is_delivered_when_its_last_value_is_known(feed):
    assert feed.settled(at(13), at(14))["trips"]["id"].to_list() == ["a"]


def test_a_row_whose_label_never_comes_is_delivered_when_its_waiting_time_is_over(feed):
    assert "trips" not in feed.settled(at(14), at(32))
    assert feed.settled(at(59), at(60))["trips"]["id"].to_list() == ["b"]


@given(st.lists(st.integers(0, 80), min_size=2, max_size=6).map(sorted))
def test_however_time_is_cut_every_row_is_delivered_once(feed, cuts):
    bounds = [None, *(at(cut) for cut in cuts), at(200)]
    delivered = [
        name for since, until in pairwise(bounds) for rows in feed.settled(since, until).values() for name in rows["id"]
    ]
    assert sorted(delivered) == ["a", "b", "c"]


@given(st.integers(0, 80), st.integers(1, 40))
def test_no_fact_shows_a_moment_that_lies_ahead(feed, since, span):
    for rows in feed.facts(at(since), at(since + span)).values():
        for column in ("left", "done"):
            assert rows.filter(pl.col(column) > at(since + span)).is_empty()
        assert rows.filter(pl.col("done").is_null() & pl.col("late_by").is_not_null()).is_empty()
