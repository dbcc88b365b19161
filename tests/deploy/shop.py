"""A small product to serve: parcels that may be late, with features of all three kinds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from trimaran.core.clock import ManualClock
from trimaran.core.errors import NotFound
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Approval, Finding, ModelVersion, Ref, Release, Traffic, Verdict
from trimaran.data.declaration import Declaration, Definition
from trimaran.deploy import Ready
from trimaran.testing import MemoryLedger

NOON = datetime(2013, 7, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DIGEST = "ab" * 32


def parcels(n: int = 0) -> pl.DataFrame:
    """Return ``n`` parcels, one a minute up to noon, each late by its number in minutes, known an hour later."""
    sent = [NOON - timedelta(minutes=n - i) for i in range(n)]
    return pl.DataFrame(
        {
            "parcel": [f"old-{i}" for i in range(n)],
            "sent": sent,
            "depot": ["EWR" if i % 2 else "JFK" for i in range(n)],
            "weight": [float(i) for i in range(n)],
            "pieces": [1] * n,
            "express": [False] * n,
            "arrived": [moment + HOUR for moment in sent],
            "delay": [float(i) for i in range(n)],
        },
        schema={
            "parcel": pl.String,
            "sent": pl.Datetime("us", "UTC"),
            "depot": pl.String,
            "weight": pl.Float64,
            "pieces": pl.Int16,
            "express": pl.Boolean,
            "arrived": pl.Datetime("us", "UTC"),
            "delay": pl.Float64,
        },
    )


def weather(*rows: tuple[str, datetime, float]) -> pl.DataFrame:
    return pl.DataFrame(
        rows, schema={"depot": pl.String, "hour": pl.Datetime("us", "UTC"), "wind": pl.Float64}, orient="row"
    )


def depots(*rows: tuple[str, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"depot": pl.String, "doors": pl.Int32}, orient="row")


def define(root: Path, replicate: dict | None = None, **release) -> Definition:
    parcels(2).write_parquet(root / "parcels.parquet")
    weather(("EWR", NOON, 3.0)).write_parquet(root / "weather.parquet")
    depots(("EWR", 8)).write_parquet(root / "depots.parquet")
    product = Declaration("parcels", owner="olga", predict_at="sent - 1h")
    table = product.table("parcels.parquet", key="parcel", time="sent", known={"delay": "arrived"})
    winds = product.table("weather.parquet", key="depot", time="hour", max_age="6h")
    houses = product.table("depots.parquet", key="depot")

    @product.feature(table)
    def heaviness(weight, pieces):
        return weight / pieces

    @product.feature(table)
    def haste(express):
        return express

    @product.feature(winds, on="depot")
    def gale(wind):
        return wind * 2

    @product.feature(houses, on="depot")
    def size(doors):
        return doors

    @product.feature(table, by="depot", window="3h")
    def recent(delay):
        return delay.mean()

    @product.label(table, wait="1d")
    def late(delay):
        return delay > 10

    @product.model()
    def fit(X, y):
        return None

    product.accept(out_of_time="10d", auc=">= 0.5")
    product.release(**{"shadow": "24h", "steps": [5, 25, 100], "approve": ["domain", "risk"], **release})
    product.value(true_positive=3, false_positive=-1)
    if replicate is not None:
        product.replicate(**replicate)
    return product.freeze(root)


def version(number: int, definition: Definition, model: str = DIGEST) -> ModelVersion:
    return ModelVersion(
        product=definition.name,
        number=number,
        run=Ref("run", "parcels/r", 1, DIGEST),
        native=model,
        compiled=None,
        features=[feature.name for feature in definition.features][::-1],
        profile=DIGEST,
        code=DIGEST,
        suggested=None,
        trained_from=NOON,
        trained_to=NOON,
        tested_from=NOON,
        tested_to=NOON,
        rows=10,
    )


class Shelf:
    """The versions of a shop: numbers to models that are plain functions of a matrix."""

    def __init__(self, definition: Definition, known: Mapping[str, Collection[str]] | None = None) -> None:
        self.definition = definition
        self.known = known or {}
        self.scorers = {}

    def __call__(self, product: str, number: int, segment: str | None = None) -> Ready:
        if number not in self.scorers:
            raise NotFound(f"no v{number}")
        return Ready(version(number, self.definition), self.definition, self.scorers[number], self.known)


def constant(score: float):
    return lambda features: np.full(len(features), score)


def new_ledger(actor: str = "trimaran") -> Ledger:
    return Ledger(MemoryLedger(), ManualClock(NOON), actor)


def release(ledger: Ledger, number: int = 1, **traffic) -> Ref:
    """Write a move without its proof: what serving sees of a release is its traffic."""
    split = Traffic(**({"live": number} | traffic))
    move = Release(product="parcels", number=number, model=DIGEST, stage="live", traffic=split, reason="test")
    return ledger.append(move, "parcels", key=f"test/{ledger.store.head()}")


def verdict(ledger: Ledger, policy: str = "gate", outcome: str = "pass", about: str = DIGEST, number: int = 1) -> Ref:
    finding = Finding(check="auc", outcome=outcome, reason="as measured")
    record = Verdict(policy=policy, outcome=outcome, findings=[finding], about=about)
    return ledger.append(record, f"parcels/v{number}", key=f"verdict/{ledger.store.head()}")


def approve(ledger: Ledger, role: str, person: str = "anna", number: int = 1, **fields) -> Ref:
    record = Approval(
        **{
            "product": "parcels",
            "number": number,
            "model": DIGEST,
            "role": role,
            "person": person,
            "decision": "approve",
            **fields,
        }
    )
    return ledger.append(record, f"parcels/v{number}", key=f"approval/{ledger.store.head()}")
