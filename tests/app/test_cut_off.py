"""Runs whose process was killed go into the trash and out for good; one that is under way never does."""

import json
import signal
import subprocess
import sys
from datetime import timedelta

import pytest

from trimaran.app.purging import purge
from trimaran.app.runs.finding import Finder
from trimaran.app.trashing import hold, named, outlook, restore, trash
from trimaran.app.workspace import Workspace
from trimaran.core.errors import NotFound, Refused
from trimaran.doors.cli.main import run as command

SCRIPT = """
import sys, time
import trimaran as tm
run = tm.start_run("fit", project="lab", workspace=sys.argv[1], key="one", sample=0)
inner = tm.start_run("part", parent=run, key="two")
for step in range(5):
    run.log_metric("auc", 0.5 + step / 10)
    inner.log_metric("auc", 0.5 + step / 10)
while not all(one._log.noted and run._desk.workspace.metrics.points(one.subject).height for one in (run, inner)):
    time.sleep(0.01)
print("on the disk", flush=True)
if sys.argv[2] == "hang":
    sys.stdin.read()
inner.end()
run.end()
"""


@pytest.fixture
def begun(tmp_path):
    """A workspace with a run and a part of it that are under way in another process."""
    root = tmp_path / "workspace"
    Workspace(root)
    asked = [sys.executable, "-c", SCRIPT, str(root), "hang"]
    with subprocess.Popen(asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "on the disk\n"
        try:
            yield Workspace(root, actor="ada"), process
        finally:
            process.kill()


def killed(begun):
    workspace, process = begun
    process.send_signal(signal.SIGKILL)
    process.wait()
    return workspace


def subjects(workspace):
    return [row.subject for row in Finder(workspace).find().runs]


def whole_of(workspace):
    return next(name for name in subjects(workspace) if name.startswith("lab/fit"))


def test_a_run_under_way_is_refused_whoever_asks(begun):
    workspace, process = begun
    whole = whole_of(workspace)
    with pytest.raises(Refused, match=r"lab/fit-\w+ is under way"):
        trash(workspace, named(workspace, whole), "a mistake")
    assert any("is under way" in words for words in outlook(workspace, named(workspace, whole), Quiet()).against)
    assert process.poll() is None
    assert len(subjects(workspace)) == 2


def test_a_run_that_was_cut_off_goes_into_the_trash_with_its_parts_and_comes_back(begun):
    workspace = killed(begun)
    both = sorted(subjects(workspace))
    what = named(workspace, both[0].partition("/")[2])
    _, along = trash(workspace, what, "a dead end")
    assert sorted(ref.subject for ref in along) == both
    assert subjects(workspace) == []
    restore(workspace, what)
    assert sorted(subjects(workspace)) == both


def test_a_purge_takes_its_points_and_leaves_that_it_was_begun(begun):
    workspace = killed(begun)
    whole = whole_of(workspace)
    trash(workspace, named(workspace, whole), "a dead end")
    done = purge(workspace, Quiet(), timedelta(0))
    assert done.freed > 0
    assert workspace.metrics.points(whole).height == 0
    assert workspace.ledger.store.latest("started", whole) is not None
    assert subjects(workspace) == []


def test_one_that_was_gone_on_with_after_it_went_into_the_trash_is_not_purged(begun):
    workspace = killed(begun)
    whole = whole_of(workspace)
    trash(workspace, named(workspace, whole), "a dead end")
    subprocess.run([sys.executable, "-c", SCRIPT, str(workspace.root), "end"], check=True)
    assert whole in subjects(workspace)
    points = workspace.metrics.points(whole).height
    plan = purge(workspace, Quiet(), timedelta(0)).plan
    assert any("was gone on with" in words for thing in plan.things for words in thing.held)
    assert workspace.metrics.points(whole).height == points > 0


def test_the_command_line_says_the_same(begun, capsys):
    workspace, _ = begun
    whole = whole_of(workspace)
    asked = ["trash", whole, "--reason", "a dead end", "--workspace", str(workspace.root)]
    assert command(asked) == 2
    assert "under way" in " ".join(capsys.readouterr().err.split())
    killed(begun)
    assert command([*asked, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["what"]) == 2


def test_a_hold_on_a_project_alone_keeps_all_its_runs_and_a_typo_says_which_there_are(begun, capsys):
    workspace = killed(begun)
    asked = ["hold", "lab", "--workspace", str(workspace.root)]
    assert command([*asked, "--reason", "case 12"]) == 0
    capsys.readouterr()
    with pytest.raises(Refused, match="a hold on lab"):
        trash(workspace, named(workspace, whole_of(workspace)), "a dead end")
    assert command([*asked, "--release"]) == 0
    trash(workspace, named(workspace, whole_of(workspace)), "a dead end")
    with pytest.raises(NotFound, match=r"nothing on record is called 'labs'.*of the projects and pipelines lab"):
        hold(workspace, "labs", "a typo")


class Quiet:
    """Progress that nobody watches."""

    def start(self, task, total):
        pass

    def advance(self, task, done=1, note=""):
        pass

    def finish(self, task):
        pass
