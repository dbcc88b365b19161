"""A product's own loop as a pipeline: in the record like any other, from its first stage on."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from types import TracebackType
from typing import Self

from trimaran.app.pipelines.recording import Beginning, note_begun, write_run
from trimaran.app.pipelines.stages import EDGES, Passed, Stages, broken_off, ran
from trimaran.app.workspace import Workspace
from trimaran.build import Recorder
from trimaran.core.errors import TrimaranError
from trimaran.core.nouns import PipelineRun, StepRun


class Loop:
    """One training of a product as a run of the pipeline that the product is: seen from its first stage on, and ended however it ends.

    It is entered before the first stage; ``passed`` says what came of it. One that was done before is no other run; one whose
    run was cut off is gone on with under its name, one that failed before it left a run of its own begins another.
    """

    def __init__(self, workspace: Workspace, stages: Stages, product: str, key: str, *, engine: str) -> None:
        self._workspace = workspace
        self._stages = stages
        self._recorder = Recorder(workspace.objects, workspace.ledger, product)
        self._key = key
        self._started = workspace.clock.now()
        self._begun = Beginning(self._name(self._recorder.run_name(key)), product, engine, self._started, EDGES)
        self._ended = self._end() is not None
        self._noted = False

    def __enter__(self) -> Self:
        self._stages.begin()
        if self._recorder.find(self._key) is None:
            note_begun(self._workspace, self._begun)
            self._noted = True
        return self

    def passed(self, passed: Passed) -> None:
        """Write what its stages made; it is named in words, not by digests: a version that is purged must not be held by this."""
        self._stages.gate()
        if self._ended:
            return
        steps = list(ran(self._stages, passed))
        run = passed.run
        parameters = {name: str(value) for name, value in run.parameters.items()}
        self._write(steps, parameters=parameters, seconds=sum(self._stages.seconds.values()) or run.seconds)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None or not self._noted or self._end() is not None:
            return
        said = "" if isinstance(error, KeyboardInterrupt) else str(error) or type(error).__name__
        with suppress(TrimaranError):  # what broke it off is told, not that its end could not be written too
            steps = list(broken_off(self._stages, said))
            failed = next((step.name for step in steps if step.fate == "failed"), "")
            seconds = sum(self._stages.seconds.values())
            self._write(steps, seconds=seconds, error=f"{failed} failed" if failed else "it was cancelled")

    def _name(self, name: str) -> str:
        """Return the name of the run, with a number where earlier ones of it failed."""
        tried, number = name, 1
        while (ended := self._end(tried)) is not None and ended.error is not None:
            number += 1
            tried = f"{name}-{number}"
        return tried

    def _end(self, name: str | None = None) -> PipelineRun | None:
        subject = f"{self._recorder.line}/{name or self._begun.name}"
        found = self._workspace.ledger.store.find(f"pipeline:{subject}")
        return self._workspace.ledger.read(found, PipelineRun) if found is not None else None

    def _write(
        self, steps: list[StepRun], *, seconds: float, parameters: dict[str, str] | None = None, error: str | None = None
    ) -> None:
        begun = self._begun
        record = PipelineRun(
            name=begun.name,
            pipeline=begun.pipeline,
            engine=begun.engine,
            started=begun.started,
            ended=self._workspace.clock.now(),
            seconds=seconds,
            parameters=parameters or {},
            edges=EDGES,
            fates=dict(Counter(step.fate for step in steps)),
            sheet="",
            error=error,
        )
        write_run(self._workspace, record, steps, None)
