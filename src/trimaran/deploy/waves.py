"""The only way to serve models of segments: in waves, each of which proves that it may start, and names what it used up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from math import ceil

import msgspec

from trimaran.core.canon import digest_of
from trimaran.core.errors import Refused
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Approval, Ref, Replication, SegmentModel, SegmentMove, Verdict, Wave
from trimaran.data.declaration import Definition, Replicating

GATE, REPLICATION, WAVE = "gate", "replication", "wave"
_PASSING = ("pass", "warn")
_EVERYTHING = 100.0


class Waves:
    """Puts the models of a product's segments into service, under its policies of replication and release.

    A replication goes live in waves: the first on a passing verdict about all its models together and on the approvals that
    the release policy names, each other one on a passing verdict about the wave before, younger than that wave. Each model
    moves on the passing verdict of its own gate. A wave that is rolled back ends the release of its replication. Every move
    raises ``Refused`` with all that is missing, and ``Conflict`` when somebody else moved since this one looked.
    """

    def __init__(self, ledger: Ledger, definition: Definition) -> None:
        self._ledger = ledger
        self._definition = definition
        self._product = definition.name

    def current(self) -> tuple[Ref, Wave] | None:
        """Return the newest wave, whose seats hold now; None before the first."""
        return self._ledger.latest(Wave, self._product)

    def next_wave(self, replication: Replication, models: Sequence[SegmentModel]) -> int | None:
        """Return the number of the wave that comes next for a replication, None when none does.

        ``models`` is what its sheet holds: a wave that would move none of them, since there are few, is passed over.
        """
        found, policy = self.current(), self._policy()
        if found is None or found[1].replication != replication.number:
            return 1
        left = range(found[1].number + 1, len(policy.waves) + 1) if found[1].stage == "live" else ()
        own = [model for model in models if model.fate == "own"]
        return next((number for number in left if wave_of(own, policy.waves, number, replication.number)), None)

    def start(
        self,
        replication: Ref,
        models: Sequence[SegmentModel],
        *,
        proof: Ref,
        approvals: Sequence[Ref] = (),
        reason: str,
    ) -> Ref:
        """Start the next wave of a replication on proof; ``models`` is what its sheet holds."""
        record = self._ledger.read(replication, Replication)
        number, before, policy = self.next_wave(record, models), self.current(), self._policy()
        newest = self._ledger.latest(Replication, self._product)
        missing = [] if newest is None or newest[0] == replication else [f"{newest[1].name} is newer"]
        if digest_of(list(models)) != record.sheet:
            missing.append("the models given are not those of its sheet")
        if number is None:
            missing.append("no wave comes next: the last one stands, or one was rolled back; replicate again")
        own = [model for model in models if model.fate == "own"]
        if not own:
            missing.append("no segment has a model of its own")
        self._require(record, number, missing)
        moves = wave_of(own, policy.waves, number or 1, record.number)
        missing = self._faults_of_proof(record, number or 1, proof, before)
        missing += self._faults_of_approvals(record, number or 1, approvals)
        missing += self._faults_of_models(moves)
        self._require(record, number, missing)
        seats = dict(before[1].seats) if before is not None else {}
        wave = Wave(
            product=self._product,
            replication=record.number,
            sheet=record.sheet,
            column=record.column,
            number=number or 1,
            of=len(policy.waves),
            percent=policy.waves[(number or 1) - 1],
            stage="live",
            moves=moves,
            seats=seats | {move.segment: move.version for move in moves},
            reason=reason,
            proof=proof,
            approvals=list(approvals),
        )
        return self._write(wave, before)

    def roll_back(self, *, reason: str) -> Ref:
        """Take the newest wave's models out at once: what answered for these segments before answers again."""
        before = self.current()
        if before is None or before[1].stage != "live":
            raise Refused(f"{self._product} has no wave to roll back")
        wave, held = before[1], self._seats_before(before[0])
        moved = {move.segment for move in wave.moves}
        seats = {segment: version for segment, version in wave.seats.items() if segment not in moved}
        seats |= {segment: version for segment, version in held.items() if segment in moved}
        return self._write(msgspec.structs.replace(wave, **_taken_back("rolled back", seats, reason)), before)

    def retire(self, *, reason: str) -> Ref:
        """Take all models of segments out for good: the pooled model answers for every segment."""
        before = self.current()
        if before is None or not before[1].seats:
            raise Refused(f"no segment of {self._product} has a model of its own in service")
        return self._write(msgspec.structs.replace(before[1], **_taken_back("retired", {}, reason)), before)

    def _policy(self) -> Replicating:
        policy = self._definition.replication
        if policy is None:
            raise Refused(f"{self._product} has no segments: declare product.replicate(by=…)")
        return policy

    def _seats_before(self, wave: Ref) -> Mapping[str, int]:
        seats: Mapping[str, int] = {}
        for entry, record in self._ledger.history([Wave], self._product):
            if entry.ref == wave:
                break
            seats = record.seats
        return seats

    def _faults_of_proof(self, record: Replication, number: int, proof: Ref, before: tuple[Ref, Wave] | None) -> list[str]:
        first = number == 1
        policy, about = (REPLICATION, record.sheet) if first or before is None else (WAVE, models_of(before[1].moves))
        if proof.kind != "verdict":
            return [f"a passing verdict of its {policy} is needed; the {proof.kind} given is no proof"]
        verdict, missing = self._ledger.read(proof, Verdict), []
        if verdict.policy != policy:
            missing.append(f"a verdict of its {policy} is needed, this one is of its {verdict.policy}")
        if verdict.outcome not in _PASSING:
            missing.append(f"its {policy} says {verdict.outcome} ({'; '.join(verdict.reasons) or 'no findings'})")
        if verdict.about != about:
            missing.append(f"the verdict is about {verdict.about[:12]}, what is to be proved is {about[:12]}")
        if not first and before is not None and proof.seq < before[0].seq:
            missing.append(f"the verdict (entry {proof.seq}) is older than the wave it must judge (entry {before[0].seq})")
        return missing

    def _faults_of_approvals(self, record: Replication, number: int, approvals: Sequence[Ref]) -> list[str]:
        if number > 1:
            return ["this wave uses no approvals"] if approvals else []
        used = {ref for _, wave in self._ledger.history([Wave], self._product) for ref in wave.approvals}
        faults, roles = [], set()
        for ref in approvals:
            approval = self._ledger.read(ref, Approval)
            wrong = ""
            if ref in used:
                wrong = "was used by an earlier wave"
            elif (approval.product, approval.model) != (self._product, record.sheet):
                wrong = f"is about {approval.model[:12]}, not about the sheet {record.sheet[:12]}"
            elif approval.decision != "approve":
                wrong = "is a refusal"
            elif approval.person == self._definition.owner:
                wrong = "is by the product's owner, who may not approve their own work"
            if wrong:
                faults.append(f"the approval of {approval.person} as {approval.role} {wrong}")
            else:
                roles.add(approval.role)
        return faults + [f"nobody approved as {role}" for role in self._definition.release.approve if role not in roles]

    def _faults_of_models(self, moves: Sequence[SegmentMove]) -> list[str]:
        missing = []
        for move in moves:
            verdict = self._ledger.read(move.proof, Verdict)
            if verdict.policy != GATE or verdict.outcome not in _PASSING or verdict.about != move.model:
                missing.append(f"the model of {move.segment} did not pass its gate")
        return missing

    def _require(self, record: Replication, number: int | None, missing: Sequence[str]) -> None:
        if missing:
            wave = f"wave {number} of " if number is not None else ""
            raise Refused(f"{wave}{self._product} {record.name} cannot start: " + "; ".join(missing))

    def _write(self, wave: Wave, before: tuple[Ref, Wave] | None) -> Ref:
        # The key holds the place in line: the same wave sent twice is one wave, two different ones conflict.
        after = before[0].seq if before is not None else 0
        return self._ledger.append(wave, self._product, key=f"wave/{self._product}/{after}", after=after)


