"""Tasks on a real cluster of several nodes, one of which dies."""

import os
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import ray
from polars.testing import assert_frame_equal
from sklearn.linear_model import LogisticRegression

from trimaran.backends.local_tasks import LocalExecutor
from trimaran.backends.ray_tasks import RayExecutor
from trimaran.build import Means, Objective, Rows, tune
from trimaran.core.errors import Unavailable
from trimaran.core.tasks import YesOrNo
from trimaran.data.declaration import Feature, Model, Moment, Table, log
from trimaran.data.features import FeatureEngine, PartitionedEngine
from trimaran.testing.executor_kit import LAWS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def executor(cluster):
    return RayExecutor(cluster.address)


class Losing:
    """Kills a node once it has the first result."""

    def __init__(self, executor, cluster):
        self.executor = executor
        self.cluster = cluster

    def map(self, act, tasks):
        for number, made in enumerate(self.executor.map(act, tasks)):
            if number == 0:
                self.cluster.kill()
            yield made


def world():
    chance = np.random.default_rng(4)

    def times(count):
        return pl.Series(np.datetime64("2024-01-01", "us") + chance.integers(0, 240, count).astype("timedelta64[h]"))

    sales = {"customer": chance.integers(0, 60, 6_000), "at": times(6_000).dt.replace_time_zone("UTC")}
    asked = {"id": range(900), "customer": chance.integers(0, 70, 900), "at": times(900).dt.replace_time_zone("UTC")}
    return pl.DataFrame(sales | {"paid": chance.normal(0, 50, 6_000)}), pl.DataFrame(asked)


def engine():
    rate = 0.1  # what a function is closed over goes with it
    tables = {"sales": Table("sales", "", ("customer",), time="at"), "asked": Table("asked", "", ("id",), time="at")}
    features = [
        Feature("last", "sales", "newest", lambda paid: paid * rate, ("paid",), on=("customer",)),
        *(
            Feature(name, "sales", "window", function, ("paid",), on=("customer",), window=timedelta(hours=48))
            for name, function in (
                ("total", lambda paid: paid.sum()),
                ("spread", lambda paid: paid.std()),
                ("steps", lambda paid: paid.map_batches(np.floor, return_dtype=pl.Float64).n_unique()),
            )
        ),
        Feature("ratio", "asked", "row", lambda last, total: last / total, ("last", "total")),
    ]
    return FeatureEngine(features, tables, "asked", Moment("at"))


def in_parts(executor, folder):
    folder.mkdir()
    sales, asked = world()
    parts = PartitionedEngine(engine(), 600_000, executor)
    return pl.concat(parts.compute(asked.lazy(), {"sales": sales.lazy()}, folder))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_tasks_on_a_cluster_keep_the_law(executor, law):
    law(executor)


def test_features_are_those_of_one_process_though_a_node_is_killed_meanwhile(executor, cluster, tmp_path):
    sales, asked = world()
    once = engine().compute(asked, {"sales": engine().prepare("sales", sales)})
    assert_frame_equal(in_parts(LocalExecutor(), tmp_path / "one process"), once, check_exact=True)
    assert_frame_equal(in_parts(executor, tmp_path / "cluster"), once, check_exact=True)
    assert_frame_equal(in_parts(Losing(executor, cluster), tmp_path / "losing"), once, check_exact=True)
    assert len(cluster) == 2


def test_a_task_on_a_node_that_dies_is_run_again(executor, cluster, tmp_path):
    lost = cluster.add()

    def waits(number):
        (tmp_path / f"{number} in {os.getpid()}").touch()
        while not (tmp_path / "go on").exists():
            time.sleep(0.05)
        return number

    def tasks():
        yield from (("first", 1), ("second", 2))
        while len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.05)
        cluster.kill(lost)
        (tmp_path / "go on").touch()

    assert list(executor.map(waits, tasks())) == [1, 2]
    assert len(list(tmp_path.glob("* in *"))) == 3  # one was begun twice


def test_trials_on_a_cluster_are_those_of_one_process(executor):
    chance = np.random.default_rng(5)
    moments = pl.datetime_range(datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 1, 31, tzinfo=UTC), "1h", eager=True)
    x = chance.normal(size=len(moments)).astype(np.float32)
    labels = (x + chance.normal(size=len(moments)) > 0).astype(np.int64)
    features = pl.DataFrame({"x": x})
    rows = Rows(features=features, labels=labels, asked=features, predict_at=moments, final_at=moments)

    def fit(X, y, weight=1.0):
        return LogisticRegression(C=weight).fit(X.to_numpy(), y)

    model = Model(fit, {"weight": 1.0}, {"weight": log(0.01, 10)}, 6)
    how = {"seed": 3, "progress": SimpleNamespace(start=print, advance=lambda *_, **__: None, finish=print)}
    alone, together = (tune(model, rows, Objective(YesOrNo(), "auc"), means=Means(by), **how) for by in (None, executor))
    assert [(trial.parameters, trial.value) for trial in together.trials] == [
        (trial.parameters, trial.value) for trial in alone.trials
    ]


def test_a_cluster_that_is_not_there_is_unavailable(cluster):
    ray.shutdown()
    with pytest.raises(Unavailable, match="ray start --head"):
        list(RayExecutor("127.0.0.1:1").map(abs, [("one", -1)]))
