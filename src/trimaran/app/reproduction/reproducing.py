"""Runs a training again and says what came out the same, what did not, and why."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import msgspec

from trimaran.app.past import names
from trimaran.app.reproduction.outcome import RESULT, Again
from trimaran.app.reproduction.surroundings import OURS, Package, checked_out, moved, packages, rebuilt
from trimaran.app.workspace import Workspace
from trimaran.build import SHEET, Sheet
from trimaran.control.differences import side
from trimaran.control.naming import EntryName
from trimaran.core.errors import Fault, InputError, Unavailable
from trimaran.core.nouns import Ingest, Ref, Run

_MODULE = "trimaran.app.reproduction.training"
_TIMED = frozenset({"p50", "p99"})
_SHOWN = 5


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that both trainings made: as text, None where one made none."""

    name: str
    was: str | None
    now: str | None

    @property
    def same(self) -> bool:
        """Whether both made the same."""
        return self.was == self.now


class MetricAgain(msgspec.Struct, frozen=True, kw_only=True):
    """One metric of both trainings; a ``timed`` one is of the machine's speed that day, and says nothing of the model."""

    name: str
    was: float | None
    now: float | None
    timed: bool

    @property
    def same(self) -> bool:
        """Whether both are the same number, to the last bit."""
        return self.was == self.now


class Reproduction(msgspec.Struct, frozen=True, kw_only=True):
    """A training that was done again.

    ``made`` compares what it made (digests of the model's forms and of its profile, features, rows), ``packages`` lists
    those that differed, ``notes`` say in which surroundings it ran, ``reasons`` what can explain a difference.
    """

    run: str
    version: str | None
    same: bool
    made: list[Compared]
    parameters: list[Compared]
    metrics: list[MetricAgain]
    packages: list[Package]
    notes: list[str]
    reasons: list[str]
    seconds: float


def reproduce(
    workspace: Workspace, text: str, product: str | None = None, *, rebuild: bool = False, repository: Path | None = None
) -> Reproduction:
    """Train again what a text names (a run, a version, or a moment: what was live then) and compare.

    The code, the data versions, the seed and the search for parameters are those of the record; with ``rebuild`` the
    packages are too, else this process's own. ``repository`` is where the run's commit is looked for. Nothing is written
    to the workspace. Raises ``InputError`` for a run that failed, ``Unavailable`` when it cannot be run again.
    """
    known = names(workspace, product)
    name = known.resolve(text)
    found = side(workspace.ledger, name, known.products)
    run = found.run
    if run.error is not None:
        what = f"{run.name} failed: {run.error.strip().splitlines()[-1]}"
        raise InputError("run", [Fault(what=what, remedy="choose a run that made a version")])
    if found.version is not None and found.version.origin is not None:
        origin = found.version.origin
        what = f"{found.version.name} was trained elsewhere ({origin.sort} {origin.source}): nothing here says how"
        remedy = f"`trimaran show {found.version.name}` says which files it came as; adopt them again to test them again"
        raise InputError("reproduce", [Fault(what=what, remedy=remedy)])
    ref = found.version.run if found.version is not None else cast("EntryName", name).entry.ref
    with tempfile.TemporaryDirectory(prefix="trimaran-again-") as place:
        folder = Path(place)
        python = rebuilt(workspace.objects, run, folder) if rebuild else Path(sys.executable)
        copy = checked_out(workspace.objects, run.code, repository or Path(), folder)
        again = _trained(workspace, ref, folder, python, copy)
    was = msgspec.json.decode(workspace.objects.get(run.artifacts[SHEET]), type=Sheet)
    differing = moved(packages(workspace.objects.get(run.environment.lock).decode()), packages(again.lock))
    made = [
        Compared(name=part, was=_text(getattr(was, part)), now=_text(getattr(again.sheet, part)))
        for part in ("native", "compiled", "profile", "features", "rows")
    ]
    parameters = [
        Compared(name=each, was=_text(run.parameters.get(each)), now=_text(again.run.parameters.get(each)))
        for each in sorted(run.parameters.keys() | again.run.parameters.keys())
    ]
    metrics = [
        MetricAgain(name=each, was=run.metrics.get(each), now=again.run.metrics.get(each), timed=each in _TIMED)
        for each in sorted(run.metrics.keys() | again.run.metrics.keys())
    ]
    same = all(one.same for one in (*made, *parameters)) and all(one.same or one.timed for one in metrics)
    return Reproduction(
        run=run.name,
        version=found.version.name if found.version is not None else None,
        same=same,
        made=made,
        parameters=parameters,
        metrics=metrics,
        packages=differing,
        notes=_notes(run, rebuild=rebuild, checked=copy is not None),
        reasons=[] if same else _reasons(workspace, found.product, run, again, differing, rebuild=rebuild),
        seconds=again.run.seconds,
    )


