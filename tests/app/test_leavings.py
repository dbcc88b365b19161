"""What scripts and pipelines made goes into the trash and for good like versions do, with its points and step results."""

import os
import time
from datetime import timedelta

import polars as pl
import pytest

import trimaran as tm
from trimaran.app.pipelines import Ways, pipeline
from trimaran.app.pipelines.recording import runs_of
from trimaran.app.purging import plan_purge, purge
from trimaran.app.retaining import foretell, retain
from trimaran.app.runs import Finder, desk_of
from trimaran.app.trashing import hold, named, outlook, restore, trash
from trimaran.app.workspace import Workspace
from trimaran.core.clock import ManualClock
from trimaran.core.errors import InputError, Refused
from trimaran.core.nouns import Purged, Tracked, Trimmed
from trimaran.core.objects import members

NONE = timedelta(0)


@tm.step
def numbers(count):
    """Return a value that lies in the file of results, or, where it is large, among the objects."""
    return list(range(count))


@tm.step
def total(numbers):
    """Return a small value."""
    return sum(numbers)


@pytest.fixture
def workspace(tmp_path):
    with tm.start_run("fit", project="churn", workspace=tmp_path, sample=0) as run:
        for step in range(50):
            run.log_metric("loss", 1 / (step + 1), step)
        run.log_artifact(b"secret " * 5000, "notes")
        (tmp_path / "plots").mkdir()
        (tmp_path / "plots" / "one").write_bytes(b"plot" * 1000)
        run.log_artifact(tmp_path / "plots")
        with tm.start_run("fold") as part:
            part.log_table(pl.DataFrame({"n": range(1000)}), "scores")
    desk_of(tmp_path)
    return Workspace(tmp_path, actor="ada")


def aged(workspace):
    then = time.time() - 7200
    for path in (workspace.root / "objects").rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))


def run_named(workspace, start):
    return next(entry.ref for entry, record in workspace.ledger.history([Tracked]) if record.name.startswith(start))


def made(workspace, quiet, count):
    return pipeline(numbers, total, name="sums").go({"count": count}, Ways(workspace), quiet)


def test_a_tracked_run_is_hidden_with_the_runs_inside_it_and_comes_back_whole(workspace):
    ref = run_named(workspace, "fit")
    assert named(workspace, ref.subject) == named(workspace, ref.subject.partition("/")[2]) == ref
    _, along = trash(workspace, ref, "a try")
    assert [one.subject.partition("-")[0] for one in along] == ["churn/fit", "churn/fold"]
    assert Finder(workspace).find().runs == []
    restore(workspace, ref)
    assert len(Finder(workspace).find().runs) == 2


def test_a_hold_on_its_project_keeps_a_run(workspace):
    ref = run_named(workspace, "fit")
    hold(workspace, ref.subject, "case 12")
    with pytest.raises(Refused, match="case 12"):
        trash(workspace, ref, "a try")


def test_a_purge_takes_the_files_and_points_of_a_run_and_says_before_how_much(workspace, quiet):
    ref = run_named(workspace, "fit")
    record = workspace.ledger.read(ref, Tracked)
    plots = [member.digest for member in members(workspace.objects, record.artifacts["plots"].digest)]
    told = outlook(workspace, ref, quiet)
    assert told.freed > 35_000 + 50 * 24
    assert "the files and points of churn/fit" in told.breaks[0]
    trash(workspace, ref, "a try")
    aged(workspace)
    plan = plan_purge(workspace, quiet, NONE)
    assert plan.rows == workspace.metrics.weight([ref.subject]) > 50 * 24
    report = purge(workspace, quiet, NONE)
    assert report.freed == plan.freed >= told.freed
    assert workspace.metrics.points(ref.subject).is_empty()
    gone = [record.artifacts["notes"].digest, record.artifacts["plots"].digest, *plots]
    assert not any(workspace.objects.has(digest) for digest in gone)
    assert Finder(workspace).find().runs == []
    assert Finder(workspace).one(ref.subject).metrics == {"loss": 1 / 50}
    assert workspace.ledger.verify().count


