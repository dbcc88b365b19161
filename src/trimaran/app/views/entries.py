"""Notices that people were sent, and the ledger's entries as lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime

import msgspec

from trimaran.app.views.book import Book
from trimaran.app.workspace import Workspace
from trimaran.core.errors import Fault, InputError
from trimaran.core.ledger import KINDS, kind_of


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One message to a person."""

    at: datetime
    seq: int
    to: str
    subject: str
    text: str


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
    """Return the notices of a product, oldest first."""
    return [
        Told(at=entry.at, seq=entry.seq, to=notice.to, subject=notice.subject, text=notice.text)
        for entry, notice in book.state.notices
    ]


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
