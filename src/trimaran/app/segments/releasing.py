"""Brings the models of a replication into service, wave by wave: each is judged by what it answered before the next begins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from trimaran.app.captured import LATENESS, CapturedRows
from trimaran.app.workspace import Workspace
from trimaran.build import read_sheet
from trimaran.control.gates import REPLICATION
from trimaran.control.state import ProductState, ReplicationState
from trimaran.core.checks import conclude
from trimaran.core.nouns import SEGMENTED, Approval, Entry, Ref, SegmentModel, Verdict, Wave
from trimaran.data.declaration import Definition
from trimaran.data.profiles import read_profile
from trimaran.deploy import COMPARED, Comparison, Waves, models_of

PATIENCE = timedelta(days=14)
"""How long a wave may stay without enough evidence before it is rolled back: the first ones answer few rows."""

WAVE = "wave"
_PASSING = ("pass", "warn")


class SegmentPromotion:
    """The way of one product's segment models into service, under its policies of replication and release."""

    def __init__(self, workspace: Workspace, definition: Definition) -> None:
        self._workspace = workspace
        self._definition = definition
        self._waves = Waves(workspace.ledger, definition)
        self._state = ProductState(definition.name)
        self._captured = CapturedRows(workspace.captures, definition.name, COMPARED)

    def advance(self, now: datetime) -> None:
        """Start the wave that is due, judge the one that runs, or take it back; nothing where there are no segments."""
        state = self._state.catch_up(self._workspace.ledger)
        if self._definition.replication is None or not state.replications or state.live is None:
            return
        newest = state.replications[-1]
        if not newest.waves:
            self._begin(newest)
            return
        entry, wave = newest.waves[-1]
        if wave.stage == "live" and newest.verdict(WAVE, models_of(wave.moves)) is None:
            self._judge(newest, entry, wave, now)

    def _begin(self, replication: ReplicationState) -> None:
        record = replication.record
        proof = replication.verdict(REPLICATION, record.sheet)
        if proof is None or proof[1].outcome not in _PASSING or refused(replication) or not record.fates.get("own"):
            return
        roles = self._definition.release.approve
        signed = {one.role: entry.ref for entry, one in replication.approvals if one.decision == "approve"}
        if any(role not in signed for role in roles):
            return
        people = sorted({one.person for _, one in replication.approvals if one.decision == "approve"})
        reason = f"all models together passed, {' and '.join(people) or 'nobody'} approved"
        self._start(replication, proof[0].ref, reason, [signed[role] for role in roles])

    def _judge(self, replication: ReplicationState, entry: Entry, wave: Wave, now: datetime) -> None:
        """Judge a wave by all that its models answered since it began, beside the pooled version on the same rows."""
        verdict = self._verdict(entry, wave, now)
        held = now - entry.at >= self._hold
        if verdict.outcome == "fail":
            self._record(verdict, replication, now)
            self._waves.roll_back(reason="; ".join(verdict.reasons))
        elif verdict.outcome in _PASSING and held:
            proof = self._record(verdict, replication, now)
            if self._waves.next_wave(replication.record, self._models(replication)) is not None:
                passed = "; ".join(finding.reason for finding in verdict.findings if finding.outcome in _PASSING)
                self._start(replication, proof, f"wave {wave.number} passed: {passed}")
        elif now - entry.at > PATIENCE:
            self._record(verdict, replication, now)
            reasons = "; ".join(verdict.reasons)
            self._waves.roll_back(reason=f"not enough evidence in {PATIENCE.days} days: {reasons}")

    def _verdict(self, entry: Entry, wave: Wave, now: datetime) -> Verdict:
        state, about = self._state, models_of(wave.moves)
        live = state.live
        if live is None or not wave.moves:
            return conclude(WAVE, about, [])
        moved = [move.version for move in wave.moves]
        frame = self._captured.frame(since=entry.at - LATENESS, now=now)
        since = frame.filter(pl.col("asked_at") >= entry.at)
        # All models of the wave are one candidate: each row has one segment, and so at most one of them.
        own = since.filter(pl.col("version").is_in(moved)).with_columns(version=pl.lit(SEGMENTED, pl.Int32))
        pooled = since.filter(pl.col("version") == live.version.number).join(own, on="id", how="semi")
        comparison = Comparison(
            frame=pl.concat([own, pooled]),
            candidate=SEGMENTED,
            live=live.version.number,
            rollback=self._definition.release.rollback,
            task=self._definition.task,
            spread=self._spread(live.version.profile),
        )
        return conclude(WAVE, about, [*comparison.alarms(), comparison.no_harm()])

    def _start(self, replication: ReplicationState, proof: Ref, reason: str, approvals: Sequence[Ref] = ()) -> None:
        self._waves.start(replication.entry.ref, self._models(replication), proof=proof, approvals=approvals, reason=reason)

    def _models(self, replication: ReplicationState) -> list[SegmentModel]:
        return read_sheet(self._workspace.objects.get(replication.record.sheet))

    @property
    def _hold(self) -> timedelta:
        policy = self._definition.replication
        return policy.hold if policy is not None else timedelta()

    def _spread(self, profile: str) -> float:
        if self._definition.task.kind != "regression":
            return 1.0
        return read_profile(self._workspace.objects, profile).spread

    def _record(self, verdict: Verdict, replication: ReplicationState, now: datetime) -> Ref:
        subject = replication.subject
        return self._workspace.ledger.append(
            verdict, subject, key=f"{WAVE}:{subject}:{verdict.about[:12]}:{now.isoformat()}"
        )


def refused(replication: ReplicationState) -> Approval | None:
    """Return the first decision against a replication, None when nobody refused it."""
    return next((one for _, one in replication.approvals if one.decision == "refuse"), None)
