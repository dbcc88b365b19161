"""Why a step ran, or did not have to: the parts of its key beside those of the run before."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Literal

import msgspec

from trimaran.app.pipelines.recording import runs_of, sheet_of
from trimaran.app.workspace import Workspace
from trimaran.core.errors import NotFound
from trimaran.core.nouns import Fate, Part, PipelineRun, StepRun

How = Literal["changed", "new", "gone"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a step's key that is another than before, in words where they are known."""

    part: str
    how: How
    was: str = ""
    now: str = ""

    def __str__(self) -> str:
        if self.how != "changed":
            return f"{self.part} is {'new' if self.how == 'new' else 'gone'}{f': {self.now}' if self.now else ''}"
        return f"{self.part} changed" + (f": {self.was} → {self.now}" if self.was != self.now else "")


class Reasons(msgspec.Struct, frozen=True, kw_only=True):
    """Why a step did what it did in a run.

    ``compared`` is the run whose parts were laid beside, ``changes`` what is other; ``reasons`` say the rest in words;
    ``same`` are the parts that are as they were.
    """

    step: str
    item: int | None
    run: str
    fate: Fate
    compared: str
    changes: list[Change]
    reasons: list[str]
    same: list[str]

    def __str__(self) -> str:
        name = self.step if self.item is None else f"{self.step}[{self.item}]"
        head = f"{name} {_DID[self.fate]} in {self.run}"
        lines = [*self.reasons, *map(str, self.changes)]
        same = [f"the same as in {self.compared}: {', '.join(self.same)}"] if self.same and self.compared else []
        return "\n".join([head, *(f"  {line}" for line in [*lines, *same])])

    __repr__ = __str__


_DID = {
    "ran": "ran",
    "cached": "did not have to run",
    "failed": "ran and failed",
    "skipped": "was not run",
    "cancelled": "was not run",
}


class Past:
    """The runs before a run, the newest first, and what their sheets say; each sheet is read once."""

    def __init__(self, workspace: Workspace, run: PipelineRun, runs: Sequence[PipelineRun] | None = None) -> None:
        known = runs_of(workspace, run.pipeline, until=run.started) if runs is None else runs
        written = takewhile(lambda one: (one.pipeline, one.name) != (run.pipeline, run.name), known)
        self.runs = [one for one in written if one.pipeline == run.pipeline and one.ended <= run.started][::-1]
        self._workspace = workspace
        self._sheets: dict[str, tuple[StepRun, ...]] = {}

    def of(self, told: StepRun) -> tuple[PipelineRun, StepRun] | None:
        """Return the newest run that asked for the step's key; a cached step is laid beside the run that made its result."""
        for other in self.runs:
            if (told.since and other.name != told.since) or not self._workspace.objects.has(other.sheet):
                continue
            steps = self.steps(other)
            found = _line(steps, told.name, told.item)
            if told.since:
                found = next((one for one in steps if one.name == told.name and one.key == told.key), found)
            if found is not None and found.key:
                return other, found
        return None

    def steps(self, run: PipelineRun) -> tuple[StepRun, ...]:
        """Return what a run says of its steps."""
        if run.sheet not in self._sheets:
            self._sheets[run.sheet] = sheet_of(self._workspace, run).steps
        return self._sheets[run.sheet]


def reasons(
    workspace: Workspace, run: PipelineRun, step: str, item: int | None = None, *, past: Past | None = None
) -> Reasons:
    """Return why a step of a run was run, or why not; raises ``NotFound`` where the run has no such step.

    ``past`` are the runs before it, looked up where they are not given.
    """
    past = past or Past(workspace, run)
    steps = past.steps(run)
    told = _line(steps, step, item)
    if told is None:
        known = ", ".join(dict.fromkeys(one.name for one in steps))
        raise NotFound(
            f"{run.name} of {run.pipeline} has no step {step}{'' if item is None else f'[{item}]'}; it has: {known}"
        )
    several = [one for one in steps if one.name == step and one.item is not None]
    if item is None and several:
        return _of_several(run, told, several)
    before = past.of(told) if told.key else None
    changes, same = ([], []) if before is None else compared(before[1].parts, told.parts)
    return Reasons(
        step=step,
        item=item,
        run=run.name,
        fate=told.fate,
        compared=before[0].name if before is not None else "",
        changes=changes,
        reasons=_said(told, before, changed=bool(changes)),
        same=same,
    )


def _said(told: StepRun, before: tuple[PipelineRun, StepRun] | None, *, changed: bool) -> list[str]:
    if told.fate in {"skipped", "cancelled"}:
        return [told.error or "the run was cancelled"]
    if told.fate == "cached":
        return [f"its result was made in {told.since}, and everything that it depends on is the same"]
    found = [f"its result is not served again: {reason}" for reason in told.uncached]
    if before is None and told.key:
        found.append("no run before it had this step")
    elif before is not None and not changed and not told.uncached:
        earlier = before[1]
        found.append(
            f"in {before[0].name} it {_DID[earlier.fate]}, so that there was no result to serve"
            if earlier.output is None
            else "nothing that it depends on changed: it was asked to run again, or its stored result was removed"
        )
    return found


def _of_several(run: PipelineRun, told: StepRun, several: list[StepRun]) -> Reasons:
    fates: dict[str, int] = {}
    for one in several:
        fates[one.fate] = fates.get(one.fate, 0) + 1
    words = ", ".join(f"{count} {fate}" for fate, count in fates.items())
    first = next((one.item for one in several if one.fate != "cached"), 0)
    said = [f"of its {len(several)} items {words}", f"ask for one of them: {told.name}[{first}]"]
    return Reasons(step=told.name, item=None, run=run.name, fate=told.fate, compared="", changes=[], reasons=said, same=[])


def _line(steps: tuple[StepRun, ...], name: str, item: int | None) -> StepRun | None:
    return next((one for one in steps if one.name == name and one.item == item), None)


def compared(before: dict[str, Part], now: dict[str, Part]) -> tuple[list[Change], list[str]]:
    """Return which parts of two keys differ, and which are the same."""
    changes: list[Change] = []
    for name in dict.fromkeys([*now, *before]):
        if name not in before:
            changes.append(Change(part=name, how="new", now=now[name].said))
        elif name not in now:
            changes.append(Change(part=name, how="gone", now=before[name].said))
        elif before[name].digest != now[name].digest:
            changes.append(Change(part=name, how="changed", was=before[name].said, now=now[name].said))
    return changes, [name for name in now if name in before and before[name].digest == now[name].digest]
