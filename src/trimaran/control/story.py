"""A product's life as a table of dated events, told from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from textwrap import shorten

import msgspec

from trimaran.control.brief import brief, failing, listed, shown, why
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import (
    Alias,
    Approval,
    Declared,
    Entry,
    Finding,
    Ingest,
    ModelVersion,
    Notice,
    Record,
    Release,
    Replication,
    Trigger,
    Verdict,
    Wave,
)
from trimaran.core.targets import masked

KINDS = (Declared, Ingest, ModelVersion, Verdict, Approval, Release, Alias, Trigger, Notice, Replication, Wave)
SIGNS = {"pass": "passed", "warn": "passed with a warning", "fail": "failed", "unknown": "could not tell"}
LONGEST = 160
"""The most characters of an event's text: two lines of a terminal at most; the entry has the rest."""

QUIET_AFTER = timedelta(days=7)
"""A check that fails again within this time of its last failure is no news."""

_STEPS = ("shadow", "canary")
_LOOKS = ("watch", "balance")
_GOOD = {"pass": True, "warn": None}


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened: when, what sort of thing, about what, in words, and whether it is good news."""

    at: datetime
    seq: int
    sort: str
    about: str
    text: str
    good: bool | None = None


def story(ledger: Ledger, product: str, until: datetime | None = None, *, quiet: bool = True) -> list[Event]:
    """Return what happened to a product, oldest first, each event in at most ``LONGEST`` characters.

    ``quiet`` leaves out what happens every day: clean deliveries, watches that find nothing that was not found within
    ``QUIET_AFTER``, and looks at a shadow or a canary, whose outcome the move that follows tells.
    """
    events, memory = [], _Memory()
    for entry, record in ledger.history(KINDS, until=until):
        if entry.subject != product and not entry.subject.startswith((f"{product}/", f"{product}[")):
            continue
        usual = memory.note(entry, record)
        if quiet and usual:
            continue
        sort, text, good = _told(entry, record, memory)
        about = f"{product}/v{record.number}" if isinstance(record, Release) else entry.subject
        told = shorten(text, LONGEST, placeholder=" …")
        events.append(Event(at=entry.at, seq=entry.seq, sort=sort, about=about, text=told, good=good))
    return events


class _Memory:
    """What was seen so far: it tells news from habit, and a move from the verdict that moved it."""

    def __init__(self) -> None:
        self._delivered: set[str] = set()
        self._failed: dict[tuple[str, str], datetime] = {}
        self.verdicts: dict[str, list[Verdict]] = {}
        self.news: list[Finding] = []
        self._watched: list[Finding] = []

    def note(self, entry: Entry, record: Record) -> bool:
        """Remember a record and return whether it is what happens every day."""
        if isinstance(record, Notice) or ("[" in entry.subject and isinstance(record, ModelVersion | Verdict)):
            return True  # of a thousand segments the replication tells
        if isinstance(record, Ingest):
            known = entry.subject in self._delivered and not record.refused
            self._delivered.add(entry.subject)
            return known
        if isinstance(record, Verdict):
            self.verdicts.setdefault(entry.subject, []).append(record)
            if record.policy in _LOOKS:
                self._watched = record.findings
                self.news = [finding for finding in record.findings if self._is_new(entry, finding)]
                return not self.news
            return record.policy in _STEPS
        return False

    def briefly(self, reason: str) -> str:
        """Return a finding of the newest watch in few words, by its reason; any other reason as it is."""
        return next((brief(finding) for finding in self._watched if finding.reason == reason), reason)

    def _is_new(self, entry: Entry, finding: Finding) -> bool:
        if finding.outcome != "fail":
            return False
        name = entry.subject, finding.check
        before = self._failed.get(name)
        self._failed[name] = entry.at
        return before is None or entry.at - before > QUIET_AFTER


def _told(entry: Entry, record: Record, memory: _Memory) -> tuple[str, str, bool | None]:  # noqa: C901, PLR0911, PLR0912  one flat case a kind
    match record:
        case Declared():
            return "declared", f"declared by {record.owner}: {len(record.policies)} policies", None
        case Ingest():
            return "data", _delivery(record), record.refused == 0
        case ModelVersion():
            segment = f" for {record.segment}" if record.segment else ""
            window = f"{record.trained_from:%d %b} to {record.trained_to:%d %b %Y}"
            if record.origin is not None:
                return (
                    "training",
                    f"{record.name}{segment} adopted: {record.origin.sort} {record.origin.source}, trained elsewhere",
                    None,
                )
            return "training", f"{record.name}{segment} trained on {record.rows:,} rows of {window}", None
        case Verdict() if record.policy in _LOOKS:
            return record.policy, _watch(record, memory.news), record.outcome in {"pass", "warn"}
        case Verdict():
            what = shown(record) if record.outcome == "pass" else failing(record)
            return record.policy, f"{record.policy} {SIGNS[record.outcome]}: {what}", _GOOD.get(record.outcome, False)
        case Approval():
            says = "approved" if record.decision == "approve" else "refused"
            note = f": {record.note}" if record.note else ""
            return "approval", f"{record.person} ({record.role}) {says}{note}", says == "approved"
        case Release():
            share = f" at {record.traffic.percent:g} %" if record.stage == "canary" else ""
            good = {"live": True, "refused": False, "rolled back": False}.get(record.stage)
            reason = why(record, memory.verdicts.get(f"{entry.subject}/v{record.number}", []))
            return "release", f"v{record.number} → {record.stage}{share}: {reason}", good
        case Alias():
            where = f"points to v{record.number}" if record.number is not None else "points to nothing any more"
            return "alias", f"{record.name} {where}{f': {record.reason}' if record.reason else ''}", None
        case Replication():
            own = record.fates.get("own", 0)
            others = ", ".join(f"{count} {fate}" for fate, count in record.fates.items() if fate != "own")
            told = f"{own} of {sum(record.fates.values())} segments by {record.column} have a model of their own"
            return "segments", f"{record.name}: {told}{f'; pooled: {others}' if others else ''}", None
        case Wave() if record.stage == "live":
            told = f"wave {record.number} of {record.of}, {len(record.moves)} segments"
            return (
                "segments",
                f"r{record.replication}: {told}, {len(record.seats)} served by their own: {record.reason}",
                True,
            )
        case Wave():
            return "segments", f"r{record.replication}: wave {record.number} {record.stage}: {record.reason}", False
        case Trigger():
            return "trigger", f"retraining because of {record.cause}: {memory.briefly(record.detail)}", None
        case Notice():
            return "notice", f"to {masked(record.to)}: {record.subject}", None
        case _:
            return type(record).__name__.lower(), "", None


def _watch(verdict: Verdict, news: Sequence[Finding]) -> str:
    """Return which checks newly fail, with their numbers, and by name those that failed before."""
    named = [finding.check for finding in news]
    still = [finding.check for finding in verdict.findings if finding.outcome == "fail" and finding.check not in named]
    if not news:
        return f"still failing: {', '.join(still)}" if still else f"all {len(verdict.findings)} checks looked, none fails"
    others = f"; still failing: {', '.join(still)}" if still else ""
    return f"{listed(news)}{others}"


def _delivery(record: Ingest) -> str:
    reasons = ", ".join(
        f"{count} {reason}" for reason, count in (record.quarantine.reasons if record.quarantine else {}).items()
    )
    refused = f", {record.refused:,} refused ({reasons})" if record.refused else ""
    return f"{record.table} version {record.version}: {record.kept:,} rows kept{refused}"
