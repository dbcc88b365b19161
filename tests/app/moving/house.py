"""A house to move: the small workspace with a second product, tables, online facts and a model that really answers."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression

from trimaran.app.workspace import Workspace
from trimaran.core.nouns import CAPTURED, Declared, ModelVersion, Notice

PRODUCT = "punctual"
NEIGHBOUR = "punctual-2"
NOON = datetime(2013, 5, 14, 12, tzinfo=UTC)
ROWS = np.random.default_rng(1).normal(size=(50, 2)).astype(np.float32)


def furnish(root):
    workspace = Workspace(root)
    for day in range(4):
        times = [NOON + timedelta(days=day, hours=hour) for hour in range(24)]
        rows = pl.DataFrame({"trip": [f"{day}-{hour}" for hour in range(24)], "planned": times, "wind": [3.5] * 24})
        workspace.tables.append(f"{PRODUCT}/legs", rows, key=f"day-{day}")
        workspace.online.push(PRODUCT, "trips", rows, key=f"day-{day}")
    workspace.online.trim(PRODUCT, "trips", NOON + timedelta(days=2))
    logged = {"name": ["loss"] * 3, "step": [1, 2, 3], "value": [0.7, float("nan"), float("inf")], "at": [NOON] * 3}
    for key in ("a", "b"):
        workspace.metrics.log(f"{PRODUCT}/run-1", pl.DataFrame(logged), key=key)
    workspace.metrics.log("stranger", pl.DataFrame(logged), key="a")
    model = LogisticRegression().fit(ROWS, ROWS[:, 0] > 0)
    version = ModelVersion(**fields_of_version(workspace) | {"number": 9, "compiled": None})
    native = workspace.objects.put(workspace.native.dump(model, version.features))
    version = ModelVersion(**fields_of_version(workspace) | {"number": 9, "compiled": None, "native": native})
    workspace.ledger.append(version, f"{PRODUCT}/v9", key="v9", after=0)
    source = workspace.objects.put(b"product = Declaration('punctual-2')")
    declared = Declared(product=NEIGHBOUR, owner="olga", source=source, policies={})
    workspace.ledger.append(declared, NEIGHBOUR, after=0)
    workspace.ledger.append(Notice(product="x", to="me", subject="s", text="t"), f"{PRODUCT}-3/aside")
    return workspace


def fields_of_version(workspace):
    found = workspace.ledger.latest(ModelVersion, f"{PRODUCT}/v1")[1]
    return {name: getattr(found, name) for name in found.__struct_fields__}


def contents(workspace, product=PRODUCT, *, as_name=None):
    """Everything of a product that must come through a move, without what a move changes: seq and digest of entries."""
    name = as_name or product
    tables = {
        table: [workspace.tables.read(f"{name}/{table}", version).collect() for version in range(4)] for table in ("legs",)
    }
    return {
        "captures": workspace.captures.frame(name, columns=CAPTURED).sort("event_at", "id"),
        "facts": [rows for _, rows in workspace.online.since(name, 0)[1]],
        "points": workspace.metrics.points(f"{name}/run-1"),
        "tables": tables["legs"],
        "scores": workspace.scorer(workspace.ledger.latest(ModelVersion, f"{name}/v9")[1])(ROWS).tolist(),
    }


def same(one, other):
    assert one["captures"].equals(other["captures"])
    assert one["points"].equals(other["points"])
    assert one["points"].height == 6
    assert len(one["facts"]) == len(other["facts"]) > 0
    assert all(a.equals(b) for a, b in zip(one["facts"], other["facts"], strict=True))
    assert all(a.equals(b) for a, b in zip(one["tables"], other["tables"], strict=True))
    assert one["scores"] == other["scores"]
