"""The earlier trainings of a product, as far as what their stages made may stand for a later one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from trimaran.app.pipelines.recording import runs_of, sheet_of
from trimaran.app.workspace import Workspace
from trimaran.build import MADE_BY, TESTS, Taken
from trimaran.core.nouns import PipelineRun, Run, StepRun
from trimaran.core.steps import READ, same_files

LOOKED_AT = 20
"""Trainings looked at, the newest: what stood on the same longer ago is made anew."""

_PASSING = frozenset({"pass", "warn"})


class EarlierTrainings:
    """An ``Earlier`` in the record: runs of the product's pipeline that ended well and are not in the trash.

    What the gate refused is measured again: it may have been the machine that was slow that day.
    """

    def __init__(self, workspace: Workspace, product: str) -> None:
        self._workspace = workspace
        self._product = product

    def find(self, stage: str, key: str) -> Taken | None:
        """Return the training that first made what a stage makes under a key; None where there is none."""
        for run, steps in self._told:
            told, gate = steps.get(stage), steps["gate"].output
            if told is None or told.key != key or told.uncached or not same_files(read := _read(told)):
                continue
            if stage == TESTS and (gate is None or gate.note not in _PASSING):
                continue
            name = told.since or run.name
            found = self._workspace.ledger.latest(Run, f"{self._product}/{name}")
            if found is not None and found[1].error is None and self._kept(found[1], MADE_BY[stage]):
                return Taken(name, found[1], read)
        return None

    @cached_property
    def _told(self) -> list[tuple[PipelineRun, dict[str, StepRun]]]:
        """The newest trainings that ended well, and their stages by name."""
        ended = [run for run in runs_of(self._workspace, self._product) if run.error is None]
        newest = [run for run in ended[: -LOOKED_AT - 1 : -1] if self._workspace.objects.has(run.sheet)]
        return [(run, {step.name: step for step in sheet_of(self._workspace, run).steps}) for run in newest]

    def _kept(self, run: Run, names: Sequence[str]) -> bool:
        digests = [run.artifacts.get(name) for name in names]
        compiled = run.artifacts.get("compiled")
        wanted = [*digests, compiled] if compiled is not None else digests
        return all(digest is not None and self._workspace.objects.has(digest) for digest in wanted)


def _read(told: StepRun) -> dict[str, str]:
    """Return the files that a stage was seen to read, with a digest of each."""
    return {name.removeprefix("file "): part.digest for name, part in told.parts.items() if part.said == READ}
