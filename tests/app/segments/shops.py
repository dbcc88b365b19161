"""A small product of shops whose customers differ: its file, its rows, and a life of it in a workspace."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_file
from trimaran.app.progress import progress
from trimaran.app.running import run_once
from trimaran.app.workspace import Workspace
from trimaran.core.clock import ManualClock

START, DAYS, SHOPS = datetime(2024, 1, 1, tzinfo=UTC), 50, 8
NOW = START + timedelta(days=DAYS)
PRODUCT = """
import numpy as np
import trimaran as tm
from sklearn.linear_model import LogisticRegression

product = tm.Product("shops", owner="ops", predict_at="at")
sales = product.table("sales.parquet", key="sale", time="at", known={"returned": "told"})

@product.feature(sales)
def size(x):
    return x

@product.feature(sales)
def price(z):
    return z

@product.label(sales, wait="1h")
def back(returned):
    return returned > 0

@product.model()
def fit(X, y):
    if X["price"].max() > 99:
        raise ValueError("a price that cannot be")
    return LogisticRegression().fit(X.to_numpy(), y)

product.accept(out_of_time="10d", auc=">= 0.5", minimum=100)
product.release(approve=["risk"])
product.replicate(by="shop", minimum=100, tested=20, waves=[20, 100], hold="1h")
"""


def sales(days=DAYS, each=600, seed=0):
    """Return sales of shops whose customers differ, the last with a few rows only."""
    random = np.random.default_rng(seed)
    shop = np.repeat(np.arange(SHOPS), each)
    x, z = random.normal(size=(2, SHOPS * each))
    seconds = np.tile(np.linspace(0, days * 86_400 - 7_200, each), SHOPS)
    at = pl.Series(seconds.astype(np.int64) * 1_000_000).cast(pl.Duration("us")) + START
    twist = np.where(np.arange(SHOPS) % 2 == 0, 2.0, -2.0)[shop]
    frame = pl.DataFrame(
        {
            "sale": [f"{seed}-{place}" for place in range(SHOPS * each)],
            "shop": [f"shop {place}" for place in shop],
            "at": at,
            "told": at + timedelta(minutes=30),
            "returned": (x + twist * z + random.normal(size=SHOPS * each) > 0).astype(np.int64),
            "x": x,
            "z": z,
        }
    )
    few = (pl.col("shop") == "shop 7") & (pl.int_range(pl.len()) % 20 != 0)
    return frame.filter(~few)


def lived(folder, text=PRODUCT, rows=None):
    """Return the life of the product of a text, in the workspace of a folder, with one training done at its clock's moment."""
    (sales() if rows is None else rows).write_parquet(folder / "sales.parquet")
    (folder / "shops.py").write_text(text)
    workspace = Workspace(folder / "workspace", clock=ManualClock(NOW))
    workspace.data_root = folder
    return trained(workspace, text)


def trained(workspace, text=PRODUCT):
    """Return the life of the product as a text says it, after one more training."""
    path = workspace.data_root / "shops.py"
    path.write_text(text)
    with progress() as bars:
        life = Lifecycle(workspace, load_file(path), bars, path=path)
        run_once(life)
    return life
