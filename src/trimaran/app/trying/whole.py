"""The whole loop of a product on a slice of its data, in a workspace that is thrown away: from rows to answers."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from trimaran.app.feed import Feed
from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import Loaded
from trimaran.app.pipelines.stages import STAGES, Stages
from trimaran.app.promotion import PASSING
from trimaran.app.replay import FACTS_BEFORE
from trimaran.app.serving import dataplane_of
from trimaran.app.trying.cases import Cases, Outcome
from trimaran.app.trying.parts import try_fit
from trimaran.app.trying.slicing import Slice
from trimaran.app.workspace import Workspace
from trimaran.build import Evidence, Snapshot, TrainingSets, read_evidence
from trimaran.control.gates import ALONE_TOLERANCE, GATE, judge_candidate
from trimaran.control.state import VersionState
from trimaran.core.checks import conclude
from trimaran.core.clock import ManualClock
from trimaran.core.errors import Fault, InputError, TrimaranError
from trimaran.core.nouns import Ref, Run, Verdict
from trimaran.core.ports import Progress
from trimaran.data.declaration import Definition
from trimaran.data.features import FeatureEngine

TRIALS = 2
"""Sets of parameters that are tried."""

ANSWERS, AROUND = 20, 500
"""Requests that are asked, and the rows among which training computes the features that they are held against."""

_ALWAYS = ("numerics", "parity")
"""What the gate finds that must hold on any rows, however few."""


class SmallGate:
    """The gate of a test: judges as the product's own does, keeps what that says, and lets a slice pass what it cannot prove."""

    def __init__(self) -> None:
        self.told: Verdict | None = None

    def __call__(
        self,
        definition: Definition,
        evidence: Evidence,
        about: str,
        *,
        stored: str | None = None,
        refs: Sequence[Ref] = (),
    ) -> Verdict:
        """Return a verdict of the findings that passed."""
        self.told = judge_candidate(definition, evidence, about, stored=stored, refs=refs)
        passed = [finding for finding in self.told.findings if finding.outcome in PASSING]
        return conclude(GATE, about, passed, evidence=stored, refs=refs)


