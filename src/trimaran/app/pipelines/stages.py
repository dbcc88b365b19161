"""A product's own loop as a pipeline: data, features, tuning, training, forms, tests and gate, in the record like any other."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from trimaran.app.pipelines.recording import RECORD, write_run
from trimaran.app.workspace import Workspace
from trimaran.core.canon import canonical
from trimaran.core.canon import digest as digest_of
from trimaran.core.nouns import ModelVersion, Part, PipelineRun, Run, StepRun, Value, Verdict
from trimaran.core.ports import Progress

STAGES = ("features", "tuning", "training", "forms", "tests")
"""The stages of a training, in the order in which it tells that each is done."""

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
    """What a training left in the record: its run, the version that it made, and the gate's verdict."""

    run: Run
    version: ModelVersion
    verdict: Verdict


def write_loop(workspace: Workspace, stages: Stages, passed: Passed, *, engine: str = "local") -> PipelineRun | None:
    """Write a training down as a run of the pipeline that a product is; None where it was done before, and nothing was run.

    What its stages made is named in words, not by the objects' digests: a version that is purged must not be held by this.
    """
    if "features" not in stages.seconds:
        return None
    run, version, verdict = passed
    outputs = dict(_outputs(run, version, verdict))
    steps, edges, before = [], {}, ""
    for name in ("data", *STAGES, "gate"):
        inputs = {before: outputs[before]} if before else {}
        parts = {
            **_parts(name, run, verdict),
            **{f"input {one}": Part(digest=value.digest, said=value.note) for one, value in inputs.items()},
        }
        key = digest_of(canonical({part: one.digest for part, one in parts.items()}))[:32]
        steps.append(
            StepRun(
                name=name,
                fate="ran",
                key=key,
                parts=parts,
                inputs=inputs,
                output=outputs[name],
                attempts=1,
                seconds=stages.seconds.get(name, 0.0),
                log=stages.notes.get(name, ""),
            )
        )
        edges[name], before = ([before] if before else []), name
    record = PipelineRun(
        name=run.name,
        pipeline=version.product,
        engine=engine,
        started=run.started,
        ended=workspace.clock.now(),
        seconds=sum(stages.seconds.values()),
        parameters={name: str(value) for name, value in run.parameters.items()},
        edges=edges,
        fates={"ran": len(steps)},
        sheet="",
    )
    return write_run(workspace, record, steps, None)


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
