"""The tables the feature tests ask about, and the features over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trimaran.data.declaration import Feature, Moment, Table
from trimaran.data.features import FeatureEngine

NOON = datetime(2013, 1, 1, 12, tzinfo=UTC)
UTC_MICROS = pl.Datetime("us", "UTC")


class Airport:
    """A small declaration: flights are asked for an hour ahead; weather grows too old after two hours."""

    tables: Mapping[str, Table] = {
        "flights": Table("flights", "", ("id",), time="at", known={"delay": "left", "late_gate": "left"}),
        "weather": Table("weather", "", ("origin",), time="hour", known={"wind": "posted"}, max_age=timedelta(hours=2)),
        "planes": Table("planes", "", ("tail",), known={"seats": "posted"}),
    }
    moment = Moment("at", timedelta(hours=-1))

    def at(self, minutes: float | None) -> datetime | None:
        """Return the time some minutes past noon."""
        return None if minutes is None else NOON + timedelta(minutes=minutes)

    def flights(self, *rows: tuple[object, ...]) -> pl.DataFrame:
        """Return flights of (id, origin, tail, at, left, delay), times in minutes past noon."""
        timed = [(a, b, c, self.at(at), self.at(left), delay) for a, b, c, at, left, delay in rows]
        schema = {"id": pl.Int64, "origin": pl.String, "tail": pl.String, "at": UTC_MICROS, "left": UTC_MICROS}
        return pl.DataFrame(timed, schema=schema | {"delay": pl.Int64}, orient="row")

    def weather(self, *rows: tuple[object, ...]) -> pl.DataFrame:
        """Return weather of (origin, hour, posted, wind), times in minutes past noon."""
        timed = [(origin, self.at(hour), self.at(posted), wind) for origin, hour, posted, wind in rows]
        schema = {"origin": pl.String, "hour": UTC_MICROS, "posted": UTC_MICROS, "wind": pl.Int64}
        return pl.DataFrame(timed, schema=schema, orient="row")

    def planes(self, *rows: tuple[object, ...]) -> pl.DataFrame:
        """Return planes of (tail, posted, seats, year), times in minutes past noon."""
        timed = [(tail, self.at(posted), seats, year) for tail, posted, seats, year in rows]
        schema = {"tail": pl.String, "posted": UTC_MICROS, "seats": pl.Int64, "year": pl.Int64}
        return pl.DataFrame(timed, schema=schema, orient="row")

    def wind(self, function: Callable[..., object] = lambda wind: wind) -> Feature:
        """Return a feature over the newest weather of the origin."""
        return Feature("wind_now", "weather", "newest", function, ("wind",), on=("origin",))

    def delays(self, function: Callable[..., object], hours: float = 3) -> Feature:
        """Return a feature over the delays of an origin's flights in some hours."""
        return Feature("delays", "flights", "window", function, ("delay",), on=("origin",), window=timedelta(hours=hours))

    def count_by_polars(self) -> Feature:
        """Return a feature that no reduction is found in."""
        function = lambda delay: delay.n_unique()  # noqa: E731  a feature's function
        return Feature("kinds", "flights", "window", function, ("delay",), on=("origin",), window=timedelta(hours=3))

    def engine(self, *features: Feature) -> FeatureEngine:
        """Return an engine over these tables."""
        return FeatureEngine(features, self.tables, "flights", self.moment)

    def compute(self, feature: Feature, asked: pl.DataFrame, rows: pl.DataFrame) -> list[object]:
        """Return one feature's values for asked rows, given the rows of the table it is over."""
        engine = self.engine(feature)
        table = engine.prepare(feature.table, rows)
        return engine.compute(asked, {feature.table: table})[feature.name].to_list()


@pytest.fixture(scope="session")
def airport() -> Airport:
    return Airport()
