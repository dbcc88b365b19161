"""Steps that misbehave in every way, next to one that does not, in processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import trimaran as tm
from trimaran.app.pipelines import pipeline, run_named, runs_of
from trimaran.app.workspace import Workspace
from trimaran.backends.process_steps import ProcessEngine


@pytest.fixture(scope="module")
def engine():
    made = ProcessEngine(2)
    yield made
    made.close()


@tm.step
def good():
    return 1


@tm.step
def raises():
    return 1 / 0


@tm.step(timeout="1s")
def hangs():
    time.sleep(600)


@tm.step
def wrong() -> str:
    return 1


@tm.step
def forks():
    return os.fork() and 1


@tm.step
def prints():
    for _ in range(100):
        print("x" * 1_000_000)
    return 1


@tm.step
def killed():
    os.kill(os.getpid(), signal.SIGKILL)


@tm.step(memory="300MB")
def grows():
    held = []
    while True:
        held.append(b"x" * 10_000_000)
        time.sleep(0.01)


@tm.step
def fills_the_disk():
    with Path("/dev/full").open("w") as file:
        file.write("x" * 100_000)


@tm.step
def lacks():
    import there_is_no_such_package

    return there_is_no_such_package


@tm.step
def after_killed(killed):
    return killed


TROUBLE = {
    "raises": "ZeroDivisionError: division by zero",
    "hangs": "longer than the 1s that it may",
    "wrong": "it gave a int, but says str",
    "killed": "killed by SIGKILL",
    "grows": "more than the 300 MB that it may",
    "fills_the_disk": "No space left on device",
    "lacks": "'there_is_no_such_package' is not installed where the step ran",
}


def test_each_step_that_misbehaves_is_told_and_the_rest_goes_on(engine, tmp_path):
    workspace = Workspace(tmp_path)
    flow = pipeline(
        raises, hangs, wrong, forks, prints, killed, grows, fills_the_disk, lacks, after_killed, good, name="trouble"
    )
    outcome = flow.run(workspace=workspace, engine=engine, check=False)
    assert {one.name for one in outcome.steps if one.fate == "failed"} == set(TROUBLE)
    for name, said in TROUBLE.items():
        assert said in outcome.step(name).error, outcome.step(name).error
        assert "src/trimaran" not in outcome.step(name).error
    assert {one.name for one in outcome.steps if one.fate == "ran"} == {"good", "forks", "prints"}
    assert outcome["forks"] == 1
    assert "characters left out" in outcome.step("prints").log
    assert "it needs killed" in outcome.step("after_killed").error
    assert run_named(workspace, None).fates == {"ran": 3, "failed": 7, "skipped": 1}


FLOW = """
import os, signal
from pathlib import Path
import trimaran as tm

@tm.step(steady=True)
def first():
    with open("calls", "a") as file:
        file.write("first ")
    return 1

@tm.step(steady=True)
def second(first):
    with open("calls", "a") as file:
        file.write("second ")
    if not Path("again").exists():
        Path("again").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 2
"""


def test_a_run_that_was_killed_goes_on_after_the_last_step_that_was_kept(tmp_path):
    (tmp_path / "killed_flow.py").write_text(FLOW)
    code = "from trimaran.doors.cli.main import main; main()"
    command = [sys.executable, "-c", code, "steps", "run", "killed_flow.py", "-w", "workspace"]
    codes = [subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode for _ in range(2)]
    assert codes == [-signal.SIGKILL, 0]
    assert (tmp_path / "calls").read_text() == "first second second "
    (run,) = runs_of(Workspace(tmp_path / "workspace"))
    assert run.fates == {"cached": 1, "ran": 1}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_a_workspace_whose_disk_is_full_says_which_result_was_not_kept(tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(place)], check=True)
    try:

        @tm.step
        def large():
            return os.urandom(4_000_000)

        @tm.step
        def small():
            return 1

        outcome = pipeline(large, small, name="full").run(workspace=Workspace(place), check=False)
        assert outcome.step("small").fate == "ran"
        assert outcome.step("large").fate == "failed"
        assert "its result could not be kept" in outcome.step("large").error
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