def test_a_purge_that_was_killed_before_the_points_went_is_completed_by_the_next(workspace, quiet):
    ref = run_named(workspace, "fit")
    trash(workspace, ref, "a try")
    record = Purged(what=[ref], objects=[], freed=0)
    workspace.ledger.append(record, "purge", key="as a purge that is killed then")
    assert not workspace.metrics.points(ref.subject).is_empty()
    purge(workspace, quiet, NONE)
    assert workspace.metrics.points(ref.subject).is_empty()


def test_a_purge_takes_what_the_steps_of_a_pipeline_made(workspace, quiet):
    small, large = made(workspace, quiet, 3), made(workspace, quiet, 20_000)
    again = made(workspace, quiet, 20_000)
    assert {step.fate for step in again.steps} == {"cached"}
    ref = named(workspace, large.name)
    assert named(workspace, f"sums/{large.name}") == ref
    assert outlook(workspace, ref, quiet).freed > 0
    trash(workspace, ref, "too many numbers")
    assert [run.name for run in runs_of(workspace)] == [small.name, again.name]
    trash(workspace, named(workspace, again.name), "too many numbers")
    aged(workspace)
    large_values = [step.output.digest for step in large.steps if step.output.size > 16_384]
    assert large_values
    assert purge(workspace, quiet, NONE).freed > 20_000
    assert not any(workspace.objects.has(digest) for digest in large_values)
    assert {step.fate for step in made(workspace, quiet, 3).steps} == {"cached"}
    assert {step.fate for step in made(workspace, quiet, 20_000).steps} == {"ran"}


def test_a_name_of_several_runs_is_asked_back(workspace):
    for project in ("one", "two"):
        record = workspace.ledger.read(run_named(workspace, "fit"), Tracked)
        twin = Tracked(
            project=project, name="twin", status="finished", started=record.started, ended=record.ended, seconds=1
        )
        workspace.ledger.append(twin, twin.subject, key=twin.subject)
    with pytest.raises(InputError, match="if that is meant, write two/twin"):
        named(workspace, "twin")


def test_rules_take_old_runs_of_each_project_and_pipeline_and_old_results_of_steps(workspace, quiet):
    for count in (1, 2, 3):
        made(workspace, quiet, count)
    (workspace.root / "trimaran.toml").write_text('[retention]\ntracked = "1d"\npipelines = "keep 1"\nsteps = "30d"\n')
    aside = Workspace(workspace.root, clock=ManualClock(workspace.clock.now() + timedelta(days=2)))
    tracked, piped, steps = foretell(aside, None, quiet)
    assert [name.partition("-")[0] for name in tracked.things] == ["churn/fit"]
    assert tracked.freed > 35_000
    assert "the files and points of churn/fit" in tracked.breaks[0]
    assert len(piped.things) == 2
    assert (steps.rows, steps.things) == ({}, [])
    retain(aside, None, quiet)
    assert Finder(workspace).find().runs == []
    assert len(runs_of(workspace)) == 1
    later = Workspace(workspace.root, clock=ManualClock(workspace.clock.now() + timedelta(days=31)))
    *_, steps = foretell(later, None, quiet)
    assert steps.rows == {"results": 6}
    assert steps.freed > 0
    assert steps.breaks == ["steps whose results go are run again when they are asked for"]
    retain(later, None, quiet)
    *_, steps = foretell(later, None, quiet)
    assert steps.rows == {}
    assert {step.fate for step in made(workspace, quiet, 3).steps} == {"ran"}
    ((_, trimmed),) = later.ledger.history([Trimmed])
    assert (trimmed.store, trimmed.rule, trimmed.rows) == ("steps", "30d", {"results": 6})


def test_a_result_whose_object_is_gone_is_not_served(workspace, quiet):
    first = made(workspace, quiet, 20_000)
    workspace.objects.remove([first.steps[0].output.digest])
    again = made(workspace, quiet, 20_000)
    assert [step.fate for step in again.steps] == ["ran", "cached"]
