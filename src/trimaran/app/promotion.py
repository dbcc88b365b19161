"""Moves a candidate from staging to live, by its approvals and by verdicts on what it answered beside the live version."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from trimaran.app.captured import LATENESS, CapturedRows
from trimaran.app.segments import SegmentPromotion
from trimaran.app.workspace import Workspace
from trimaran.control.approvals import outstanding, refusal, signatures
from trimaran.control.gates import GATE
from trimaran.control.state import ProductState, VersionState
from trimaran.core.nouns import Ref, Verdict
from trimaran.data.declaration import Definition
from trimaran.data.profiles import read_profile
from trimaran.deploy import COMPARED, Comparison, Releases

PATIENCE = timedelta(days=7)
"""How long a candidate may stay at one step without enough evidence before it is rolled back."""

PASSING = ("pass", "warn")


class Promotion:
    """The way of one product's candidates to live, under its release policy."""

    def __init__(self, workspace: Workspace, definition: Definition, releases: Releases) -> None:
        self._workspace = workspace
        self._definition = definition
        self._releases = releases
        self._state = ProductState(definition.name)
        self._captured = CapturedRows(workspace.captures, definition.name, COMPARED)
        self._segments = SegmentPromotion(workspace, definition)

    def advance(self, now: datetime) -> None:
        """Move the candidate on as far as its verdicts and approvals allow, or take it out; then the models of segments."""
        self._advance(now)
        self._segments.advance(now)

    def _advance(self, now: datetime) -> None:
        state = self._state.catch_up(self._workspace.ledger)
        candidate, trying = state.candidate, state.trying
        if trying is not None:
            self._compare(trying, now)
        if candidate is None or candidate.stage != "staging":
            return
        number, policy = candidate.version.number, self._definition.release
        refused, proof = refusal(candidate), candidate.verdict(GATE)
        if refused is not None:
            self._releases.refuse(
                number, reason=f"{refused.person} ({refused.role}) refused: {refused.note or 'no reason given'}"
            )
        elif trying is None and proof is not None and not outstanding(policy, candidate):
            people = [approval.person for _, approval in candidate.approvals if approval.decision == "approve"]
            reason = f"the gate passed, {' and '.join(people) or 'nobody'} approved"
            self._move(number, proof[0].ref, reason, signatures(policy, candidate))

    def _compare(self, candidate: VersionState, now: datetime) -> None:
        """Judge a candidate in shadow or canary by all it has answered since its shadow began, and move it or hold it."""
        number, stage, policy = candidate.version.number, candidate.stage, self._definition.release
        live = self._state.live
        if live is None:
            return
        began = next(entry.at for entry, move in candidate.moves if move.stage in {"shadow", "canary"})
        entered = candidate.moves[-1][0].at
        frame = self._captured.frame(since=began - LATENESS, now=now)
        both = pl.col("version").is_in([number, live.version.number]) & (pl.col("asked_at") >= began)
        comparison = Comparison(
            frame=frame.filter(both),
            candidate=number,
            live=live.version.number,
            rollback=policy.rollback,
            task=self._definition.task,
            spread=self._spread(live),
        )
        verdict = comparison.judge("shadow" if stage == "shadow" else "canary", candidate.version.native)
        held = now - entered >= (policy.shadow if stage == "shadow" else policy.hold)
        if verdict.outcome == "fail":
            self._record(verdict, candidate, now)
            self._releases.roll_back(number, reason="; ".join(verdict.reasons))
        elif verdict.outcome in PASSING and held:
            proof = self._record(verdict, candidate, now)
            self._move(number, proof, f"{stage} passed: {_best(verdict)}")
        elif now - entered > PATIENCE:
            self._record(verdict, candidate, now)
            self._releases.roll_back(
                number, reason=f"not enough evidence in {PATIENCE.days} days: {'; '.join(verdict.reasons)}"
            )

    def _spread(self, live: VersionState) -> float:
        """Return the standard deviation of the labels that the live version was trained on; 1 where none is needed."""
        if self._definition.task.kind != "regression":
            return 1.0
        return read_profile(self._workspace.objects, live.version.profile).spread

    def _move(self, number: int, proof: Ref, reason: str, approvals: Sequence[Ref] = ()) -> None:
        step = self._releases.next_step(number)
        if step is not None:
            self._releases.move(number, step.stage, step.traffic, proof=proof, approvals=approvals, reason=reason)

    def _record(self, verdict: Verdict, about: VersionState, now: datetime) -> Ref:
        return self._workspace.ledger.append(
            verdict, about.entry.subject, key=f"{verdict.policy}:{about.entry.subject}:{now.isoformat()}"
        )


def _best(verdict: Verdict) -> str:
    return "; ".join(finding.reason for finding in verdict.findings if finding.outcome in PASSING)
