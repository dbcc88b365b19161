"""The only way to move a version: each move proves that it may be made, and names what it used up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from trimaran.core.errors import Refused
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Approval, ModelVersion, Ref, Release, Stage, Traffic, Verdict
from trimaran.data.declaration import Definition
from trimaran.deploy.history import History

_EVERYTHING = 100.0


@dataclass(frozen=True)
class Step:
    """The move that comes next: to which stage, leaving which traffic, on a verdict of which policy, approved or not."""

    stage: Stage
    traffic: Traffic
    policy: str
    approved: bool


class Releases:
    """Moves the versions of one product, under the release policy of its definition.

    A version goes staging → shadow → each canary step → live; without a live version to compare with, the first goes
    from staging straight to live. Every move raises ``Refused`` with all that is missing, and ``Conflict`` when
    somebody else moved a version of the product since this one looked.
    """

    def __init__(self, ledger: Ledger, definition: Definition) -> None:
        self._ledger = ledger
        self._product = definition.name
        self._owner = definition.owner
        self._policy = definition.release

    def current(self) -> tuple[Ref, Release] | None:
        """Return the newest move, whose traffic holds now; None before the first."""
        return self._ledger.latest(Release, self._product)

    def stage_of(self, number: int) -> Stage | None:
        """Return the stage a version is in, None before it was staged; what another one replaced is retired."""
        return self._read().stage_of(number)

    def next_step(self, number: int) -> Step | None:
        """Return the move that comes next for a version, None when none does."""
        return self._next(self._read(), number)

    def stage(self, version: Ref, *, reason: str = "trained") -> Ref:
        """Put a version into staging, where it waits for its gate and approvals."""
        record, history = self._ledger.read(version, ModelVersion), self._read()
        before = history.stage_of(record.number)
        missing = []
        if record.product != self._product:
            missing.append(f"it is a version of {record.product}")
        if before not in (None, "rolled back", "retired"):
            missing.append(f"it is in {before} already")
        if record.number in history.trashed:
            missing.append(f"it is in the trash: trimaran trash --restore v{record.number}")
        self._require(record.number, "staging", missing)
        return self._write(history, self._release(record.number, record.native, "staging", history.traffic, reason))

    def move(
        self, number: int, stage: Stage, traffic: Traffic, *, proof: Ref, approvals: Sequence[Ref] = (), reason: str
    ) -> Ref:
        """Move a version to its next stage, or its next canary step, on proof.

        ``proof`` is a passing verdict about this version's model, of the policy the step asks for, younger than the
        version's stay in shadow or at a canary step. ``approvals`` leave staging: one for each role the policy names,
        by people who do not own the product, each used once, while nobody refuses. ``traffic`` is the split that the
        move leaves behind, as ``next_step`` states it.
        """
        history = self._read()
        entry, before = history.newest(number)
        step = self._next(history, number)
        if step is None:
            where = history.stage_of(number)
            raise Refused(
                f"{self._product} v{number} cannot move to {stage}: no move leads on from {where}; stage it again first"
            )
        missing = _faults_of_step(history, number, step, stage, traffic)
        missing += self._faults_of_proof(step, before, entry.seq, proof)
        missing += self._faults_of_approvals(history, step, before, approvals)
        self._require(number, stage, missing)
        release = self._release(number, before.model, stage, traffic, reason)
        return self._write(history, msgspec.structs.replace(release, proof=proof, approvals=list(approvals)))

    def roll_back(self, number: int, *, reason: str) -> Ref:
        """Take a version out of the traffic at once; a live one gives way to the version that was live before it."""
        history = self._read()
        stage, traffic = history.stage_of(number), history.traffic
        missing = [] if stage in ("shadow", "canary", "live") else [f"it is in {stage or 'no stage'} and answers nothing"]
        if stage == "live":
            heir = history.live_before(number)
            traffic = msgspec.structs.replace(traffic, live=heir)
            missing += [] if heir is not None else ["no earlier version was live; retire it to stop answering"]
        self._require(number, "rolled back", missing)
        return self._take_out(history, number, "rolled back", traffic, reason)

    def retire(self, number: int, *, reason: str) -> Ref:
        """Take a version out for good; retiring the live version leaves nothing that answers."""
        history = self._read()
        live = None if history.traffic.live == number else history.traffic.live
        return self._take_out(history, number, "retired", msgspec.structs.replace(history.traffic, live=live), reason)

    def refuse(self, number: int, *, reason: str) -> Ref:
        """Refuse a version that does not answer yet, because its gate failed or a person said no."""
        history = self._read()
        stage = history.stage_of(number)
        answers = ("canary", "live", "retired", "rolled back", "refused")
        self._require(number, "refused", [f"it is in {stage} already"] if stage in answers else [])
        return self._take_out(history, number, "refused", history.traffic, reason)

    def _read(self) -> History:
        return History.read(self._ledger, self._product)

    def _next(self, history: History, number: int) -> Step | None:
        stage, traffic = history.stage_of(number), history.traffic
        if stage == "staging" and traffic.live is None:
            return Step("live", Traffic(live=number, shadow=traffic.shadow), "gate", approved=True)
        if stage == "staging" and self._policy.shadow:
            return Step("shadow", msgspec.structs.replace(traffic, shadow=number), "gate", approved=True)
        if stage == "staging":
            return self._canary(traffic, number, "gate", approved=True)
        if stage in ("shadow", "canary"):
            return self._canary(traffic, number, stage, approved=False)
        return None

    def _canary(self, traffic: Traffic, number: int, policy: str, *, approved: bool) -> Step:
        reached = traffic.percent if traffic.canary == number else 0.0
        percent = next((step for step in self._policy.steps if step > reached), _EVERYTHING)
        rest = _without(traffic, number)
        if percent >= _EVERYTHING:
            return Step("live", msgspec.structs.replace(rest, live=number), policy, approved)
        return Step("canary", msgspec.structs.replace(rest, canary=number, percent=percent), policy, approved)

    def _faults_of_proof(self, step: Step, before: Release, since: int, proof: Ref) -> list[str]:
        if proof.kind != "verdict":
            return [f"a passing verdict of its {step.policy} is needed; the {proof.kind} given is no proof"]
        verdict = self._ledger.read(proof, Verdict)
        missing = []
        if verdict.policy != step.policy:
            missing.append(f"a verdict of its {step.policy} is needed, this one is of its {verdict.policy}")
        if verdict.outcome not in ("pass", "warn"):
            missing.append(f"its {verdict.policy} says {verdict.outcome} ({'; '.join(verdict.reasons) or 'no findings'})")
        if verdict.about != before.model:
            missing.append(f"the verdict is about model {verdict.about[:12]}, the version is model {before.model[:12]}")
        if step.policy != "gate" and proof.seq < since:
            missing.append(f"the verdict (entry {proof.seq}) is older than the stage it must judge (entry {since})")
        return missing

    def _faults_of_approvals(self, history: History, step: Step, before: Release, approvals: Sequence[Ref]) -> list[str]:
        if not step.approved:
            return ["this move uses no approvals"] if approvals else []
        faults, roles = [], set()
        for ref in approvals:
            approval = self._ledger.read(ref, Approval)
            wrong = "was used by an earlier move" if ref in history.used else self._fault_of_approval(approval, before)
            if wrong:
                faults.append(f"the approval of {approval.person} as {approval.role} {wrong}")
            else:
                roles.add(approval.role)
        faults += [f"nobody approved as {role}" for role in self._policy.approve if role not in roles]
        return faults + self._refusals(before)

    def _fault_of_approval(self, approval: Approval, before: Release) -> str:
        if (approval.product, approval.number, approval.model) != (before.product, before.number, before.model):
            return f"is for {approval.product} v{approval.number}, model {approval.model[:12]}"
        if approval.decision != "approve":
            return "is a refusal"
        if approval.person == self._owner:
            return "is by the product's owner, who may not approve their own work"
        return ""

    def _refusals(self, before: Release) -> list[str]:
        standing: dict[tuple[str, str], Approval] = {}
        for _, approval in self._ledger.history([Approval], f"{self._product}/v{before.number}"):
            if approval.model == before.model:
                standing[approval.person, approval.role] = approval
        return [
            f"{each.person} refuses as {each.role}" + (f": {each.note}" if each.note else "")
            for each in standing.values()
            if each.decision == "refuse"
        ]

    def _require(self, number: int, stage: Stage, missing: Sequence[str]) -> None:
        if missing:
            raise Refused(f"{self._product} v{number} cannot move to {stage}: " + "; ".join(missing))

    def _take_out(self, history: History, number: int, stage: Stage, traffic: Traffic, reason: str) -> Ref:
        model = history.newest(number)[1].model
        return self._write(history, self._release(number, model, stage, _without(traffic, number), reason))

    def _release(self, number: int, model: str, stage: Stage, traffic: Traffic, reason: str) -> Release:
        return Release(product=self._product, number=number, model=model, stage=stage, traffic=traffic, reason=reason)

    def _write(self, history: History, release: Release) -> Ref:
        # The key holds the place in line: the same move sent twice is one move, two different ones conflict.
        key = f"release/{self._product}/{history.seq}"
        return self._ledger.append(release, self._product, key=key, after=history.seq)


def _faults_of_step(history: History, number: int, step: Step, stage: Stage, traffic: Traffic) -> list[str]:
    missing = []
    if stage != step.stage:
        missing.append(f"{step.stage} comes next, not {stage}")
    elif traffic != step.traffic:
        missing.append(f"the move leaves {told(step.traffic)}, not {told(traffic)}")
    standing = {"shadow": history.traffic.shadow, "canary": history.traffic.canary}.get(step.stage)
    if standing not in (None, number):
        missing.append(f"v{standing} is in {step.stage}: move it on or roll it back first")
    return missing


def told(traffic: Traffic) -> str:
    """Return a split in words.

    >>> told(Traffic(live=3, canary=4, percent=5))
    'v3 live, v4 on 5%'
    """
    parts = [f"v{traffic.live} live" if traffic.live is not None else "nothing live"]
    if traffic.canary is not None:
        parts.append(f"v{traffic.canary} on {traffic.percent:g}%")
    if traffic.shadow is not None:
        parts.append(f"v{traffic.shadow} in shadow")
    return ", ".join(parts)


def _without(traffic: Traffic, number: int) -> Traffic:
    shadow = None if traffic.shadow == number else traffic.shadow
    if traffic.canary == number:
        return Traffic(live=traffic.live, shadow=shadow)
    return msgspec.structs.replace(traffic, shadow=shadow)
