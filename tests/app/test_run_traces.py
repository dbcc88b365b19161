"""A person's rows leave what runs of scripts and pipelines made, too, and everything else there stays as it was."""

import polars as pl

import trimaran as tm
from trimaran.app.erasing import Erasure
from trimaran.app.pipelines import Ways, pipeline
from trimaran.app.pipelines.recording import reader, run_named, sheet_of
from trimaran.core.nouns import Tracked


@tm.step
def rides(people, count):
    """Return a frame that lies in the sheet of the run where it is small, among the objects where it is large."""
    print(f"the first rider is {people[0]}")
    return pl.DataFrame({"rider": people * count, "n": range(count * len(people))})


@tm.step
def names(rides):
    """Return a value that is no frame."""
    return rides["rider"].unique().sort().to_list()


@tm.step
def heights(rides):
    """Return a value that names nobody."""
    return rides.height


def ran(workspace, quiet, person, count):
    given = {"people": [person, "rider-001"], "count": count}
    return pipeline(rides, names, heights, name="riders").go(given, Ways(workspace), quiet)


def tracked(workspace, person):
    table = pl.DataFrame({"rider": [person, "rider-001", person], "fare": [1.0, 2.0, 3.0]})
    with tm.start_run("fit", project="elsewhere", workspace=workspace.root, sample=0) as run:
        run.log_table(table, "fares")
        run.log_artifact(b"nobody is named here", "notes")
    ((_, record),) = workspace.ledger.history([Tracked], run.subject)
    return {name: artifact.digest for name, artifact in record.artifacts.items()}


def test_a_person_leaves_tables_of_runs_and_what_steps_made(lived, person, quiet):
    made = tracked(lived, person)
    small, large = ran(lived, quiet, person, 3), ran(lived, quiet, person, 5000)
    other = ran(lived, quiet, "rider-002", 4)
    erasure = Erasure(lived, "rides", "rider", person, quiet)
    plan = erasure.plan()
    assert made["fares"] in plan.objects
    assert plan.rows["results of steps"] == 4  # the frame and the names of two runs, not how many there are
    certificate = erasure.erase("asked to be forgotten")
    assert pl.read_parquet(lived.objects.get(made["fares"]))["rider"].to_list() == ["rider-001"]
    assert lived.objects.get(made["notes"]) == b"nobody is named here"
    for outcome, count in ((small, 3), (large, 5000)):
        sheet = sheet_of(lived, run_named(lived, outcome.name))
        frame, _, height = sheet.steps
        rows = pl.read_ipc(reader(lived, sheet)[frame.output.digest])
        assert rows["rider"].to_list() == ["rider-001"] * count
        assert (frame.log, reader(lived, sheet)[height.output.digest]) == ("", str(2 * count).encode())
    files = [path for path in lived.root.rglob("*") if path.is_file() and path.name != "ledger.db"]
    assert [path.name for path in files if person.encode() in path.read_bytes() and path.suffix == ".db"] == []
    assert {step.fate for step in ran(lived, quiet, "rider-002", 4).steps} == {"cached"}
    assert [run for run in certificate.left if "riders/" in run] == []
    assert other.run.error is None
