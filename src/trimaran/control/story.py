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

    ``quiet`` leaves out what happens every day (clean deliveries, watches that found nothing new).
    """
    events = [
        event
        for entry, record in ledger.history(KINDS, until=until)
        if entry.subject == product or entry.subject.startswith((f"{product}/", f"{product}["))
        for event in [_event(entry, record)]
    ]
    return _quiet(events) if quiet else events


def _event(entry: Entry, record: Record) -> Event:
    sort, text, good = _told(entry, record)
    return Event(at=entry.at, seq=entry.seq, sort=sort, about=entry.subject, text=text, good=good)


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
            why = "; ".join(record.reasons[:3])
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


def _quiet(events: list[Event]) -> list[Event]:
    kept, seen, watched = [], set(), ""
    for event in events:
        if event.sort == "notice":
            continue
        if event.sort == "data" and event.about in seen and event.good:
            continue
        seen.add(event.about)
        if event.sort == "watch":
            mood = "" if event.good else event.text.split(" is ", maxsplit=1)[0]
            changed, watched = mood != watched, mood
            if not changed:
                continue
        kept.append(event)
    return kept
