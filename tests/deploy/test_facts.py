"""What is held in memory of the facts, and what is forgotten."""

from datetime import timedelta

import polars as pl
import pytest
import shop

from trimaran.backends.sqlite_online import SqliteOnline
from trimaran.core.clock import ManualClock
from trimaran.deploy import Facts

EARLY = shop.NOON - timedelta(days=30)


@pytest.fixture
def online(tmp_path):
    return SqliteOnline(tmp_path / "online.db")


@pytest.fixture
def facts(online, definition):
    return Facts(definition, online, ManualClock(shop.NOON))


def feature(facts, name, depot="EWR"):
    asked = shop.parcels(2).with_columns(depot=pl.lit(depot), sent=pl.lit(shop.NOON + shop.HOUR))
    return facts.engine.compute(asked, facts.history())[name][0]


def test_before_anything_is_pushed_features_are_empty(facts):
    assert feature(facts, "gale") is None
    assert facts.rows == {"weather": 0, "depots": 0, "parcels": 0}


def test_a_fact_pushed_again_counts_once_and_as_it_was_last(facts, online):
    planned = shop.parcels(120)[:1].with_columns(depot=pl.lit("EWR"), delay=None, arrived=None)
    landed = planned.with_columns(delay=pl.lit(30.0), arrived=pl.lit(shop.NOON - shop.HOUR))
    online.push("parcels", "parcels", planned, key="1")
    assert feature(facts, "recent") is None
    online.push("parcels", "parcels", landed, key="2")
    assert feature(facts, "recent") == 30.0
    assert facts.rows["parcels"] == 1


def test_what_no_window_reaches_any_more_is_dropped(facts, online):
    old = shop.parcels(10).with_columns(pl.col("sent") - timedelta(days=3))
    online.push(
        "parcels", "parcels", pl.concat([old.with_columns(parcel="old" + pl.col("parcel")), shop.parcels(10)]), key="1"
    )
    facts.history()
    assert facts.rows["parcels"] == 10


def test_a_schedule_reaching_far_ahead_does_not_push_out_today(facts, online):
    ahead = shop.parcels(1).with_columns(pl.col("sent") + timedelta(days=200), parcel=pl.lit("ahead"))
    online.push("parcels", "parcels", pl.concat([shop.parcels(10), ahead]), key="1")
    facts.history()
    assert facts.rows["parcels"] == 11


def test_a_table_without_time_is_kept_whole_with_the_last_row_of_each_key(facts, online):
    online.push("parcels", "depots", shop.depots(("EWR", 8), ("JFK", 3)), key="1")
    online.push("parcels", "depots", shop.depots(("EWR", 9)), key="2")
    assert (feature(facts, "size"), feature(facts, "size", "JFK"), facts.rows["depots"]) == (9, 3, 2)


def test_where_a_row_never_gets_too_old_the_newest_of_each_key_stays(online, definition):
    ageless = definition.tables | {
        "weather": definition.tables["weather"].__class__(**{**vars(definition.tables["weather"]), "max_age": None})
    }
    facts = Facts(definition.__class__(**{**vars(definition), "tables": ageless}), online, ManualClock(shop.NOON))
    rows = [("EWR", EARLY, 1.0), ("EWR", EARLY + shop.HOUR, 2.0), ("JFK", EARLY, 3.0), ("EWR", shop.NOON, 4.0)]
    online.push("parcels", "weather", shop.weather(*rows), key="1")
    assert (feature(facts, "gale"), feature(facts, "gale", "JFK"), facts.rows["weather"]) == (8.0, 6.0, 3)


def test_facts_of_a_table_that_no_feature_reads_are_left_alone(facts, online):
    online.push("parcels", "gossip", shop.depots(("EWR", 8)), key="1")
    assert "gossip" not in facts.history()


def test_columns_that_were_not_pushed_are_empty(facts, online):
    online.push("parcels", "parcels", shop.parcels(5).drop("delay", "arrived"), key="1")
    assert feature(facts, "recent") is None


def test_nothing_is_prepared_again_when_nothing_was_pushed(facts, online):
    online.push("parcels", "depots", shop.depots(("EWR", 8)), key="1")
    before = dict(facts.history())
    assert facts.history() == before
    online.push("parcels", "weather", shop.weather(("EWR", shop.NOON, 1.0)), key="2")
    after = facts.history()
    assert after["depots"] is before["depots"]
    assert after["weather"] is not before["weather"]


def test_online_an_older_event_that_comes_later_overwrites_nothing(facts, online):
    online.push("parcels", "weather", shop.weather(("EWR", shop.NOON, 4.0)), key="1")
    online.push("parcels", "weather", shop.weather(("EWR", shop.NOON - shop.HOUR, 9.0)), key="2")
    assert feature(facts, "gale") == 8.0


def test_online_a_fact_past_its_maximal_age_is_not_seen(facts, online):
    online.push("parcels", "weather", shop.weather(("EWR", shop.NOON - 7 * shop.HOUR, 4.0)), key="1")
    online.push("parcels", "weather", shop.weather(("JFK", shop.NOON - 6 * shop.HOUR, 4.0)), key="2")
    assert (feature(facts, "gale"), feature(facts, "gale", "JFK")) == (None, 8.0)
