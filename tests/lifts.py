"""A product of lifts for tests that run one whole: rows of five weeks, features, a helper module beside it, a small tuning."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from trimaran.app.computing import open_computing
from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_file
from trimaran.app.pipelines import run_named, sheet_of
from trimaran.app.progress import progress
from trimaran.app.running import run_once
from trimaran.app.settings import ComputingSettings
from trimaran.app.workspace import Workspace
from trimaran.core.clock import ManualClock
from trimaran.core.nouns import Run, Tracked

START = datetime(2024, 1, 1, tzinfo=UTC)

PRODUCT = """
import trimaran as tm
from heaving import LEAST

product = tm.Product("lifts", owner="ops", predict_at="due - 1h")
lifts = product.table("lifts.parquet", key="lift", time="due", known={"late": "done"})

@product.expect(lifts)
def loads_are_possible(load):
    return load >= LEAST

@product.feature(lifts)
def weight(load):
    return load

@product.feature(lifts, by="shaft", window="1d")
def usual(late):
    return late.mean().fill_null(0)

@product.label(lifts, wait="1d")
def is_late(late):
    return late > 5

@product.model(tune={"strength": tm.log(0.01, 10)}, trials=6)
def fit(X, y, strength=1.0):
    from heaving import model_of  # within: asked for by name wherever this is called

    return model_of(X, y, strength)

@product.test
def heavier_is_later(model, row):
    assert model(row | {"weight": 9}) >= model(row | {"weight": 1})

product.accept(out_of_time="15d", auc=">= 0.5")
"""

BESIDE = """
from sklearn.linear_model import LogisticRegression

LEAST = 0

def model_of(X, y, strength):
    return LogisticRegression(C=strength).fit(X.to_numpy(), y)
"""


def write_lifts(folder, count=2_500):
    """Write the product, the module beside it and its rows, and return the product's file."""
    chance = np.random.default_rng(5)
    due = [START + timedelta(minutes=20 * n) for n in range(count)]
    load = chance.uniform(0, 10, count)
    rows = {
        "lift": [f"l{n}" for n in range(count)],
        "due": due,
        "shaft": chance.choice(list("abcdefghijkl"), count),
        "load": load,
        "late": load + chance.normal(0, 2, count),
        "done": [moment + timedelta(minutes=30) for moment in due],
    }
    pl.DataFrame(rows).write_parquet(folder / "lifts.parquet")
    (folder / "heaving.py").write_text(BESIDE)
    (folder / "lifts.py").write_text(PRODUCT)
    return folder / "lifts.py"


class Told:
    """Passes tasks on to an executor and keeps their names."""

    def __init__(self, executor):
        self.executor = executor
        self.names = []

    def map(self, act, tasks):
        def told():
            for name, task in tasks:
                self.names.append(name)
                yield name, task

        return self.executor.map(act, told())


def run_lifts(file, root, engine, memory=None):
    """Run the product on an engine in a new workspace; return what must be the same on all, and the names of the tasks."""
    workspace = Workspace(root, clock=ManualClock(START + timedelta(days=40)))
    workspace.data_root = file.parent
    computing = open_computing(root, ComputingSettings(), engine)
    parts, trials = Told(computing.executor), Told(computing.trials) if computing.trials else None
    computing = replace(computing, executor=parts, trials=trials, memory=lambda: memory or 10**9)
    with progress() as shown:
        state, _ = run_once(Lifecycle(workspace, load_file(file), shown, path=file, computing=computing))
    return made_of(workspace, state.version), [*parts.names, *(trials.names if trials else [])]


def made_of(workspace, version):
    """Return models, metrics but for how long an answer took, trials and their values, and the keys of the record."""
    (run,) = [run for _, run in workspace.ledger.history((Run,))]
    trials = sorted((one.name, one.parameters, one.metrics) for _, one in workspace.ledger.history((Tracked,)))
    metrics = {name: value for name, value in run.metrics.items() if not name.startswith("p")}
    told = run_named(workspace, None, "lifts")
    return {
        "version": (version.native, version.compiled, version.profile),
        "run": (run.parameters, run.trials, metrics),
        "trials": repr(trials),
        "steps": [
            (step.name, step.key, step.parts, step.output)
            for step in sheet_of(workspace, told).steps
            if step.name not in {"tests", "gate"}
        ],
    }
