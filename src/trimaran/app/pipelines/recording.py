"""What a workspace keeps of pipelines: an entry a run with its sheet, and the results that later runs are served from."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import psutil

from trimaran.app.runs.living import lives, unended
from trimaran.app.workspace import STEPS, Workspace
from trimaran.backends.flushing import flush
from trimaran.backends.sqlite_steps import SMALL, SqliteSteps
from trimaran.control.custody import Custody
from trimaran.core.canon import digest_of
from trimaran.core.engines import Kept, Result
from trimaran.core.errors import Corrupt, NotFound
from trimaran.core.ledger import kind_of
from trimaran.core.nouns import PipelineRun, PipelineStarted, StepRun, StepSheet, Value
from trimaran.core.steps import READ, digests_in

SECRET = "steps.secret"  # noqa: S105  the name of the file
_SECRET_BYTES = 32
RECORD = "record"
"""The form of what a product's own stage made: it is kept where the record of the version says, and is no value of its own."""


class Unended(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a pipeline without an end: it is running, or was cut off when its process died."""

    name: str
    pipeline: str
    engine: str
    started: datetime
    status: Literal["running", "cut off"]
    edges: dict[str, list[str]]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(StepSheet).decode


def open_results(workspace: Workspace) -> SqliteSteps:
    """Return the results of a workspace's steps; where the file is gone, it is made again from the runs' sheets."""
    fresh = not (workspace.root / STEPS).exists()
    results = workspace.steps
    if fresh:
        _refill(workspace, results)
    return results


def secret(root: Path) -> bytes:
    """Return the secret that a workspace seals its pickles with; it is made at first use, and no bundle or backup takes it.

    It is there whole or not at all, whoever else makes it at the same time and wherever a process is killed.
    """
    path = root / SECRET
    if not path.exists():
        aside = root / f".{SECRET}.{os.getpid()}"
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(os.urandom(_SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first, and its secret counts
            os.link(aside, path)
        aside.unlink()
        flush(root)
    found = path.read_bytes()
    if len(found) != _SECRET_BYTES:
        message = f"{path} holds no secret any more: remove it, and pickles of before are made again instead of served"
        raise Corrupt(message)
    return found


def write_run(
    workspace: Workspace, record: PipelineRun, steps: Sequence[StepRun], results: SqliteSteps | None
) -> PipelineRun:
    """Write a run, its sheet first, and return it; the sheet has every small value that went in or out."""
    values: dict[str, bytes] = {}
    for value in _values_of(steps):
        for one in _parts_of(value):
            if results is not None and one.size <= SMALL and one.digest not in values and results.has(one.digest):
                values[one.digest] = results.read(one.digest)
    sheet = workspace.objects.put(_encode(StepSheet(steps=tuple(steps), values=values)))
    told = msgspec.structs.replace(record, sheet=sheet)
    subject = f"{told.pipeline}/{told.name}"
    workspace.ledger.append(told, subject, key=f"pipeline:{subject}")
    return told


class Beginning(NamedTuple):
    """What there is to say of a run before its first step: its name, its pipeline, where and since when it runs, its edges."""

    name: str
    pipeline: str
    engine: str
    started: datetime
    edges: Mapping[str, Sequence[str]]


def note_begun(workspace: Workspace, begun: Beginning) -> None:
    """Write down that this process runs a pipeline, so that it is seen, and a killed process leaves a trace.

    A run of the same name that was cut off is gone on with: how it was begun last is what counts.
    """
    subject, born = f"{begun.pipeline}/{begun.name}", psutil.Process().create_time()
    record = PipelineStarted(
        name=begun.name,
        pipeline=begun.pipeline,
        engine=begun.engine,
        started=begun.started,
        edges={name: list(sources) for name, sources in begun.edges.items()},
        host=socket.gethostname(),
        process=os.getpid(),
        born=born,
    )
    workspace.ledger.append(record, subject, key=f"begun:{subject}:{digest_of(record)[:12]}")


def unended_of(workspace: Workspace, pipeline: str | None = None) -> list[Unended]:
    """Return the runs of a pipeline, or of all, that have no end and are not in the trash, the oldest first."""
    hidden = Custody.read(workspace.ledger).hidden
    return [
        Unended(
            name=record.name,
            pipeline=record.pipeline,
            engine=record.engine,
            started=record.started,
            status="running" if lives(workspace, entry, record) else "cut off",
            edges=record.edges,
        )
        for entry, record in unended(workspace.ledger)
        if isinstance(record, PipelineStarted)
        and entry.seq not in hidden
        and (pipeline is None or record.pipeline == pipeline)
    ]


def runs_of(workspace: Workspace, pipeline: str | None = None, *, until: datetime | None = None) -> list[PipelineRun]:
    """Return the runs of a pipeline, or of all, that are not in the trash, the oldest first."""
    hidden = Custody.read(workspace.ledger).hidden
    return [
        record
        for entry, record in workspace.ledger.history((PipelineRun,), until=until)
        if entry.seq not in hidden and (pipeline is None or record.pipeline == pipeline)
    ]


def run_named(workspace: Workspace, name: str | None, pipeline: str | None = None) -> PipelineRun:
    """Return a run by its name or the beginning of it, the newest where none is said; raises ``NotFound``."""
    found = runs_of(workspace, pipeline)
    matching = [one for one in found if name is None or one.name == name or one.name.removeprefix("run-").startswith(name)]
    if not matching or (name is not None and len({one.name for one in matching}) > 1):
        known = ", ".join(one.name for one in found[-5:]) or "none: run one with `trimaran steps run FILE.py`"
        what = f"there is no run {name!r} of a pipeline" if not matching else f"{name!r} begins the names of several runs"
        raise NotFound(f"{what} in {workspace.root}; the newest are: {known}")
    return matching[-1]


def sheet_of(workspace: Workspace, run: PipelineRun) -> StepSheet:
    """Return what a run says of its steps."""
    return _decode(workspace.objects.get(run.sheet))


def reader(workspace: Workspace, sheet: StepSheet) -> Mapping[str, bytes]:
    """Return the bytes of a run's values by digest, read when they are asked for."""
    return _Reading(workspace, sheet)


class _Reading(Mapping[str, bytes]):
    def __init__(self, workspace: Workspace, sheet: StepSheet) -> None:
        self._workspace = workspace
        self._sheet = sheet

    def __getitem__(self, digest: str) -> bytes:
        inside = self._sheet.values.get(digest)
        return inside if inside is not None else self._workspace.objects.get(digest)

    def __iter__(self) -> Iterator[str]:
        return iter(self._sheet.values)

    def __len__(self) -> int:
        return len(self._sheet.values)


def _values_of(steps: Sequence[StepRun]) -> Iterator[Value]:
    for step in steps:
        yield from step.inputs.values()
        if step.output is not None:
            yield step.output


def _parts_of(value: Value) -> Iterator[Value]:
    yield value
    for leaf in value.leaves:
        yield from _parts_of(leaf)


def _refill(workspace: Workspace, results: SqliteSteps) -> None:
    waiting = []
    for entry in workspace.ledger.store.scan(kinds=[kind_of(PipelineRun)]):
        run = workspace.ledger.read(entry, PipelineRun)
        if not workspace.objects.has(run.sheet):
            continue
        sheet = sheet_of(workspace, run)
        for step in sheet.steps:
            if step.fate != "ran" or step.output is None or step.output.form == RECORD:
                continue
            read = {name.removeprefix("file "): part.digest for name, part in step.parts.items() if part.said == READ}
            result = Result(
                key=step.key, output=step.output, run=run.name, at=run.started, seconds=step.seconds, read=read,
                warnings=step.warnings, unsteady=step.uncached,
            )  # fmt: skip
            data = {one: sheet.values[one] for one in digests_in(step.output) if one in sheet.values}
            waiting.append(results.keep(Kept(result, data)))
    for future in waiting:
        future.result()
