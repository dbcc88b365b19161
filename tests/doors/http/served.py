"""A small workspace on the disk, with a real model live."""

import numpy as np
import polars as pl
import shop
from sklearn.ensemble import HistGradientBoostingClassifier

from trimaran.app.workspace import CLOCK, Workspace
from trimaran.core.clock import SharedClock
from trimaran.core.nouns import Code, Declared, Environment, ModelVersion, Release, Run, Traffic
from trimaran.data.profiles import take_profile, write_profile

TEXT = """
from trimaran.data.declaration import Declaration

product = Declaration("parcels", owner="olga", predict_at="sent - 1h")
parcels = product.table("parcels.parquet", key="parcel", time="sent", known={"delay": "arrived"})
depots = product.table("depots.parquet", key="depot")

@product.feature(parcels)
def heaviness(weight, pieces):
    return weight / pieces

@product.feature(depots, on="depot")
def size(doors):
    return doors

@product.feature(parcels, by="depot", window="3h")
def recent(delay):
    return delay.mean()

@product.label(parcels, wait="1d")
def late(delay):
    return delay > 10

@product.model()
def fit(X, y):
    return None

product.accept(out_of_time="10d", auc=">= 0.5")
"""


def build(root):
    """Make a workspace whose only version gives heavier parcels higher scores."""
    data = root.parent / "data"
    data.mkdir(exist_ok=True)
    shop.parcels(2).write_parquet(data / "parcels.parquet")
    shop.depots(("EWR", 8)).write_parquet(data / "depots.parquet")
    workspace = Workspace(root, clock=SharedClock(root / CLOCK, shop.NOON))
    workspace.data_root = data
    rng = np.random.default_rng(13)
    matrix = rng.uniform(0, 20, (400, 3)).astype(np.float32)
    labels = (matrix[:, 0] > 10).astype(int)
    names = ["heaviness", "size", "recent"]
    model = HistGradientBoostingClassifier(max_iter=10, random_state=13).fit(matrix, labels)
    features = pl.DataFrame(matrix, schema=names)
    asked = pl.DataFrame({"depot": ["EWR", "JFK"] * 200})
    profile = take_profile(features, labels, asked, scores=model.predict_proba(matrix)[:, 1], outcomes=labels)
    fields = {
        "native": workspace.objects.put(workspace.native.dump(model, names)),
        "features": names,
        "profile": write_profile(workspace.objects, profile),
        "code": workspace.objects.put(TEXT.encode()),
    }
    run = Run(
        name="r",
        cause="test",
        code=Code(source=fields["code"]),
        environment=Environment(python="3", platform="linux", lock=fields["code"]),
        data={},
        parameters={},
        seed=13,
        started=shop.NOON,
        ended=shop.NOON,
        seconds=0.0,
    )
    fields["run"] = workspace.ledger.append(run, "parcels/r")
    version = shop.version(1, shop.define(data))
    version = ModelVersion(**{name: getattr(version, name) for name in version.__struct_fields__} | fields)
    workspace.ledger.append(Declared(product="parcels", owner="olga", source=version.code, policies={}), "parcels")
    workspace.ledger.append(version, "parcels/v1")
    split = Traffic(live=1)
    move = Release(product="parcels", number=1, model=version.native, stage="live", traffic=split, reason="test")
    workspace.ledger.append(move, "parcels")
    workspace.online.push("parcels", "depots", shop.depots(("EWR", 8)), key="1")
    return workspace
