"""Joins the flights with Feast's DuckDB engine and prints its seconds; run by joins.py in Feast's own environment.

Feast has no windows over late columns: it is given them computed, a row a flight, and has only to find the newest.
"""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from pathlib import Path

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
from feast.types import Float64
from feast.value_type import ValueType

ORIGIN = Entity(name="origin", join_keys=["origin"], value_type=ValueType.STRING)
CARRIER = Entity(name="carrier", join_keys=["carrier"], value_type=ValueType.STRING)


def view(folder: Path, name: str, entity: Entity, age: timedelta, columns: list[str]) -> FeatureView:
    source = FileSource(path=str(folder / f"{name}.parquet"), timestamp_field="event_timestamp")
    schema = [Field(name=column, dtype=Float64) for column in columns]
    return FeatureView(name=name, entities=[entity], ttl=age, schema=schema, source=source)


def main(folder: Path) -> None:
    config = RepoConfig(
        project="flights",
        provider="local",
        registry=str(folder / "registry.db"),
        offline_store={"type": "duckdb"},
        online_store={"type": "sqlite", "path": str(folder / "online.db")},
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    columns = {
        name: [
            column
            for column in pd.read_parquet(folder / f"{name}.parquet").columns
            if column not in {key, "event_timestamp"}
        ]
        for name, key in (("weather", "origin"), ("carriers", "carrier"))
    }
    weather = view(folder, "weather", ORIGIN, timedelta(hours=3), columns["weather"])
    carriers = view(folder, "carriers", CARRIER, timedelta(days=1), columns["carriers"])
    store.apply([ORIGIN, CARRIER, weather, carriers])
    asked = pd.read_parquet(folder / "asked.parquet")
    features = [f"{name}:{column}" for name, each in columns.items() for column in each]
    start = time.perf_counter()
    rows = len(store.get_historical_features(entity_df=asked, features=features).to_df())
    print(time.perf_counter() - start, rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
