"""Traces of a person in what runs made that belong to no product: files and tables of tracked runs, and values of steps."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from trimaran.app.workspace import STEPS, Workspace
from trimaran.core.ledger import mentioned
from trimaran.core.nouns import PipelineRun, StepRun, StepSheet, Tracked
from trimaran.core.objects import members

_SHEET = b'{"steps":['


def objects_of_runs(workspace: Workspace) -> set[str]:
    """Return the digests of everything that tracked runs and steps of pipelines made, as far as it is on record."""
    ledger, objects, found = workspace.ledger, workspace.objects, set()
    kinds: tuple[type[Tracked | PipelineRun], ...] = (Tracked, PipelineRun)
    for _, record in ledger.history(kinds):
        if isinstance(record, PipelineRun):
            found.add(record.sheet)
            found |= mentioned(objects.get(record.sheet)) if objects.has(record.sheet) else set()
            continue
        for artifact in record.artifacts.values():
            found.add(artifact.digest)
            if artifact.kind == "folder" and objects.has(artifact.digest):
                found |= {member.digest for member in members(objects, artifact.digest)}
    if (workspace.root / STEPS).exists():
        found |= workspace.steps.digests()
    return found


def without_in_sheet(
    data: bytes, without: Callable[[bytes], tuple[int, bytes] | None], holds: Callable[[bytes], bool]
) -> tuple[int, bytes] | None:
    """Return how many rows, values and lines of a person a run's sheet holds, and the sheet without them; None without any.

    A frame keeps its other rows; any other value that names the person goes whole, and so does a line of what a step printed.
    """
    if not data.startswith(_SHEET):
        return None
    try:
        sheet = msgspec.json.decode(data, type=StepSheet)
    except msgspec.DecodeError:
        return None
    taken, values = 0, {}
    for digest, value in sheet.values.items():
        made = without(value)
        if made is not None:
            taken, values[digest] = taken + made[0], made[1]
        elif holds(value):
            taken += 1
        else:
            values[digest] = value
    steps = tuple(_silenced(step, holds) for step in sheet.steps)
    taken += sum(before != after for before, after in zip(sheet.steps, steps, strict=True))
    return (taken, msgspec.json.encode(StepSheet(steps=steps, values=values))) if taken else None


def _silenced(step: StepRun, holds: Callable[[bytes], bool]) -> StepRun:
    """Return what is told of a step without the lines that name the person."""

    def kept(text: str) -> str:
        return "".join(line for line in text.splitlines(keepends=True) if not holds(line.encode()))

    def noted(step: StepRun) -> StepRun:
        output = step.output
        if output is None or not holds(output.note.encode()):
            return step
        return msgspec.structs.replace(step, output=msgspec.structs.replace(output, note=""))

    parts = {name: part for name, part in step.parts.items() if not holds(part.said.encode())}
    if (kept(step.log), kept(step.error), len(parts)) != (step.log, step.error, len(step.parts)):
        step = msgspec.structs.replace(step, log=kept(step.log), error=kept(step.error), parts=parts)
    return noted(step)
