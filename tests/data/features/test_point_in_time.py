"""The page docs/point-in-time.md, line by line, as far as other tests do not hold it already."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from trimaran.data.declaration import Feature, Moment, Table
from trimaran.data.features import FeatureEngine
from trimaran.data.features.timeline import LARGE, SEVERAL, Marks

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "point-in-time.md").read_text(encoding="utf-8")
NEW_YORK = ZoneInfo("America/New_York")


def asked_at(airport, *minutes):
    return airport.flights(*[(n, "JFK", "N1", minute + 60, None, None) for n, minute in enumerate(minutes)])


def test_every_line_of_the_page_names_a_test_that_exists():
    named = re.findall(r"`(test_\w+)`", PAGE)
    sources = [path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/test_*.py")]
    assert [name for name in named if not any(f"def {name}(" in source for source in sources)] == []
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| when", "|--"))]
    assert len(rows) > 15
    assert [row for row in rows if "`test_" not in row] == []


def test_of_facts_with_one_key_and_time_both_are_in_a_window_and_the_last_is_the_newest(airport):
    rows = airport.weather(("JFK", 0, 0, 10), ("JFK", 0, 0, 20))
    both = Feature(
        "both", "weather", "window", lambda wind: wind.sum(), ("wind",), on=("origin",), window=timedelta(hours=1)
    )
    assert airport.compute(both, asked_at(airport, 5), rows) == [30]
    assert airport.compute(airport.wind(), asked_at(airport, 5), rows) == [20]


def test_a_fact_without_a_time_is_never_seen(airport):
    rows = airport.weather(("JFK", None, 0, 10))
    both = Feature(
        "rows", "weather", "window", lambda wind: wind.len(), ("wind",), on=("origin",), window=timedelta(days=999)
    )
    assert airport.compute(airport.wind(), asked_at(airport, 5), rows) == [None]
    assert airport.compute(both, asked_at(airport, 5), rows) == [0]


def test_a_corrected_row_is_seen_from_the_moment_its_correction_is_known(airport):
    rows = airport.weather(("JFK", 0, 0, 10), ("JFK", 0, 45, 11))
    assert airport.compute(airport.wind(), asked_at(airport, 44, 45), rows) == [10, 11]


def test_an_hour_that_the_clocks_repeat_is_two_hours(airport):
    first, second = (datetime(2013, 11, 3, 1, 30, tzinfo=NEW_YORK, fold=fold) for fold in (0, 1))
    moments = pl.Series([first.astimezone(UTC), second.astimezone(UTC)]).dt.convert_time_zone("America/New_York")
    rows = pl.DataFrame({"origin": ["JFK", "JFK"], "hour": moments, "posted": moments, "wind": [1, 2]})
    asked = asked_at(airport, 0, 0, 0).with_columns(at=moments.gather([0, 0, 1]) + pl.Series([0, 1, 1]) * timedelta(hours=1))
    assert (second.astimezone(UTC) - first.astimezone(UTC), second - first) == (timedelta(hours=1), timedelta(0))
    assert airport.compute(airport.wind(), asked, rows) == [None, 1, 2]


def test_a_window_of_a_day_is_24_hours_when_the_clocks_change(airport):
    change = datetime(2013, 3, 10, 12, tzinfo=NEW_YORK).astimezone(UTC)
    moments = pl.Series([change - timedelta(hours=24), change - timedelta(hours=23, minutes=59)])
    zoned = moments.dt.convert_time_zone("America/New_York")
    rows = airport.flights((1, "JFK", "N1", 0, 0, 1), (2, "JFK", "N1", 0, 0, 10)).with_columns(at=zoned, left=zoned)
    asked = asked_at(airport, 0).with_columns(
        at=pl.lit(change + timedelta(hours=1)).dt.convert_time_zone("America/New_York")
    )
    assert airport.compute(airport.delays(lambda delay: delay.sum(), hours=24), asked, rows) == [10]


def test_whole_numbers_stay_exact_to_the_last_digit(airport):
    large = 2**53 + 1
    rows = airport.weather(("JFK", 0, 0, large))
    for aggregate in (pl.Expr.sum, pl.Expr.min, pl.Expr.max, pl.Expr.last):
        feature = Feature("x", "weather", "window", aggregate, ("wind",), on=("origin",), window=timedelta(hours=1))
        assert airport.compute(feature, asked_at(airport, 5), rows) == [large]
    assert airport.compute(airport.wind(), asked_at(airport, 5, 500), rows) == [large, None]


def test_a_moment_a_nanosecond_too_early_sees_nothing(airport):
    rows = airport.weather(("JFK", 0, 0, 10)).with_columns(pl.col("hour", "posted").dt.cast_time_unit("ns"))
    early = pl.Series([0, -1]).cast(pl.Duration("ns"))
    asked = asked_at(airport, 0, 0).with_columns(pl.col("at").dt.cast_time_unit("ns") + early)
    assert airport.compute(airport.wind(), asked, rows) == [10, None]


def test_keys_of_other_types_match_where_their_values_do(airport):
    tables = {**airport.tables, "gates": Table("gates", "", ("gate",))}
    lanes = Feature("lanes", "gates", "newest", lambda lanes: lanes, ("lanes",), on=("id",))
    engine = FeatureEngine([lanes], tables, "flights", Moment("at"))
    gates = engine.prepare("gates", pl.DataFrame({"gate": [0.0, 1.0, float("nan")], "lanes": [5, 6, 7]}))
    asked = asked_at(airport, *[0] * (3 * SEVERAL)).with_columns(id=pl.Series([0, 1, 2] * SEVERAL))
    real = asked.with_columns(pl.Series("id", [0.0, 1.0, float("nan")] * SEVERAL))
    for some in (asked, asked[:3], asked.with_columns(pl.col("id").cast(pl.Int8)), real, real[:3]):
        assert engine.compute(some, {"gates": gates})["lanes"].to_list() == [5, 6, None] * (some.height // 3)


def test_a_hundred_thousand_rows_get_what_each_gets_alone_in_their_order(airport):
    chance = np.random.default_rng(4)
    late = [None if n % 7 == 0 else int(n % 5) * 20 for n in range(400)]
    at = chance.integers(0, 600, 400).tolist()
    rows = airport.flights(
        *[(n, "JL"[n % 2], "N1", m, None if d is None else m + d, n) for n, (m, d) in enumerate(zip(at, late, strict=True))]
    )
    hours = [(key, int(hour) * 60, int(hour) * 60 + 5, int(hour)) for hour in range(10) for key in "JL"]
    twice = Feature("twice", "weather", "newest", lambda wind: wind * 2, ("wind",), on=("origin",))
    engine = airport.engine(airport.wind(), twice, airport.delays(pl.Expr.mean), airport.count_by_polars())
    history = {"flights": engine.prepare("flights", rows), "weather": engine.prepare("weather", airport.weather(*hours))}
    some = airport.flights(
        *[(n, "JLX"[n % 3], "N1", int(m), None, None) for n, m in enumerate(chance.integers(-60, 900, 500))]
    )
    places = chance.integers(0, some.height, 2 * LARGE + 1)
    alone = pl.concat([engine.compute(some[place : place + 1], history) for place in range(some.height)])
    assert engine.compute(some[places], history).equals(alone[places])
    assert alone.null_count().row(0)[:3] > (100, 100, 100)


def test_marks_are_found_alike_by_counting_by_ticks_and_by_ranks():
    chance = np.random.default_rng(2)
    group, wanted = chance.integers(0, 3, 300), chance.integers(-1, 4, 5_000)
    for unit, groups in ((1, 1), (10**6, 1), (10**15, 10**7)):
        moment, at = (
            chance.integers(0, 200, 300) * unit,
            chance.integers(-50, 250, 5_000) * unit + chance.integers(-1, 2, 5_000),
        )
        moment[:2] += 1 if groups > 1 else 0
        moment = np.sort(moment) if groups == 1 and unit > 1 else moment
        marks = Marks(group * groups, moment)
        sides = (group < wanted[:, None]) | ((group == wanted[:, None]) & (moment <= at[:, None]))
        asked = np.where(wanted < 0, -1, wanted * groups)
        assert marks.until(asked, at).tolist() == sides.sum(axis=1).tolist()
        assert marks.until(asked[:9], at[:9]).tolist() == sides[:9].sum(axis=1).tolist()
