"""Materialises features with Feast into SQLite and prints its seconds; run by online.py in Feast's own environment.

It leaves a repository behind that Feast's feature server can serve.
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

SETTINGS = """project: bench
provider: local
registry: {folder}/registry.db
offline_store: {{type: duckdb}}
online_store: {{type: sqlite, path: {folder}/online.db}}
entity_key_serialization_version: 3
"""


def main(folder: Path) -> None:
    (folder / "feature_store.yaml").write_text(SETTINGS.format(folder=folder), encoding="utf-8")
    config = RepoConfig(
        project="bench",
        provider="local",
        registry=str(folder / "registry.db"),
        offline_store={"type": "duckdb"},
        online_store={"type": "sqlite", "path": str(folder / "online.db")},
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    facts = pd.read_parquet(folder / "facts.parquet")
    source = FileSource(path=str(folder / "facts.parquet"), timestamp_field="at")
    key = Entity(name="key", join_keys=["key"], value_type=ValueType.INT64)
    schema = [Field(name=column, dtype=Float64) for column in facts.columns if column not in {"key", "at"}]
    store.apply([key, FeatureView(name="facts", entities=[key], ttl=timedelta(days=9), schema=schema, source=source)])
    newest = facts["at"].max()
    start = time.perf_counter()
    store.materialize(newest - timedelta(days=8), newest + timedelta(seconds=1))
    print(time.perf_counter() - start, len(facts))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
