"""A small product whose truth is known, and the captured rows of any stretch of its life."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from trimaran.core.checks import parse_rule
from trimaran.core.nouns import ModelVersion, Ref
from trimaran.data.declaration import Declaration, Definition, Watch
from trimaran.data.profiles import Profile, take_profile

NAMES = ["wind", "rain", "hour", "delay"]
WEIGHTS = np.array([0.9, 0.6, -0.5, 0.4])
START = datetime(2013, 6, 1, tzinfo=UTC)


@dataclass
class World:
    """Rows whose score is the true chance of the label, until the data or the concept moves."""

    rng: np.random.Generator
    start: datetime = START
    names: list[str] = field(default_factory=lambda: list(NAMES))

    def sample(self, n: int, shift: float = 0.0, twist: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return features, scores and labels; ``shift`` moves the features, ``twist`` what they mean."""
        features = self.rng.normal(size=(n, len(WEIGHTS)))
        features[:, 0] += shift
        features = features.astype(np.float32).astype(np.float64)
        score = 1 / (1 + np.exp(1.2 - features @ WEIGHTS))
        truth = 1 / (1 + np.exp(1.2 - features @ (WEIGHTS * (1 - twist))))
        return features, score, (self.rng.random(n) < truth).astype(float)

    def profile(self, n: int = 8000) -> Profile:
        features, _, labels = self.sample(n)
        _, scores, outcomes = self.sample(n)
        frame = pl.DataFrame(features, schema=self.names)
        return take_profile(
            frame,
            labels,
            pl.DataFrame({"id": ["a"] * n}),
            scores=scores,
            outcomes=outcomes,
            predict_at=self.moments(n, 84, self.start - timedelta(days=35)),
            scored_at=self.moments(n, 35, self.start),
        )

    def moments(self, n: int, days: float, until: datetime) -> pl.Series:
        """Return ``n`` moments spread evenly over ``days`` before ``until``."""
        begins = np.datetime64((until - timedelta(days=days)).replace(tzinfo=None), "us")
        step = days * 86400e6 / max(n, 1)
        return pl.Series("event_at", begins + (np.arange(n) * step).astype("timedelta64[us]")).dt.replace_time_zone("UTC")

    def frame(self, n: int, days: float, shift: float = 0.0, twist: float = 0.0) -> pl.DataFrame:
        """Return ``n`` captured and labelled answers of version 1, spread evenly over ``days`` before ``start``."""
        features, scores, labels = self.sample(n, shift, twist)
        return pl.DataFrame(
            {
                "event_at": self.moments(n, days, self.start),
                "score": scores,
                "seconds": self.rng.exponential(0.002, n),
                "label": labels,
                "features": pl.Series(features, dtype=pl.Array(pl.Float64, len(WEIGHTS))).arr.to_list(),
            }
        ).with_columns(
            id=pl.int_range(pl.len()).cast(pl.String),
            version=pl.lit(1, pl.Int32),
            role=pl.lit("live"),
            mode=pl.lit("http"),
        )


@pytest.fixture
def world() -> World:
    return World(np.random.default_rng(7))


@pytest.fixture
def declare(tmp_path) -> Callable[..., Definition]:
    def build(**policy: object) -> Definition:
        path = tmp_path / "flights.parquet"
        moment = pl.Series([], dtype=pl.Datetime("us", "UTC"))
        columns = {"flight": pl.Series([], dtype=pl.Int64), "sched": moment, "landed": moment}
        pl.DataFrame(columns | {"late": pl.Series([], dtype=pl.Float64)}).write_parquet(path)
        product = Declaration("delay", owner="ops", predict_at="sched - 2h")
        flights = product.table("flights.parquet", key="flight", time="sched", known={"late": "landed"})

        @product.label(flights, wait="2d")
        def is_late(late):
            return late > 15

        @product.feature(flights)
        def hour(sched):
            return sched.dt.hour()

        @product.model()
        def fit(X, y):
            return None

        product.accept(out_of_time="30d", auc=">= 0.6", p99="< 20ms")
        product.value(true_positive=42, false_positive=-5)
        definition = product.freeze(tmp_path)
        watch = Watch(decay=parse_rule("auc < live - 0.03"), stale=timedelta(days=30))
        return replace(definition, watch=replace(watch, **policy))

    return build


@pytest.fixture
def definition(declare) -> Definition:
    return declare()


@pytest.fixture
def version() -> ModelVersion:
    return ModelVersion(
        product="delay",
        number=1,
        run=Ref("run", "delay/r1", 1, "0" * 64),
        native="0" * 64,
        compiled=None,
        features=list(NAMES),
        profile="0" * 64,
        code="",
        suggested=None,
        trained_from=START - timedelta(days=120),
        trained_to=START - timedelta(days=20),
        tested_from=START - timedelta(days=20),
        tested_to=START - timedelta(days=10),
        rows=8000,
    )