def _trained(workspace: Workspace, ref: Ref, folder: Path, python: Path, copy: Path | None) -> Again:
    # The author's file may import its neighbours: they are looked for in the repository as it was.
    command = [str(python), "-m", _MODULE, str(workspace.root.resolve()), str(ref), str(folder)]
    done = subprocess.run(command, cwd=copy or folder, check=False)  # noqa: S603  words of our own; its faults are shown as they come
    if done.returncode:
        raise Unavailable(f"{ref.subject} could not be trained again in {python}: the reason stands above")
    return msgspec.json.decode((folder / RESULT).read_bytes(), type=Again)


def _notes(run: Run, *, rebuild: bool, checked: bool) -> list[str]:
    notes = ["in an environment rebuilt from the run's lock" if rebuild else "in the environment of this process"]
    if run.code.commit is None:
        notes.append("the product stood in no repository: its own text is all the code there is")
    elif checked:
        also = " and the changes that were not committed" if run.code.uncommitted is not None else ""
        notes.append(f"beside the repository at {run.code.commit[:12]}{also}")
    else:
        notes.append(
            f"commit {run.code.commit[:12]} is not in the repository here: modules beside the product are those of today"
        )
    return notes


def _reasons(
    workspace: Workspace, product: str, run: Run, again: Again, differing: list[Package], *, rebuild: bool
) -> list[str]:
    was, now = run.environment, again.run.environment
    reasons = [f"{table}: {reason}" for table, reason in _data_reasons(workspace, product, run, again)]
    if was.python != now.python or was.platform != now.platform:
        reasons.append(f"Python {was.python} on {was.platform} then, Python {now.python} on {now.platform} now")
    theirs = [one for one in differing if one.name != OURS]
    if theirs:
        shown = ", ".join(f"{one.name} {one.was or 'none'} → {one.now or 'none'}" for one in theirs[:_SHOWN])
        more = f" and {len(theirs) - _SHOWN} more" if len(theirs) > _SHOWN else ""
        reasons.append(f"packages differ: {shown}{more}{'' if rebuild else '; --rebuild takes those of the run'}")
    if was.trimaran is None or was.trimaran != now.trimaran:
        told = (
            "was not recorded then"
            if was.trimaran is None
            else f"was {was.trimaran[:12]}, is {now.trimaran and now.trimaran[:12]}"
        )
        reasons.append(f"trimaran's own code {told}")
    if not reasons:
        reasons.append(
            "code, data, packages and seed are the same: the author's fit draws on something that is none of them"
        )
    return reasons


def _data_reasons(workspace: Workspace, product: str, run: Run, again: Again) -> Iterator[tuple[str, str]]:
    for table, version in run.data.items():
        deliveries = (record for _, record in workspace.ledger.history((Ingest,), f"{product}/{table}"))
        then = sum(record.kept for record in deliveries if record.version <= version)
        if again.rows[table] != then:
            yield table, f"version {version} had {then:,} rows and has {again.rows[table]:,} now: rows were erased or lost"


def _text(value: object) -> str | None:
    return None if value is None else ", ".join(value) if isinstance(value, list) else str(value)
