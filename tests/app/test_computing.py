"""By what means a workspace computes: what its settings say."""

import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from trimaran.app.computing import open_computing
from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_file
from trimaran.app.progress import progress
from trimaran.app.running import run_once
from trimaran.app.settings import ComputingSettings
from trimaran.app.workspace import Workspace
from trimaran.backends.footprint import free_memory
from trimaran.backends.local_tasks import LocalExecutor
from trimaran.backends.scratch import Scratch
from trimaran.build import Computing
from trimaran.core.clock import ManualClock
from trimaran.core.errors import Unavailable


def test_a_workspace_computes_in_this_process_in_half_of_the_memory_that_is_free(tmp_path):
    computing = open_computing(tmp_path, Workspace(tmp_path).settings.computing)
    assert type(computing.executor).__name__ == "LocalExecutor"
    assert computing.memory() == pytest.approx(free_memory() / 2 - 100_000_000, rel=0.2)
    with computing.scratch() as folder:
        assert folder.parent == tmp_path / "scratch"


def test_the_settings_file_says_how_much_memory_and_which_cluster(tmp_path):
    (tmp_path / "trimaran.toml").write_text('[computing]\nmemory = "2GB"\nengine = "ray"\naddress = "head:6379"\n')
    computing = open_computing(tmp_path, Workspace(tmp_path).settings.computing)
    assert computing.memory() == 1_900_000_000  # and what reading files takes
    assert (type(computing.executor).__name__, computing.executor.address) == ("RayExecutor", "head:6379")


def test_without_ray_the_library_to_install_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "trimaran.backends.ray_tasks", raising=False)
    with pytest.raises(Unavailable, match=r"trimaran\[ray\]"):
        open_computing(tmp_path, ComputingSettings(engine="ray"))


START = datetime(2024, 1, 1, tzinfo=UTC)
LIFTS = """
from sklearn.linear_model import LogisticRegression
import trimaran as tm

product = tm.Product("lifts", owner="ops", predict_at="due - 1h")
lifts = product.table("lifts.parquet", key="lift", time="due", known={"late": "done"})

@product.feature(lifts)
def weight(load):
    return load

@product.feature(lifts, by="shaft", window="1d")
def usual(late):
    return late.mean().fill_null(0)

@product.label(lifts, wait="1d")
def is_late(late):
    return late > 5

@product.model()
def fit(X, y):
    return LogisticRegression().fit(X.to_numpy(), y)

product.accept(out_of_time="7d", auc=">= 0.5")
"""


class Told(LocalExecutor):
    """Keeps the names of the tasks it does."""

    def __init__(self):
        self.names = []

    def map(self, act, tasks):
        for name, task in tasks:
            self.names.append(name)
            yield act(task)


@pytest.fixture
def lifts(tmp_path):
    chance, count = np.random.default_rng(5), 2_500
    due = [START + timedelta(minutes=20 * n) for n in range(count)]
    load = chance.uniform(0, 10, count)
    rows = {
        "lift": [f"l{n}" for n in range(count)],
        "due": due,
        "shaft": chance.choice(["a", "b", "c"], count),
        "load": load,
    }
    done = [moment + timedelta(minutes=30) for moment in due]
    pl.DataFrame(rows | {"late": load + chance.normal(0, 2, count), "done": done}).write_parquet(tmp_path / "lifts.parquet")
    (tmp_path / "lifts.py").write_text(LIFTS)
    return tmp_path / "lifts.py"


def trained(lifts, root, memory=None):
    """The model that a run in a new workspace makes, and the tasks that its features fell into."""
    workspace, executor = Workspace(root, clock=ManualClock(START + timedelta(days=40))), Told()
    workspace.data_root = lifts.parent
    computing = None
    if memory is not None:
        computing = Computing(lambda: memory, executor, Scratch(root / "scratch").folder)
    with progress() as shown:
        state, _ = run_once(Lifecycle(workspace, load_file(lifts), shown, path=lifts, computing=computing))
    return state.version.native, executor.names


def test_a_run_with_too_little_memory_makes_the_same_model_in_parts(lifts, tmp_path):
    plain, _ = trained(lifts, tmp_path / "plain")
    model, tasks = trained(lifts, tmp_path / "cramped", memory=1_300_000)
    assert len(tasks) > 1
    assert tasks[0] == "part 1 of lifts by shaft"
    assert model == plain
    assert not [path for path in (tmp_path / "cramped" / "scratch").iterdir() if path.is_dir()]
