"""A small product with a known signal: parcels that may be late, and the weather at their depots."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trimaran.backends.onnx_format import OnnxFormat
from trimaran.backends.skops_format import SkopsFormat
from trimaran.build import Job, Snapshot, Source, Trainer
from trimaran.core.clock import ManualClock
from trimaran.core.ledger import Ledger
from trimaran.data.declaration import Declaration, Definition
from trimaran.testing import MemoryLedger, MemoryObjects

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 60
PARCELS = 6000


class Quiet:
    """Shows nothing."""

    def start(self, task: str, total: int) -> None: ...

    def advance(self, task: str, done: int = 1, note: str = "") -> None: ...

    def finish(self, task: str) -> None: ...


def make_frames(seed: int = 0, parcels: int = PARCELS) -> dict[str, pl.DataFrame]:
    """Wind at the depot and the driver's usual delay make a parcel late; the rest is noise."""
    generator = np.random.default_rng(seed)
    hours = pl.datetime_range(START - timedelta(days=1), START + timedelta(days=DAYS), "1h", time_zone="UTC", eager=True)
    depots = ["north", "south", "west"]
    weather = pl.concat(
        pl.DataFrame(
            {"depot": [depot] * len(hours), "hour": hours, "wind": generator.gamma(2.0, 6.0, len(hours)).astype(np.float64)}
        )
        for depot in depots
    )
    minutes = np.sort(generator.integers(0, DAYS * 24 * 60, parcels))
    due = pl.Series("due", [START + timedelta(minutes=int(minute)) for minute in minutes], dtype=pl.Datetime("us", "UTC"))
    parcels_ = pl.DataFrame(
        {
            "parcel": [f"p{number:05d}" for number in range(parcels)],
            "depot": generator.choice(depots, parcels, p=[0.5, 0.4, 0.1]),
            "van": generator.choice([f"van{number}" for number in range(8)], parcels),
            "distance": generator.uniform(1, 50, parcels),
            "due": due,
        }
    ).sort("due")
    blown = parcels_.with_columns(seen=pl.col("due") - timedelta(hours=2)).join_asof(
        weather.sort("hour"), left_on="seen", right_on="hour", by="depot", check_sortedness=False
    )
    slow = blown["van"].str.slice(3).cast(pl.Int32).to_numpy() * 2.0
    delay = 1.2 * blown["wind"].to_numpy() + slow + generator.normal(0, 8, parcels) - 5
    lost = generator.random(parcels) < 0.02
    parcels_ = parcels_.with_columns(
        delay=pl.when(pl.Series(lost)).then(None).otherwise(pl.Series(delay)),
        arrived=pl.when(pl.Series(lost)).then(None).otherwise(pl.col("due") + pl.duration(minutes=pl.Series(np.abs(delay)))),
    )
    vans = pl.DataFrame(
        {"van": [f"van{number}" for number in range(8)], "built": [2000 + 2 * number for number in range(8)]}
    )
    return {"parcels": parcels_, "weather": weather, "vans": vans}


def declare(folder: Path, frames: dict[str, pl.DataFrame], fit: Callable | None = None, **policies) -> Declaration:
    """Declare the product over frames, written once to a folder so that their columns can be read."""
    for name, frame in frames.items():
        frame.head(5).write_parquet(folder / f"{name}.parquet")
    product = Declaration("parcels", owner="ops", predict_at="due - 2h")
    parcels = product.table("parcels.parquet", key="parcel", time="due", known={"delay": "arrived"})
    weather = product.table("weather.parquet", key="depot", time="hour", max_age="3h")
    product.table("vans.parquet", key="van")

    @product.feature(parcels)
    def far(distance):
        return distance

    @product.feature(weather, on="depot")
    def gust(wind):
        return wind

    @product.feature(parcels, by="van", window="7d")
    def usual_delay(delay):
        return delay.mean()

    def late(delay):
        return delay > 15

    label, said = policies.pop("label", (late, {}))
    product.label(parcels, wait="1d", **said)(label)

    def weighed(X, y, strength=1.0, centred=1):
        scaled = StandardScaler(with_mean=bool(centred))
        return make_pipeline(SimpleImputer(), scaled, LogisticRegression(C=strength)).fit(X.to_numpy(), y)

    how = {name: policies.pop(name) for name in ("tune", "trials", "budget", "prune") if name in policies}
    product.model(**how)(fit or weighed)
    if "replicate" in policies:
        product.replicate(by=policies.pop("replicate"))
    if "suggest" in policies:
        product.suggest(*(product[name] for name in policies.pop("suggest")), limit=10)
    product.accept(**({"out_of_time": "15d"} | ({} if said else {"auc": ">= 0.7"}) | policies))
    if not said:
        product.value(true_positive=10, false_positive=-4)
    return product


@dataclass
class Yard:
    """Everything a training needs, in memory."""

    definition: Definition
    frames: dict[str, pl.DataFrame]
    objects: MemoryObjects
    store: MemoryLedger
    ledger: Ledger
    trainer: Trainer

    def snapshot(self, until: datetime | None = None) -> Snapshot:
        return Snapshot(self.frames, dict.fromkeys(self.frames, 0), until or START + timedelta(days=DAYS))

    def job(self, **changes) -> Job:
        return replace(Job(cause="a test", key="first", source=Source("product text")), **changes)


def new_yard(definition: Definition, frames: dict[str, pl.DataFrame], store=None, compiled=None) -> Yard:
    clock = ManualClock(START + timedelta(days=DAYS))
    objects, store = MemoryObjects(), store or MemoryLedger()
    ledger = Ledger(store, clock, "tester")
    trainer = Trainer(
        objects=objects,
        ledger=ledger,
        clock=clock,
        native=SkopsFormat(),
        compiled=compiled or OnnxFormat(),
        progress=Quiet(),
    )
    return Yard(definition, frames, objects, store, ledger, trainer)


@pytest.fixture(scope="session")
def frames() -> dict[str, pl.DataFrame]:
    return make_frames()


@pytest.fixture
def product(tmp_path, frames) -> Callable[..., Declaration]:
    return lambda fit=None, **policies: declare(tmp_path, frames, fit, **policies)


@pytest.fixture
def yard(tmp_path, frames) -> Yard:
    return new_yard(declare(tmp_path, frames).freeze(tmp_path), frames)


@pytest.fixture
def make_yard(tmp_path, frames) -> Callable[..., Yard]:
    return lambda fit=None, **policies: new_yard(declare(tmp_path, frames, fit, **policies).freeze(tmp_path), frames)


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    """The makers above, for tests that need products of their own."""
    return SimpleNamespace(declare=declare, make_frames=make_frames, new_yard=new_yard, Quiet=Quiet)
