"""A workspace of a small product, and models for it that were trained without us."""

import numpy as np
import polars as pl
import pytest

from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_file
from trimaran.app.workspace import Workspace
from trimaran.core.clock import ManualClock

collect_ignore = ["through_mlflow.py", "with_torch.py"]  # run in environments of their own

FEATURES = ["wind_now", "trips_before"]


@pytest.fixture(scope="session")
def known(rides):
    """Rows of both features as float32, and whether each ride was late: what somebody else may have trained on."""
    asked, riders = rides.histories()
    joined = asked.filter(pl.col("wind") < 200).head(3000).join(riders, on="rider")
    features = joined.select(wind_now=pl.col("wind").cast(pl.Float32), trips_before=pl.col("trips").cast(pl.Float32))
    return features, (joined["late"] > 15).to_numpy().astype(np.int64)


@pytest.fixture
def place(tmp_path, rides):
    """A folder with the product\'s file and its data."""
    (tmp_path / "rides.py").write_text(rides.text)
    rides.report(tmp_path, rides.begin)
    return tmp_path


@pytest.fixture
def life(place, quiet, rides):
    """The product in a workspace of its own, on the day of its first training."""
    workspace = Workspace(place / "workspace", clock=ManualClock(rides.begin), actor="ada")
    workspace.data_root = place
    return Lifecycle(workspace, load_file(place / "rides.py"), quiet)
