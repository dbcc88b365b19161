"""Runs that a script tracks, as works: points, files of every kind, a part of a run, and the entries of both."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from trimaran.app.runs.desk import Desk
from trimaran.app.runs.log import Log
from trimaran.app.runs.run import ActiveRun
from trimaran.app.workspace import Workspace
from trimaran.core.nouns import Environment, Tracked
from trimaran.core.objects import members

PROJECT, RUNS = "scratch", 4


class _Desk(Desk):
    """A desk that does not look at every installed package, which takes longer than all the rest.

    Nor does it begin with them before a run ends: what fails then is tried again at the end, and would look like an error
    in spite of which something was acknowledged.
    """

    _begun = False

    @property
    def environment(self) -> Environment:
        """Some packages."""
        lock = self.workspace.objects.put(b"polars==1.0\n") if self._begun else ""
        self._begun = True
        return Environment(python="3.11", platform="linux", lock=lock, trimaran="t")


_UNDER_WAY: dict[str, tuple[ActiveRun, list[Callable[[], object]]]] = {}


def done(workspace: Workspace, number: int, points: int) -> list[list[object]]:
    """Track a run, or go on with it where it was refused or cut off, as one who gives a key does; return what it claims."""
    subject = f"{PROJECT}/run-{number}"
    if workspace.ledger.latest(Tracked, subject) is None:
        if subject not in _UNDER_WAY:
            _UNDER_WAY[subject] = _begun(workspace, number, points)
        run, acts = _UNDER_WAY[subject]
        while acts:
            acts[0]()
            acts.pop(0)
        run.end()
        del _UNDER_WAY[subject]
    return [["tracked", subject, points], ["tracked", f"{subject}-part", 2]]


def _begun(workspace: Workspace, number: int, points: int) -> tuple[ActiveRun, list[Callable[[], object]]]:
    desk, subject = _Desk(workspace), f"{PROJECT}/run-{number}"
    run = ActiveRun(desk, _log(workspace, f"run-{number}"), None)
    run.log_parameters({"depth": number})
    parts = []
    if workspace.ledger.latest(Tracked, f"{subject}-part") is None:
        parts = [ActiveRun(desk, _log(workspace, f"run-{number}-part", subject), run)]
    return run, [
        lambda: run.log_artifact(b"n" * 100 * (number + 1), "notes"),
        lambda: run.log_artifact(str(Path(_DRAWN.name) / f"{number}"), "plots"),
        lambda: run.log_table(pl.DataFrame({"n": range(100 * number)}), "scores"),
        lambda: _points(workspace, run, points),
        *(lambda part=part: _points(workspace, part, 2) for part in parts),
    ]


def there(workspace: Workspace, subject: str, points: int) -> bool:
    """Tell whether a run ended, with all its points and every byte of its files."""
    found = workspace.ledger.latest(Tracked, subject)
    if found is None or found[1].metrics["loss"].count != points:
        return False
    for artifact in found[1].artifacts.values():
        if artifact.kind == "folder":
            [workspace.objects.get(member.digest) for member in members(workspace.objects, artifact.digest)]
        elif len(workspace.objects.get(artifact.digest)) != artifact.size:
            return False
    return points == 1 or workspace.metrics.points(subject)["step"].to_list() == list(range(points))


def look(workspace: Workspace) -> dict[str, object]:
    """Return what the runs amount to: when each began and how often it was begun is another matter."""
    newest = {entry.subject: record for entry, record in workspace.ledger.history([Tracked])}
    return {
        "verified": workspace.ledger.verify().count > 0,
        "objects": sorted(workspace.objects.digests()),
        **{
            subject: [
                record.status,
                record.parameters,
                {name: [reading.value, reading.step, reading.count] for name, reading in record.metrics.items()},
                {name: artifact.digest for name, artifact in record.artifacts.items()},
                _stored(workspace, subject, record),
            ]
            for subject, record in newest.items()
        },
    }


def _stored(workspace: Workspace, subject: str, record: Tracked) -> str:
    # A run of one point a metric is told by its record alone; whether its points were stored before is chance.
    if all(reading.count == 1 for reading in record.metrics.values()):
        return ""
    return workspace.metrics.points(subject).drop("at").write_json()


def _log(workspace: Workspace, name: str, parent: str | None = None) -> Log:
    log = Log(
        project=PROJECT,
        name=name,
        parent=parent,
        started=workspace.clock.now(),
        ticks=time.perf_counter_ns(),
        attempt=f"{os.getpid()}:{time.perf_counter_ns()}",
        sample=0.0,
    )
    before = workspace.metrics.points(log.subject)
    log.resume(*(before[name].to_list() for name in ("name", "step", "value")), before["at"].dt.epoch("us").to_list())
    return log


def _points(workspace: Workspace, run: ActiveRun, points: int) -> None:
    for step in range(workspace.metrics.points(run.subject).height, points):
        run.log_metric("loss", 1 / (step + 1), step)


def _drawn() -> TemporaryDirectory[str]:
    """Draw what each run keeps, on another disk than the one that fails: that the author cannot write is not our fault."""
    drawn = TemporaryDirectory(prefix="plots-")
    for number in range(RUNS):
        for place, size in enumerate((10, 5000)):
            folder = Path(drawn.name) / f"{number}" / f"{place}"
            folder.mkdir(parents=True)
            (folder / "plot").write_bytes(bytes([number]) * size)
    return drawn


_DRAWN = _drawn()
