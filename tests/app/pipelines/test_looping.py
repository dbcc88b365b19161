"""A training of a product is seen as a pipeline while it goes on, and told as what it came to however it ends."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from litestar.testing import TestClient

import lifts
from lifts import BESIDE, START, write_lifts
from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_file
from trimaran.app.pipelines import runs_of, sheet_of, unended_of
from trimaran.app.pipelines.stages import EDGES
from trimaran.app.progress import progress
from trimaran.app.running import run_once
from trimaran.app.trashing import named, trash
from trimaran.app.workspace import Workspace
from trimaran.core.clock import ManualClock
from trimaran.core.errors import Refused, UserCodeError
from trimaran.core.nouns import PipelineStarted, Run
from trimaran.doors.cli.main import run as command
from trimaran.doors.dashboard.app import make_app

RUN = "import sys; from trimaran.doors.cli.main import run; sys.exit(run(['run', sys.argv[1], '--workspace', sys.argv[2]]))"
WAITING = "import sys; print('a model is fitted', file=sys.__stdout__, flush=True); sys.__stdin__.read()"


@pytest.fixture
def begin(tmp_path):
    """Begin a training of lifts in another process, which waits within its fit until it is told to go on."""
    file = write_lifts(tmp_path)
    says(tmp_path, WAITING)
    asked = [sys.executable, "-c", RUN, str(file), str(tmp_path / "workspace")]
    with subprocess.Popen(asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "a model is fitted\n"
        try:
            yield Workspace(tmp_path / "workspace", actor="ada"), process
        finally:
            process.kill()


class Train:
    """Trains lifts, always as the same job; ``says`` is what its fit does first."""

    def __init__(self, folder):
        self.file = write_lifts(folder)
        self.workspace = Workspace(folder / "workspace", clock=ManualClock(START + timedelta(days=40)))
        self.workspace.data_root = folder

    def says(self, text):
        says(self.file.parent, text)

    def __call__(self):
        with progress() as shown:
            run_once(Lifecycle(self.workspace, load_file(self.file), shown, path=self.file))


def says(folder, text):
    (folder / "heaving.py").write_text(BESIDE.replace("strength):\n", f"strength):\n    {text}\n"))


@pytest.fixture
def train(tmp_path):
    return Train(tmp_path)


def test_a_training_is_seen_while_it_goes_on_and_ends_as_a_run_of_its_name(begin, capsys):
    workspace, process = begin
    (one,) = unended_of(workspace)
    assert (one.pipeline, one.status, one.edges) == ("lifts", "running", EDGES)
    assert command(["steps", "list", "--workspace", str(workspace.root), "--json"]) == 0
    assert [row["status"] for row in json.loads(capsys.readouterr().out)] == ["running"]
    with TestClient(make_app(workspace, secret="s" * 32), base_url="http://127.0.0.1:8500") as client:
        assert "running" in client.get("/pipelines").text
        page = client.get(f"/pipelines/lifts/{one.name}").text
        assert 'a training of <a href="/products/lifts">lifts</a></p>' in page
    with pytest.raises(Refused, match="under way"):
        trash(workspace, named(workspace, one.name), "a mistake")
    process.communicate("", timeout=60)
    assert unended_of(workspace) == []
    assert (
        [run.name for run in runs_of(workspace)] == [one.name] == [run.name for _, run in workspace.ledger.history((Run,))]
    )


def test_one_whose_process_died_is_cut_off_and_can_go_into_the_trash(begin):
    workspace, process = begin
    process.kill()
    process.wait()
    (one,) = unended_of(workspace)
    assert (one.status, runs_of(workspace)) == ("cut off", [])
    with TestClient(make_app(workspace, secret="s" * 32), base_url="http://127.0.0.1:8500") as client:
        assert "The next training begins anew" in client.get(f"/pipelines/lifts/{one.name}").text
    trash(workspace, named(workspace, f"lifts/{one.name}"), "a dead end")
    assert unended_of(workspace) == []


def test_a_training_that_was_cut_off_is_gone_on_with_under_its_name(train, tmp_path):
    script = "import sys; from pathlib import Path; sys.path.append(sys.argv[1]); from lifts import run_lifts; "
    script += "run_lifts(*map(Path, sys.argv[2:]), 'local')"
    train.says("import os; os._exit(9)")
    asked = [sys.executable, "-c", script, str(Path(lifts.__file__).parent), str(train.file), str(tmp_path / "workspace")]
    assert subprocess.run(asked, check=False, capture_output=True).returncode == 9
    (cut,) = unended_of(train.workspace)
    train.says("")
    for _ in range(2):  # the second time it was done before
        train()
        assert unended_of(train.workspace) == []
        assert [run.name for run in runs_of(train.workspace)] == [cut.name]
    assert len([*train.workspace.ledger.history((PipelineStarted,))]) == 2


def test_a_training_that_fails_tells_its_stages_and_which_one_failed(train):
    train.says("raise ValueError('no lift goes there')")
    with pytest.raises(UserCodeError):
        train()
    (run,) = runs_of(train.workspace)
    steps = {step.name: step for step in sheet_of(train.workspace, run).steps}
    assert [step.fate for step in steps.values()] == ["ran", "ran", "failed", "skipped", "skipped", "skipped", "skipped"]
    assert run.error == "tuning failed"
    assert "no lift goes there" in steps["tuning"].error
    assert unended_of(train.workspace) == []
    with pytest.raises(Refused):  # the same job is not done again, and is no other run
        train()
    assert len(runs_of(train.workspace)) == 1
    with TestClient(make_app(train.workspace, secret="s" * 32), base_url="http://127.0.0.1:8500") as client:
        assert "no lift goes there" in client.get(f"/pipelines/lifts/{run.name}").text


def test_one_that_a_person_interrupts_is_told_as_cancelled_and_done_again_under_another_name(train):
    train.says("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        train()
    (run,) = runs_of(train.workspace)
    assert run.error == "it was cancelled"
    assert [step.fate for step in sheet_of(train.workspace, run).steps] == ["ran", "ran", *["cancelled"] * 5]
    train.says("")
    train()
    assert [one.name for one in runs_of(train.workspace)] == [run.name, f"{run.name}-2"]
    assert runs_of(train.workspace)[-1].error is None
