"""Who may say yes: signatures by role, never by the product's owner, each used by one move."""

from __future__ import annotations

from typing import Literal

from trimaran.control.state import ProductState, VersionState
from trimaran.core.errors import NotFound, Refused
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Approval, Ref
from trimaran.data.declaration import ReleasePolicy


def sign(
    ledger: Ledger,
    state: ProductState,
    policy: ReleasePolicy,
    number: int,
    role: str,
    *,
    decision: Literal["approve", "refuse"] = "approve",
    note: str = "",
) -> Ref:
    """Write the decision of the ledger's actor on a staged version; the same decision again is the same entry.

    One who decides otherwise, and then again as at first, has decided three times. Two different decisions of one person
    at the same moment are a ``Conflict``.

    Raises ``NotFound`` for a version that does not exist and ``Refused`` for one that waits for nobody, a role that the
    policy does not name, or the owner signing the own work.
    """
    person = ledger.actor
    found = state.versions.get(number)
    if found is None:
        known = ", ".join(f"v{one}" for one in state.versions) or "none"
        raise NotFound(f"{state.product} has no version v{number}; it has {known}")
    if role not in policy.approve:
        roles = ", ".join(policy.approve) or "none"
        raise Refused(f"{role!r} does not approve releases of {state.product}; the policy asks for: {roles}")
    if state.declared is not None and person == state.declared[1].owner:
        raise Refused(f"{person} owns {state.product} and cannot approve it; ask somebody else in the role {role!r}")
    if found.stage != "staging":
        raise Refused(f"{state.product}/v{number} is {found.stage}, not in staging: no approval is awaited")
    record = Approval(
        product=state.product,
        number=number,
        model=found.version.native,
        role=role,
        person=person,
        decision=decision,
        note=note,
    )
    subject, staged = found.entry.subject, found.moves[-1][0].seq
    own = [each for each in found.approvals if (each[1].person, each[1].role) == (person, role) and each[0].seq > staged]
    if own and own[-1][1] == record:
        return own[-1][0].ref
    place = own[-1][0].seq if own else staged
    return ledger.append(record, subject, key=f"approval:{subject}:{role}:{person}:{place}")


def sign_replication(
    ledger: Ledger,
    state: ProductState,
    policy: ReleasePolicy,
    name: str,
    role: str,
    *,
    decision: Literal["approve", "refuse"] = "approve",
    note: str = "",
) -> Ref:
    """Write the decision of the ledger's actor on all models of a replication like ``r2``; the same again is the same entry.

    It is bound to the digest of the sheet that names every model. Raises as ``sign`` does; ``Refused`` too once a wave began.
    """
    person = ledger.actor
    found = next((one for one in state.replications if one.record.name == name), None)
    if found is None:
        known = ", ".join(one.record.name for one in state.replications) or "none"
        raise NotFound(f"{state.product} has no replication {name}; it has {known}")
    if role not in policy.approve:
        roles = ", ".join(policy.approve) or "none"
        raise Refused(f"{role!r} does not approve releases of {state.product}; the policy asks for: {roles}")
    if state.declared is not None and person == state.declared[1].owner:
        raise Refused(f"{person} owns {state.product} and cannot approve it; ask somebody else in the role {role!r}")
    if found.waves or found is not state.replications[-1]:
        what = "its waves have begun" if found.waves else f"{state.replications[-1].record.name} is newer"
        raise Refused(f"{found.subject} awaits no approval: {what}")
    record = Approval(
        product=state.product,
        number=found.record.number,
        model=found.record.sheet,
        role=role,
        person=person,
        decision=decision,
        note=note,
    )
    own = [each for each in found.approvals if (each[1].person, each[1].role) == (person, role)]
    if own and own[-1][1] == record:
        return own[-1][0].ref
    place = own[-1][0].seq if own else found.entry.seq
    return ledger.append(record, found.subject, key=f"approval:{found.subject}:{role}:{person}:{place}")


def outstanding(policy: ReleasePolicy, state: VersionState) -> list[str]:
    """Return the roles whose approval a staged version still lacks, in the policy's order."""
    given = {approval.role for _, approval in state.approvals if approval.decision == "approve"}
    return [role for role in policy.approve if role not in given]


def refusal(state: VersionState) -> Approval | None:
    """Return the first decision against a version, None when nobody refused it."""
    return next((approval for _, approval in state.approvals if approval.decision == "refuse"), None)


def signatures(policy: ReleasePolicy, state: VersionState) -> list[Ref]:
    """Return the Refs of one approval for each role that the policy asks for, as far as they were given."""
    chosen = {approval.role: entry.ref for entry, approval in state.approvals if approval.decision == "approve"}
    return [chosen[role] for role in policy.approve if role in chosen]
