"""What was live at a moment: the version, its traffic, data, code, environment, verdicts and approvers."""

from __future__ import annotations

from datetime import datetime

import msgspec

from trimaran.control.state import ProductState, VersionState
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Approval, Run, Traffic, Verdict


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """Who said yes or no, in which role, and when."""

    person: str
    role: str
    decision: str
    at: datetime
    note: str = ""


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """One version that had a part in the traffic at the moment, with everything it stands on."""

    version: str
    part: str
    percent: float
    stage_since: datetime
    model: str
    code: str
    commit: str | None
    data: dict[str, int]
    parameters: dict[str, float | int | str | bool | None]
    environment: str
    trained_from: datetime
    trained_to: datetime
    cause: str
    verdicts: dict[str, str]
    reasons: list[str]
    approvers: list[Signature]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What one product was at a moment. ``versions`` is empty while nothing was live."""

    product: str
    at: datetime
    owner: str | None
    traffic: Traffic
    versions: list[Served]
    last_move: str
    entry: int


def standing(ledger: Ledger, product: str, moment: datetime) -> Standing:
    """Return what was live at a moment and why, from the entries written until then."""
    state = ProductState.replay(ledger, product, until=moment)
    parts = [
        (state.traffic.live, "live", 100.0 - state.traffic.percent),
        (state.traffic.canary, "canary", state.traffic.percent),
        (state.traffic.shadow, "shadow", 0.0),
    ]
    moves = sorted((move for version in state.versions.values() for move in version.moves), key=lambda move: move[0].seq)
    return Standing(
        product=product,
        at=moment,
        owner=state.declared[1].owner if state.declared else None,
        traffic=state.traffic,
        versions=[
            _served(ledger, state.versions[number], part, percent) for number, part, percent in parts if number is not None
        ],
        last_move=f"{moves[-1][1].product}/v{moves[-1][1].number} → {moves[-1][1].stage}: {moves[-1][1].reason}"
        if moves
        else "",
        entry=state.seq,
    )


def _served(ledger: Ledger, state: VersionState, part: str, percent: float) -> Served:
    version = state.version
    run = ledger.read(version.run, Run)
    return Served(
        version=version.name,
        part=part,
        percent=percent,
        stage_since=state.since,
        model=version.native,
        code=version.code,
        commit=run.code.commit,
        data=run.data,
        parameters=run.parameters,
        environment=run.environment.lock,
        trained_from=version.trained_from,
        trained_to=version.trained_to,
        cause=run.cause,
        verdicts={verdict.policy: verdict.outcome for _, verdict in state.verdicts if verdict.policy != "watch"},
        reasons=_gate_reasons([verdict for _, verdict in state.verdicts]),
        approvers=[_signature(entry.at, approval) for entry, approval in state.approvals],
    )


def _gate_reasons(verdicts: list[Verdict]) -> list[str]:
    gates = [verdict for verdict in verdicts if verdict.policy == "gate"]
    return [f"{finding.check}: {finding.reason}" for finding in gates[-1].findings] if gates else []


def _signature(at: datetime, approval: Approval) -> Signature:
    return Signature(person=approval.person, role=approval.role, decision=approval.decision, at=at, note=approval.note)
