"""Runs one step on the stored inputs of an earlier run, in seconds; nothing is written."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimaran.app.pipelines.loading import load_pipeline
from trimaran.app.pipelines.pipeline import Pipeline, values_of
from trimaran.app.pipelines.reasons import Change, compared
from trimaran.app.pipelines.recording import RECORD, reader, secret, sheet_of
from trimaran.app.workspace import Workspace
from trimaran.core.errors import Conflict, Fault, InputError, NotFound, UserCodeError
from trimaran.core.nouns import PipelineRun
from trimaran.core.steps import Call, Seals, attempt, digests_in, fingerprint, seed_of


@dataclass(frozen=True)
class Spun:
    """What a step made of the inputs it had in a run: its output, what it printed, and whether the record has the same.

    ``changes`` are the parts of its code that are other now; ``same`` is None where the run has no output of the step.
    """

    step: str
    run: str
    value: Any
    note: str
    log: str
    seconds: float
    same: bool | None
    changes: list[Change]

    def __repr__(self) -> str:
        against = {True: "the same as", False: "another than", None: "where there was none"}[self.same]
        head = f"{self.step} of {self.run}, again in {self.seconds:.3f} s: {self.note} ({against} in the record)"
        return "\n".join([head, *(f"  {change}" for change in self.changes), *([self.log.rstrip()] if self.log else [])])


def spin(
    workspace: Workspace, run: PipelineRun, name: str, *, file: Path | None = None, pipeline: Pipeline | None = None
) -> Spun:
    """Run a step, as its code is now, on the inputs that it had in a run; nothing is written.

    The code is that of the pipeline, of ``file``, or of the file that the run was made from. ``name[3]`` is one of several
    items. Raises ``UserCodeError`` with what the step raises.
    """
    step_name, item = name_of(name)
    sheet = sheet_of(workspace, run)
    if any(one.output is not None and one.output.form == RECORD for one in sheet.steps):
        raise Conflict(f"{run.name} is a training of the product {run.pipeline}: do it again with `trimaran reproduce`")
    several = item is None and any(one.name == step_name and one.item is not None for one in sheet.steps)
    told = next((one for one in sheet.steps if one.name == step_name and one.item == item and one.key), None)
    if told is None or several:
        remedy = f"say which item: {step_name}[0]" if several else f"it has: {', '.join(run.edges)}"
        raise NotFound(f"{run.name} has no inputs of {name}; {remedy}")
    if pipeline is None:
        place = file or (Path(run.path) if run.path else None)
        if place is None:
            raise Conflict(f"{run.name} was made in a notebook: say the file of its steps with --file")
        pipeline = load_pipeline(place, run.pipeline if file is None and Path(run.path).stem != run.pipeline else None)
    step = pipeline.graph.steps.get(step_name)
    if step is None:
        raise NotFound(f"{pipeline.name} has no step {step_name} any more; it has: {', '.join(pipeline.graph.steps)}")
    missing = [one for one in step.parameters if one not in told.inputs]
    if missing:
        what = f"{', '.join(missing)}: {step_name} takes it now, and did not in {run.name}"
        raise InputError("inputs", [Fault(what=what, remedy="run the pipeline")])
    seals, stored, values = Seals(secret(workspace.root)), reader(workspace, sheet), values_of()
    inputs = {one: value for one, value in told.inputs.items() if one in step.parameters}
    for value in inputs.values():
        seals.check(value)
    data = {digest: stored[digest] for value in inputs.values() for digest in digests_in(value)}
    made = attempt(Call(step, inputs, seed_of(told.key), values), data)
    if made.output is None or made.error:
        raise UserCodeError(made.error + (f"\n{made.log}" if made.log else ""))
    before = {part: one for part, one in told.parts.items() if not part.startswith(("input ", "parameter "))}
    changes, _ = compared(before, dict(fingerprint(step).parts))
    return Spun(
        step=name,
        run=run.name,
        value=values.load(made.output, made.data.__getitem__, lambda: Path(tempfile.mkdtemp(prefix="trimaran-spun-"))),
        note=made.output.note,
        log=made.log,
        seconds=made.seconds,
        same=None if told.output is None else list(digests_in(told.output)) == list(digests_in(made.output)),
        changes=[one for one in changes if one.how != "gone" or not one.part.startswith("file ")],
    )


def name_of(name: str) -> tuple[str, int | None]:
    """Return the step and the item that a text names.

    >>> name_of("squares[3]"), name_of("total")
    (('squares', 3), ('total', None))
    """
    step, is_item, rest = name.partition("[")
    number = rest.rstrip("]")
    return (step, int(number)) if is_item and number.isdigit() else (name, None)