class Whole:
    """The loop of one product in a workspace below a folder, on rows of a slice; each stage is a case."""

    def __init__(self, cases: Cases, loaded: Loaded, part: Slice, folder: Path, progress: Progress, *, seed: int) -> None:
        self._cases = cases
        self._part = part
        self._seed = seed
        self._definition = loaded.definition
        self._workspace = Workspace(folder, clock=ManualClock(part.now), actor="trimaran test")
        self._workspace.data_root = loaded.definition.root
        self._gate = SmallGate()
        self._life = Lifecycle(
            self._workspace, loaded, progress, seed=seed, trials=TRIALS if loaded.definition.model.spaces else None, judge=self._gate
        )  # fmt: skip

    def go(self) -> None:
        """Try everything; what stands on something that failed is skipped."""
        cases, tests = self._cases, [test.name for test in self._definition.tests]
        if cases.attempt("pipeline", "load", self._load, str) is None:
            self._skipped("load", "features", "training", "gate", "release", "answers")
            return
        cases.attempt("model", "fit", self._fit, str)
        state = self._trained()
        if state is None:
            for name in tests:
                cases.add("model", name, "skip", "it needs a model, and none was trained")
            self._skipped("training", "gate", "release", "answers")
            return
        self._tested(state)
        cases.attempt("pipeline", "gate", self._judged, str)
        if cases.attempt("pipeline", "release", lambda: self._released(state.version.number), str) is None:
            self._skipped("release", "answers")
            return
        cases.attempt("pipeline", "answers", self._answered, str)

    def _load(self) -> str:
        life, now = self._life, self._part.now
        feed = Feed(self._definition, self._part.frames)
        life.declare()
        taken = life.take_in(feed.timeless | feed.settled(None, now), source="a slice for a test", key="slice")
        for table, rows in (feed.timeless | feed.facts(now - FACTS_BEFORE, now)).items():
            self._workspace.online.push(life.name, table, rows, key=f"slice:{table}")
        return ", ".join(f"{one.kept:,} rows of {one.table}" for one in taken)

    def _fit(self) -> str:
        snapshot = Snapshot.newest(self._life.tables, self._part.now)
        return try_fit(self._definition, TrainingSets().make(self._definition, snapshot).train, self._seed)

    def _trained(self) -> VersionState | None:
        stages = self._life.progress
        began = time.perf_counter()
        try:
            state, _ = self._life.train("a test on a slice", key="test")
        except TrimaranError as error:
            done = [one for one in STAGES if one in stages.seconds]
            self._stages(stages, done)
            failed = next((one for one in STAGES if one not in done), "training")
            self._cases.failed("pipeline", failed, error, time.perf_counter() - began - sum(stages.seconds.values()))
            return None
        self._stages(stages, STAGES)
        return state

    def _stages(self, stages: Stages, names: Sequence[str]) -> None:
        if self._definition.suggestion is not None and "data" in stages.seconds:
            self._cases.add("pipeline", "suggest", "pass", "features were proposed", seconds=stages.seconds["data"])
        for name in names:
            self._cases.add("pipeline", name, "pass", stages.notes.get(name, ""), seconds=stages.seconds.get(name, 0.0))

    def _tested(self, state: VersionState) -> None:
        run = self._workspace.ledger.read(state.version.run, Run)
        evidence = read_evidence(self._workspace.objects, run.artifacts["evidence"])
        for result in evidence.tests:
            said = f"holds on {result.held} of {result.rows} rows, {result.share:.0%} are required"
            outcome: Outcome = "skip" if not result.rows else "pass" if result.passed else "fail"
            self._cases.add("model", result.name, outcome, said, trace="" if outcome == "pass" else result.failure)
        seen = evidence.numerics
        wrong = seen.broken > 0 or seen.alone > ALONE_TOLERANCE
        for finding in self._gate.told.findings if self._gate.told is not None else ():
            if finding.check in _ALWAYS:
                # How many decisions noise turns depends on how much a model was trained on: on a slice it is told.
                told: Outcome = (
                    "pass" if finding.outcome == "pass" else "fail" if wrong and finding.check == "numerics" else "warn"
                )
                self._cases.add("model", finding.check, told, finding.reason)

    def _judged(self) -> str:
        told = self._gate.told
        if told is None:
            raise InputError("gate", [Fault(what="it was not asked", remedy="train a model")])
        named = {f"test {test.name}" for test in self._definition.tests} | set(_ALWAYS)
        open_ = [finding.check for finding in told.findings if finding.outcome not in PASSING and finding.check not in named]
        held = len(told.findings) - len(open_)
        return f"{held} of {len(told.findings)} findings pass" + (
            f"; on a slice this says nothing of: {', '.join(open_)}" if open_ else ""
        )

    def _released(self, number: int) -> str:
        roles = self._definition.release.approve
        for role in roles:
            self._life.sign_if_awaited(role, f"{role}, in a test", note="on a slice")
        self._life.promotion.advance(self._part.now)
        live = self._life.state.live
        if live is None or live.version.number != number:
            stage = self._life.state.versions[number].stage
            raise InputError(
                "release", [Fault(what=f"v{number} is in {stage}, not live", remedy="see to the release policy")]
            )
        signed = f", approved by {' and '.join(roles)}" if roles else ""
        return f"v{number} is live{signed}"

    def _answered(self) -> str:
        definition = self._workspace.definition(self._life.state.versions[1].version)
        due = self._part.frames[definition.asked].with_columns(definition.predict_at.expression.alias("__due"))
        rows = due.filter(pl.col("__due") <= self._part.now).sort("__due").tail(AROUND).drop("__due")
        plane = dataplane_of(self._workspace, definition.name)
        asked = rows.tail(ANSWERS).select(definition.given.names())
        # One request a row, as callers ask.
        answers = pl.concat(plane.score_frame(one, mode="http", caller="test") for one in asked.iter_slices(1))
        failed = answers.filter(pl.col("error") != "")
        if failed.height:
            what = f"{failed.height} of {answers.height} rows have no answer, the first: {failed['error'][0]}"
            raise InputError("answers", [Fault(what=what, remedy="mend what it names")])
        self._same_as_trained(definition, rows)
        return f"{answers.height} requests answered, their features those of training"

    def _same_as_trained(self, definition: Definition, rows: pl.DataFrame) -> None:
        """Raise ``InputError`` where a feature was served with another value than training gives the row."""
        engine = FeatureEngine(definition.features, definition.tables, definition.asked, definition.predict_at)
        prepared = {name: engine.prepare(name, self._part.frames[name]) for name in engine.needs}
        wanted = engine.compute(rows, prepared).select(pl.all().cast(pl.Float32)).tail(ANSWERS)
        names = [feature.name for feature in definition.features]
        keys = [str(key) for key in rows[definition.key].tail(ANSWERS).to_list()]
        captured = {name: one for (name, _), one in self._workspace.captures.answers(definition.name, keys).items()}
        for row, key in zip(wanted.iter_rows(), keys, strict=True):
            served = captured[key].features
            for name, trained, seen in zip(names, row, served, strict=True):
                if not _equal(trained, seen):
                    what = f"feature {name!r} of {definition.key} {key!r} was {_said(seen)} when served, and is {_said(trained)} in training"
                    raise InputError("answers", [Fault(what=what, remedy="see when its inputs become known")])

    def _skipped(self, needed: str, *names: str) -> None:
        for name in names:
            self._cases.add("pipeline", name, "skip", f"it needs {needed}, which failed")


def _equal(a: float | None, b: float | None) -> bool:
    missing = [one is None or math.isnan(one) for one in (a, b)]
    return missing[0] == missing[1] and (missing[0] or a == b)


def _said(value: float | None) -> str:
    return "missing" if value is None or math.isnan(value) else f"{value:.9g}"
