"""Runs of pipelines as the dashboard shows them: the list, and one run with why each of its steps did what it did."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from threading import Lock
from typing import Literal

import msgspec

from trimaran.app.pipelines.reasons import Past, Reasons, reasons
from trimaran.app.pipelines.recording import RECORD, Unended, unended_of
from trimaran.app.pipelines.stages import EDGES
from trimaran.app.workspace import Workspace
from trimaran.core.errors import NotFound
from trimaran.core.nouns import Fate, PipelineRun, StepRun

MOST_ITEMS = 50
"""Items of one step that are told one by one: those that failed first."""

_FIRST: tuple[Fate, ...] = ("failed", "cancelled", "skipped", "ran", "cached")


class RunList(msgspec.Struct, frozen=True, kw_only=True):
    """Runs, the newest first, how many there are of the pipeline that was asked for, and the pipelines there are.

    ``unended`` are those that are running, or were cut off.
    """

    pipeline: str
    total: int
    pipelines: list[str]
    runs: list[PipelineRun]
    unended: list[Unended] = []


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a run, why it ran or did not have to, and where it was run for each of several, its items.

    ``fates`` count all items; ``items`` are ``MOST_ITEMS`` of them at most.
    """

    told: StepRun
    why: Reasons
    fates: dict[str, int]
    items: list[StepRun]


class PipelineView(msgspec.Struct, frozen=True, kw_only=True):
    """One run: its record, its steps, and the names of the runs of its pipeline before and after it.

    ``product`` says that it is a training of a product: what its steps made is kept with the version. ``lost`` says that
    nothing is kept of its steps any more. ``status`` is that of a run without an end, None for one that ended.
    """

    run: PipelineRun
    steps: list[StepView]
    product: bool
    lost: bool
    before: str | None
    after: str | None
    status: Literal["running", "cut off"] | None = None


class Runs:
    """The runs of all pipelines in a workspace; what was read once is not read again, and any number of threads may ask."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._runs: list[PipelineRun] = []
        self._seq = 0
        self._lock = Lock()

    def newest(self, pipeline: str = "", *, most: int) -> RunList:
        """Return the newest runs of a pipeline, of all where none is named; raises ``NotFound`` for one that never ran."""
        known, unended = self._all(), unended_of(self._workspace)
        names = sorted({*(one.pipeline for one in known), *(one.pipeline for one in unended)})
        if pipeline and pipeline not in names:
            raise NotFound(f"no pipeline {pipeline!r} was run in this workspace; there are: {', '.join(names) or 'none'}")
        chosen = [one for one in known if not pipeline or one.pipeline == pipeline]
        under_way = [one for one in unended if not pipeline or one.pipeline == pipeline]
        total = len(chosen) + len(under_way)
        return RunList(
            pipeline=pipeline, total=total, pipelines=names, runs=chosen[::-1][:most], unended=under_way[::-1][:most]
        )

    def one(self, pipeline: str, name: str) -> PipelineView:
        """Return one run; raises ``NotFound`` with the newest there are."""
        known = [one for one in self._all() if one.pipeline == pipeline]
        place = next((place for place, one in enumerate(known) if one.name == name), None)
        begun = next((one for one in unended_of(self._workspace, pipeline) if one.name == name), None)
        if begun is not None:
            return _unended_view(begun, self._workspace.clock.now(), known[-1].name if known else None)
        if place is None:
            newest = ", ".join(one.name for one in known[-5:]) or "none"
            raise NotFound(f"pipeline {pipeline} has no run {name!r}; the newest are: {newest}")
        run = known[place]
        lost = not self._workspace.objects.has(run.sheet)
        past = Past(self._workspace, run, known)
        steps = () if lost else past.steps(run)
        return PipelineView(
            run=run,
            steps=[self._step(run, one, steps, past) for one in steps if one.item is None],
            product=any(one.output is not None and one.output.form == RECORD for one in steps),
            lost=lost,
            before=known[place - 1].name if place else None,
            after=known[place + 1].name if place + 1 < len(known) else None,
        )

    def _step(self, run: PipelineRun, told: StepRun, steps: tuple[StepRun, ...], past: Past) -> StepView:
        items = [one for one in steps if one.name == told.name and one.item is not None]
        return StepView(
            told=told,
            why=reasons(self._workspace, run, told.name, past=past),
            fates=dict(Counter(one.fate for one in items)),
            items=sorted(items, key=lambda one: (_FIRST.index(one.fate), one.item))[:MOST_ITEMS],
        )

    def _all(self) -> list[PipelineRun]:
        with self._lock:
            for entry, run in self._workspace.ledger.history((PipelineRun,), after=self._seq):
                self._runs.append(run)
                self._seq = entry.seq
            return list(self._runs)


def _unended_view(begun: Unended, now: datetime, before: str | None) -> PipelineView:
    """Return the view of a run whose steps are told only when it ends."""
    run = PipelineRun(
        name=begun.name,
        pipeline=begun.pipeline,
        engine=begun.engine,
        started=begun.started,
        ended=now,
        seconds=(now - begun.started).total_seconds() if begun.status == "running" else 0.0,
        parameters={},
        edges=begun.edges,
        fates={},
        sheet="",
    )
    return PipelineView(
        run=run, steps=[], product=begun.edges == EDGES, lost=False, before=before, after=None, status=begun.status
    )
