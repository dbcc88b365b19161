"""The small product's history: three months of trips whose delays follow the wind and the hour."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

sys.path.append(str(Path(__file__).parent))

from playing import finish

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS, PER_DAY = 50, 500


@pytest.fixture(scope="session")
def history(tmp_path_factory):
    """The folder with the tables of the small product."""
    folder = tmp_path_factory.mktemp("history")
    random = np.random.default_rng(7)
    hours = pl.DataFrame({"seen": [START + timedelta(hours=hour) for hour in range(24 * DAYS)]})
    weather = hours.join(pl.DataFrame({"place": ["north", "south"]}), how="cross").with_columns(
        wind=pl.Series(random.gamma(4.0, 4.0, 48 * DAYS))
    )
    count = DAYS * PER_DAY
    minutes = np.sort(random.uniform(0, DAYS * 24 * 60, count))
    trips = pl.DataFrame(
        {
            "trip": [f"trip-{number}" for number in range(count)],
            "due": [START + timedelta(minutes=float(minute)) for minute in minutes],
            "place": random.choice(["north", "south"], count),
        }
    )
    known = trips.with_columns(seen=pl.col("due").dt.offset_by("-2h").dt.truncate("1h")).join(
        weather, on=["place", "seen"], how="left", maintain_order="left"
    )
    noise = random.normal(0, 8, count)
    late_by = (known["wind"].fill_null(16.0) - 8) * 1.5 + noise
    cancelled = pl.Series(random.uniform(size=count) < 0.02)
    trips = trips.with_columns(
        late_by=pl.when(~cancelled).then(late_by),
        done=pl.when(~cancelled).then(
            pl.col("due") + pl.duration(minutes=60) + pl.duration(seconds=(late_by * 60).cast(pl.Int64))
        ),
    )
    trips.write_parquet(folder / "trips.parquet")
    weather.write_parquet(folder / "weather.parquet")
    return folder


@pytest.fixture(scope="session")
def whole(history, tmp_path_factory):
    """A rehearsal that nobody disturbed."""
    out = tmp_path_factory.mktemp("whole")
    return out, finish(history, out)
