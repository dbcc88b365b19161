"""A product's life as a table of dated events, told from the ledger."""

from __future__ import annotations

from datetime import datetime

import msgspec

from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Approval, Declared, Entry, Ingest, ModelVersion, Notice, Record, Release, Trigger, Verdict

KINDS = (Declared, Ingest, ModelVersion, Verdict, Approval, Release, Trigger, Notice)
SIGNS = {"pass": "passed", "warn": "passed with a warning", "fail": "failed", "unknown": "could not tell"}


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened: when, what sort of thing, about what, in words, and whether it is good news."""

    at: datetime
    seq: int
    sort: str
    about: str
    text: str
    good: bool | None = None


def story(ledger: Ledger, product: str, until: datetime | None = None, *, quiet: bool = True) -> list[Event]:
    """Return what happened to a product, oldest first.

    ``quiet`` leaves out what happens every day: clean deliveries, and watches that find what the last one found.
    """
    events, habits = [], _Habits()
    for entry, record in ledger.history(KINDS, until=until):
        if entry.subject != product and not entry.subject.startswith((f"{product}/", f"{product}[")):
            continue
        if quiet and habits.usual(entry, record):
            continue
        sort, text, good = _told(entry, record)
        events.append(Event(at=entry.at, seq=entry.seq, sort=sort, about=entry.subject, text=text, good=good))
    return events


class _Habits:
    """Remembers what was told, to tell only what is new."""

    def __init__(self) -> None:
        self._delivered: set[str] = set()
        self._failing: set[str] = set()

    def usual(self, entry: Entry, record: Record) -> bool:
        if isinstance(record, Notice):
            return True
        if isinstance(record, Ingest):
            known = entry.subject in self._delivered and not record.refused
            self._delivered.add(entry.subject)
            return known
        if isinstance(record, Verdict) and record.policy == "watch":
            failing = {finding.check for finding in record.findings if finding.outcome == "fail"}
            new, self._failing = failing - self._failing, failing
            return not new
        return False


def _told(entry: Entry, record: Record) -> tuple[str, str, bool | None]:  # noqa: PLR0911  one flat case a kind
    match record:
        case Declared():
            return "declared", f"declared by {record.owner}: {len(record.policies)} policies", None
        case Ingest():
            return "data", _delivery(record), record.refused == 0
        case ModelVersion():
            segment = f" for {record.segment}" if record.segment else ""
            text = f"{record.name}{segment} trained on {record.rows:,} rows of {record.trained_from:%d %b} to {record.trained_to:%d %b}"
            return "training", text, None
        case Verdict():
            failed = [finding for finding in record.findings if finding.outcome == "fail"]
            why = "; ".join(f"{finding.check}: {finding.reason}" for finding in failed) or "; ".join(record.reasons)
            text = f"{record.policy} {SIGNS[record.outcome]}{': ' + why if why else ''}"
            return record.policy, text, record.outcome in {"pass", "warn"}
        case Approval():
            says = "approved" if record.decision == "approve" else "refused"
            return (
                "approval",
                f"{record.person} ({record.role}) {says}{': ' + record.note if record.note else ''}",
                says == "approved",
            )
        case Release():
            share = f" at {record.traffic.percent:g} %" if record.stage == "canary" else ""
            good = {"live": True, "refused": False, "rolled back": False}.get(record.stage)
            return "release", f"v{record.number} → {record.stage}{share}: {record.reason}", good
        case Trigger():
            return "trigger", f"retraining because of {record.cause}: {record.detail}", None
        case Notice():
            return "notice", f"{entry.at:%d %b} to {record.to}: {record.subject}", None
        case _:
            return type(record).__name__.lower(), "", None


def _delivery(record: Ingest) -> str:
    reasons = ", ".join(
        f"{count} {reason}" for reason, count in (record.quarantine.reasons if record.quarantine else {}).items()
    )
    refused = f", {record.refused:,} refused ({reasons})" if record.refused else ""
    return f"{record.table} version {record.version}: {record.kept:,} rows kept{refused}"
