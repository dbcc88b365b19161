"""Notices to people and what became of them, and the ledger's entries as lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime

import msgspec

from trimaran.app.messengers import hindrance
from trimaran.app.settings import NoticesSettings
from trimaran.app.views.book import Book
from trimaran.app.workspace import CLOCK, Workspace
from trimaran.control.outbox import LIFETIME, Letter, Outbox, State
from trimaran.core.durations import format_duration
from trimaran.core.errors import Fault, InputError
from trimaran.core.ledger import KINDS, kind_of
from trimaran.core.targets import masked, parse_target


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One message to a person, and what became of it.

    ``state`` is ``waiting`` (until ``until``, where it failed before), ``sending``, ``sent`` at ``sent_at``, ``failed`` for
    good, or ``unsent``: never to be sent from here. ``reason`` is the receiver's receipt, or what stands in the way. ``id`` is
    what receivers tell a repetition by.
    """

    at: datetime
    seq: int
    to: str
    subject: str
    text: str
    state: State
    reason: str
    attempts: int
    sent_at: datetime | None
    until: datetime | None
    id: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the ledger, its record as it is stored."""

    seq: int
    at: datetime
    actor: str
    kind: str
    subject: str
    digest: str
    record: msgspec.Raw


def notices(book: Book) -> list[Told]:
    """Return the notices of a product, oldest first, as they stand now."""
    workspace, settings = book.workspace, book.workspace.settings.notices
    replayed = (workspace.root / CLOCK).exists()
    return [
        _told(letter, settings, book.now, replayed=replayed)
        for letter in Outbox().catch_up(workspace.ledger).of(book.product)
    ]


def _told(letter: Letter, settings: NoticesSettings, now: datetime, *, replayed: bool) -> Told:
    state = letter.state(now)
    newest = letter.newest[1] if letter.newest is not None else None
    reason, until = (newest.reason, newest.until) if newest is not None else ("", None)
    if letter.taken is not None:
        reason = letter.taken[1].reason
    elif replayed:
        state, reason = "unsent", "the workspace lives on a replayed clock: what happens there is told to nobody"
    elif state == "unsent":
        reason = "it came with a bundle: where it was written it was sent"
    elif not reason:
        reason = _waits(letter, settings)
    if state == "failed" and (newest is None or newest.outcome != "given up"):
        reason = f"not sent within {format_duration(LIFETIME)}" + (f": {reason}" if reason else "")
    notice = letter.notice
    return Told(
        at=letter.entry.at,
        seq=letter.entry.seq,
        to=masked(notice.to),
        subject=notice.subject,
        text=notice.text,
        state=state,
        reason=reason,
        attempts=letter.attempts,
        sent_at=letter.taken[0].at if letter.taken is not None else None,
        until=until if state in {"waiting", "sending"} else None,
        id=letter.entry.digest,
    )


def _waits(letter: Letter, settings: NoticesSettings) -> str:
    """Return what a notice that was never tried waits for."""
    try:
        return hindrance(parse_target(letter.notice.to), settings) or "`trimaran up` sends it"
    except InputError as error:
        return str(error.faults[0])


def newest_entries(workspace: Workspace, count: int, *, product: str | None = None, kinds: Sequence[str] = ()) -> list[Line]:
    """Return the newest entries, oldest first: of all products or one, of all kinds or some.

    Raises ``InputError`` for a kind that no record has.
    """
    known = sorted(kind_of(record) for record in KINDS)
    faults = [
        Fault(what=f"there is no kind {kind!r}", remedy=f"choose one of: {', '.join(known)}")
        for kind in kinds
        if kind not in known
    ]
    if faults:
        raise InputError("kinds", faults)
    found = (
        entry
        for entry in workspace.ledger.store.scan(kinds=kinds)
        if product is None or entry.subject == product or entry.subject.startswith((f"{product}/", f"{product}["))
    )
    return [
        Line(
            seq=entry.seq,
            at=entry.at,
            actor=entry.actor,
            kind=entry.kind,
            subject=entry.subject,
            digest=entry.digest,
            record=msgspec.Raw(entry.body),
        )
        for entry in deque(found, maxlen=count)
    ]
