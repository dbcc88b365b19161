"""Pickles: who decided that one may be loaded, by the digest of its file, and that nobody did."""

from __future__ import annotations

import re
from datetime import datetime

import msgspec

from trimaran.core.errors import Fault, InputError, NotFound, Refused
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Ref, Trust

PICKLE = "pickle"
"""The form of a model that is a pickle."""

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The newest decision about a pickle."""

    file: str
    decision: str
    person: str
    reason: str
    at: datetime
    entry: int


def trust(ledger: Ledger, file: str, person: str, reason: str, *, revoke: bool = False) -> Ref:
    """Write down that a pickle may be loaded from now on, or no more, and return the entry.

    Raises ``InputError`` for what is no digest or has no reason, ``NotFound`` where there is nothing to revoke.
    """
    faults = []
    if not _DIGEST.fullmatch(file):
        faults.append(Fault(what=f"{file!r} is no digest", remedy="give the SHA-256 of the file, 64 digits: sha256sum FILE"))
    if not reason.strip():
        faults.append(Fault(what="no reason is given", remedy="say why, for the record: --reason TEXT"))
    if faults:
        raise InputError("trust", faults)
    found = ledger.latest(Trust, _subject(file))
    if revoke and (found is None or found[1].decision == "revoke"):
        raise NotFound(f"nobody trusts the pickle {file}, so there is nothing to revoke")
    decision = Trust(file=file, decision="revoke" if revoke else "trust", person=person, reason=reason.strip())
    if found is not None and found[1] == decision:
        return found[0]
    newest = found[0].seq if found is not None else 0
    return ledger.append(decision, _subject(file), key=f"trust:{file}:{newest}", after=newest)


def require_trust(ledger: Ledger, file: str, name: str = "") -> None:
    """Raise ``Refused`` unless the newest decision about a pickle is to load it; ``name`` is what it is called."""
    found = ledger.latest(Trust, _subject(file))
    if found is not None and found[1].decision == "trust":
        return
    told = (
        "nobody decided that it may be loaded"
        if found is None
        else f"{found[1].person} revoked the trust in it: {found[1].reason}"
    )
    called = f"{name} " if name else ""
    raise Refused(
        f"{called}(sha256 {file}) is a pickle, which runs what its maker wrote when it is loaded, and {told}; if you know where it comes"
        f" from, decide so for the record: trimaran trust {file} --reason TEXT"
    )


def decisions(ledger: Ledger) -> list[Decision]:
    """Return the newest decision about each pickle, the newest first."""
    newest = {entry.subject: (entry, record) for entry, record in ledger.history([Trust])}
    return [
        Decision(file=one.file, decision=one.decision, person=one.person, reason=one.reason, at=entry.at, entry=entry.seq)
        for entry, one in sorted(newest.values(), key=lambda pair: -pair[0].seq)
    ]


def _subject(file: str) -> str:
    return f"pickle:{file}"
