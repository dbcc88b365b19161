"""The stages of a product's own loop: data, features, tuning, training, forms, tests and gate, told like steps."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from trimaran.app.pipelines.recording import RECORD
from trimaran.core.canon import canonical
from trimaran.core.canon import digest as digest_of
from trimaran.core.nouns import ModelVersion, Part, Run, StepRun, Value, Verdict
from trimaran.core.ports import Progress
from trimaran.core.steps import READ

if TYPE_CHECKING:
    from trimaran.build import Stood

STAGES = ("features", "tuning", "training", "forms", "tests")
"""The stages of a training, in the order in which it tells that each is done."""

_NAMES = ("data", *STAGES, "gate")
EDGES = {name: list(_NAMES[max(place - 1, 0) : place]) for place, name in enumerate(_NAMES)}
"""Each stage, and the one before whose output it takes."""

_ANEW = {
    "data": ("its sources are asked each time",),
    "features": (
        "they are computed each time: what comes out decides whether the others are taken from an earlier training",
    ),
    "tuning": ("a search is done each time that it is asked for, its outcome is kept for the trainings after it",),
    "gate": ("each version is judged",),
}
"""Why some stages are done in each training."""

_TASK = "training"


class Stages:
    """A ``Progress`` that passes everything on, and keeps how long each stage of a training took."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._began = time.perf_counter()
        self.seconds: dict[str, float] = {}
        self.notes: dict[str, str] = {}

    def begin(self) -> None:
        """Begin anew: what comes before the training starts is the stage ``data``."""
        self.seconds, self.notes, self._began = {}, {}, time.perf_counter()

    def start(self, task: str, total: int) -> None:
        """Pass it on."""
        if task == _TASK:
            self._over("data", "")
        self._shown.start(task, total)

    def advance(self, task: str, done: int = 1, note: str = "") -> None:
        """Pass it on."""
        stage = next((one for one in STAGES if one not in self.seconds), None)
        if task == _TASK and stage is not None:
            self._over(stage, note)
        self._shown.advance(task, done, note)

    def finish(self, task: str) -> None:
        """Pass it on."""
        self._shown.finish(task)

    def gate(self) -> None:
        """Say that the gate has judged."""
        self._over("gate", "")

    def _over(self, stage: str, note: str) -> None:
        now = time.perf_counter()
        self.seconds[stage], self.notes[stage], self._began = now - self._began, note, now


class Passed(NamedTuple):
    """What a training left in the record: its run, the version that it made, the gate's verdict, and what stages stand on."""

    run: Run
    version: ModelVersion
    verdict: Verdict
    stood: Mapping[str, Stood] = {}


def ran(stages: Stages, passed: Passed) -> Iterator[StepRun]:
    """Yield each stage of a training that left a version."""
    run, version, verdict, stood = passed
    outputs = dict(_outputs(run, version, verdict))
    for name, sources in EDGES.items():
        inputs = {source: outputs[source] for source in sources}
        parts = {
            **_parts(name, run, verdict),
            **{f"input {one}": Part(digest=value.digest, said=value.note) for one, value in inputs.items()},
        }
        told = StepRun(
            name=name,
            fate="ran",
            key=digest_of(canonical({part: one.digest for part, one in parts.items()}))[:32],
            parts=parts,
            inputs=inputs,
            output=outputs[name],
            attempts=1,
            seconds=stages.seconds.get(name, 0.0),
            log=stages.notes.get(name, ""),
            uncached=_ANEW.get(name, ()),
        )
        yield _stood(told, stood[name]) if name in stood else told


def _stood(told: StepRun, stood: Stood) -> StepRun:
    """Return what is told of a stage that an earlier training may have done for this one."""
    read = {f"file {path}": Part(digest=digest, said=READ) for path, digest in (stood.read or {}).items()}
    return msgspec.structs.replace(
        told,
        fate="cached" if stood.since else "ran",
        key=stood.key,
        parts={**stood.parts, **read},
        attempts=0 if stood.since else 1,
        since=stood.since,
        uncached=stood.uncached,
    )


def broken_off(stages: Stages, error: str) -> Iterator[StepRun]:
    """Yield each stage of a training that was broken off: those that were done, the one that failed, and the others.

    Without an ``error`` it was cancelled.
    """
    failed = ""
    for name in EDGES:
        if name in stages.seconds:
            yield StepRun(name=name, fate="ran", attempts=1, seconds=stages.seconds[name], log=stages.notes[name])
        elif not error:
            yield StepRun(name=name, fate="cancelled")
        elif not failed:
            failed = name
            yield StepRun(name=name, fate="failed", attempts=1, error=error)
        else:
            yield StepRun(name=name, fate="skipped", error=f"it needs {failed}, which did not end well")


def _outputs(run: Run, version: ModelVersion, verdict: Verdict) -> Iterator[tuple[str, Value]]:
    yield "data", _value(run.data, ", ".join(f"{table} {number}" for table, number in sorted(run.data.items())))
    yield "features", _value([version.features, run.data], f"{version.rows:,} rows of {len(version.features)} features")
    chosen = ", ".join(f"{name} {value}" for name, value in run.parameters.items())
    yield "tuning", _value(run.parameters, f"{chosen} ({run.trials} trials)" if run.trials else chosen)
    yield "training", _value(version.native, f"{version.name}, a native model")
    yield "forms", _value([version.native, version.compiled], "native and compiled" if version.compiled else "native alone")
    measured = [f"{name} {value:.4g}" for name, value in run.metrics.items() if isinstance(value, float)]
    yield "tests", _value(run.artifacts.get("evidence", ""), ", ".join(measured[:4]))
    yield "gate", _value([verdict.policy, verdict.outcome], verdict.outcome)


def _parts(stage: str, run: Run, verdict: Verdict) -> dict[str, Part]:
    found = {
        "product file": run.code.source,
        "environment": run.environment.lock,
        "package trimaran": run.environment.trimaran or "",
    }
    if stage == "data":
        tables = {f"table {name}": str(number) for name, number in run.data.items()}
        return {
            name: Part(digest=digest_of(number.encode())[:32], said=f"version {number}") for name, number in tables.items()
        }
    parts = {name: Part(digest=digest_of(digest.encode())[:32]) for name, digest in found.items()}
    if stage in {"tuning", "training", "tests"}:
        parts["seed"] = Part(digest=digest_of(str(run.seed).encode())[:32], said=str(run.seed))
    if stage == "gate":
        parts["policy"] = Part(digest=digest_of(verdict.policy.encode())[:32], said=verdict.policy)
    return parts


def _value(what: Mapping[str, object] | list[object] | str, note: str) -> Value:
    return Value(form=RECORD, digest=digest_of(canonical(what))[:32], size=0, note=note)
