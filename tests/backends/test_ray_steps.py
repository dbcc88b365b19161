"""Steps on a real cluster of several nodes, one of which dies."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

import trimaran as tm
from trimaran.app.pipelines import pipeline, sheet_of
from trimaran.app.workspace import Workspace
from trimaran.backends.process_steps import ProcessEngine
from trimaran.backends.ray_steps import RayEngine
from trimaran.testing.engine_kit import APART, LAWS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def engine(cluster):
    return RayEngine(cluster.address)


@pytest.mark.parametrize("law", LAWS + APART, ids=lambda law: law.__name__)
def test_steps_on_a_cluster_keep_the_law(engine, law):
    law(engine)


@tm.step
def rows(count=6) -> pl.DataFrame:
    return pl.DataFrame({"x": range(count)})


@tm.step
def parts(rows) -> list:
    return rows["x"].to_list()


@tm.step(each={"part": parts})
def slow(part, rows, folder=""):
    if folder:
        (Path(folder) / f"{part}-{time.monotonic_ns()}").touch()
        while part == 5 and not (Path(folder) / "go on").exists():
            time.sleep(0.05)
    return part * rows.height


@tm.step
def total(slow) -> int:
    return sum(slow)


def told(workspace, run):
    """What the record says of the steps, but for when and where they ran."""
    return [
        (one.name, one.item, one.fate, one.key, {name: part.digest for name, part in one.parts.items()}, one.output)
        for one in sheet_of(workspace, run).steps
    ]


def test_the_record_is_the_same_on_every_engine(engine, tmp_path):
    processes = ProcessEngine(2)
    runs = {}
    for name, one in (("local", "local"), ("processes", processes), ("ray", engine)):
        workspace = Workspace(tmp_path / name)
        outcome = pipeline(total).run(workspace=workspace, engine=one, count=5)
        assert outcome["total"] == 50
        runs[name] = told(workspace, outcome.run)
    processes.close()
    assert runs["local"] == runs["processes"] == runs["ray"]


class Losing(RayEngine):
    """Kills a node once it has the first results of slow steps."""

    def __init__(self, cluster, lost, folder):
        super().__init__(cluster.address)
        self.cluster, self.lost, self.folder, self.losses = cluster, lost, folder, 0

    def wait(self, patience=None):
        ended = super().wait(patience)
        self.losses += sum(made.lost for _, made in ended)
        if self.lost is not None and len(list(self.folder.iterdir())) >= 4:
            self.cluster.kill(self.lost)
            self.lost = None
            (self.folder / "go on").touch()
        return ended


def test_a_run_ends_well_though_a_node_is_killed_in_the_middle(cluster, tmp_path):
    lost = cluster.add()
    (tmp_path / "seen").mkdir()
    engine = Losing(cluster, lost, tmp_path / "seen")
    workspace = Workspace(tmp_path / "workspace")
    outcome = pipeline(total).run(workspace=workspace, engine=engine, count=6, folder=str(tmp_path / "seen"))
    assert engine.lost is None
    assert outcome["total"] == 90
    assert outcome.run.fates == {"ran": 4}
    assert {one.attempts for one in outcome.steps if one.item is not None} == {1}  # a lost node is no failure of a step
    assert json.dumps(outcome.run.parameters)
    assert outcome.run.started < datetime.now(UTC)
