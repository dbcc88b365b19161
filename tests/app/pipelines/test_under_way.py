"""A run of a pipeline is seen while it runs, and as cut off once its process died."""

import json
import subprocess
import sys

import pytest
from litestar.testing import TestClient

import trimaran as tm
from trimaran.app.pipelines import pipeline, runs_of, unended_of
from trimaran.app.trashing import named, trash
from trimaran.app.workspace import Workspace
from trimaran.core.errors import InputError, Refused
from trimaran.doors.cli.main import run as command
from trimaran.doors.dashboard.app import make_app

SCRIPT = """
import sys
import trimaran as tm

@tm.step
def numbers(count=3) -> list:
    return list(range(count))

@tm.step
def total(numbers) -> int:
    print("a step runs", file=sys.__stdout__, flush=True)
    sys.__stdin__.read()
    return sum(numbers)

tm.pipeline(total, name="sums").run(workspace=sys.argv[1])
"""


@tm.step
def lacking(place: str) -> str:
    return place


@pytest.fixture
def running(tmp_path):
    """A workspace with a run of a pipeline under way in another process."""
    (tmp_path / "sums.py").write_text(SCRIPT)
    root = tmp_path / "workspace"
    Workspace(root)
    asked = [sys.executable, str(tmp_path / "sums.py"), str(root)]
    with subprocess.Popen(asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "a step runs\n"
        try:
            yield Workspace(root, actor="ada"), process
        finally:
            process.kill()


def test_a_run_is_seen_while_it_runs_and_ends_as_one(running, capsys):
    workspace, process = running
    (one,) = unended_of(workspace)
    assert (one.pipeline, one.status, one.edges) == ("sums", "running", {"numbers": [], "total": ["numbers"]})
    assert runs_of(workspace) == []
    assert command(["steps", "list", "--workspace", str(workspace.root), "--json"]) == 0
    assert [row["status"] for row in json.loads(capsys.readouterr().out)] == ["running"]
    with TestClient(make_app(workspace, secret="s" * 32), base_url="http://127.0.0.1:8500") as client:
        assert client.get("/api/v1/pipelines").json()["unended"][0]["name"] == one.name
        assert "running" in client.get("/pipelines").text
        assert "What its steps did is told when it ends" in client.get(f"/pipelines/sums/{one.name}").text
    with pytest.raises(Refused, match="under way"):
        trash(workspace, named(workspace, one.name), "a mistake")
    process.communicate("go on", timeout=60)
    assert process.returncode == 0
    assert unended_of(workspace) == []
    assert [run.name for run in runs_of(workspace)] == [one.name]


def test_one_whose_process_died_is_cut_off_and_can_go_into_the_trash(running):
    workspace, process = running
    process.kill()
    process.wait()
    (one,) = unended_of(workspace)
    assert one.status == "cut off"
    with TestClient(make_app(workspace, secret="s" * 32), base_url="http://127.0.0.1:8500") as client:
        assert "cut off" in client.get("/pipelines").text
        assert "its process died before it ended" in client.get(f"/pipelines/sums/{one.name}").text
        trash(workspace, named(workspace, f"sums/{one.name}"), "a dead end")
        assert client.get("/api/v1/pipelines").json()["unended"] == []


def test_what_cannot_be_run_was_never_under_way(tmp_path):
    workspace = Workspace(tmp_path / "workspace")
    with pytest.raises(InputError):
        pipeline(lacking, name="looking").run(workspace=workspace)
    assert unended_of(workspace) == []
    assert workspace.ledger.store.head() == 0