def wave_of(models: Sequence[SegmentModel], shares: Sequence[float], number: int, replication: int) -> list[SegmentMove]:
    """Return the moves of a wave: segments in an order that the replication's number shuffles, so that each wave is a fair sample.

    Every wave has at least one segment, as long as there are any.
    """
    ordered = sorted(models, key=lambda model: _lot(model.segment, replication))
    first, last = (_count(shares, place, len(ordered)) for place in (number - 1, number))
    return [
        SegmentMove(segment=model.segment, version=model.version, model=model.model, proof=model.proof)
        for model in ordered[first:last]
        if model.version is not None and model.model is not None and model.proof is not None
    ]


def models_of(moves: Sequence[SegmentMove]) -> str:
    """Return the digest that stands for the models of a wave."""
    return digest_of([[move.segment, move.version, move.model] for move in moves])


def _count(shares: Sequence[float], waves: int, segments: int) -> int:
    return min(segments, max(waves, ceil(segments * shares[waves - 1] / _EVERYTHING))) if waves else 0


def _lot(segment: str, replication: int) -> bytes:
    return blake2b(segment.encode(), digest_size=8, salt=replication.to_bytes(8, "big")).digest()


def _taken_back(stage: str, seats: dict[str, int], reason: str) -> dict[str, object]:
    return {"stage": stage, "seats": seats, "reason": reason, "moves": [], "proof": None, "approvals": []}
