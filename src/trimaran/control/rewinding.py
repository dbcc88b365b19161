"""The ledger read backwards from a moment: the newest entries first, and no more of them than are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TypeVar

from trimaran.core.errors import NotFound
from trimaran.core.ledger import Ledger, kind_of
from trimaran.core.nouns import Entry, Record

R = TypeVar("R", bound=Record)

_FIRST = 500
_WIDER = 4


def newest_at(ledger: Ledger, moment: datetime) -> int:
    """Return the seq of the newest entry written at or before a moment, 0 when there is none.

    Entries stand in the order of their times, so twenty looks find the one among a million.
    """
    low, high = 0, ledger.store.head()
    while low < high:
        middle = (low + high + 1) // 2
        if ledger.store.get(middle).at <= moment:
            low = middle
        else:
            high = middle - 1
    return low


def backwards(ledger: Ledger, kind: type[R], subject: str, *, until: int) -> Iterator[tuple[Entry, R]]:
    """Yield the records of a kind about a subject, newest first, from entry ``until`` on down.

    Stretches of the ledger are read that grow as long as nothing ends the search, so that what is near costs little.
    """
    newest = ledger.store.latest(kind_of(kind), subject)
    if newest is None:
        return
    high, reach = until, _FIRST
    if newest.seq <= until:
        yield newest, ledger.read(newest, kind)
        high = newest.seq - 1
    while high > 0:
        low = max(0, high - reach)
        for entry in reversed(_between(ledger, kind, subject, low, high)):
            yield entry, ledger.read(entry, kind)
        high, reach = low, reach * _WIDER


def newest_before(ledger: Ledger, kind: type[R], subject: str, *, until: int) -> tuple[Entry, R] | None:
    """Return the newest record of a kind about a subject among the entries up to ``until``, None when there is none."""
    return next(backwards(ledger, kind, subject, until=until), None)


def entry_at(ledger: Ledger, seq: int) -> Entry:
    """Return an entry by its number; raises ``NotFound`` that says which numbers there are."""
    head = ledger.store.head()
    if not 1 <= seq <= head:
        raise NotFound(f"there is no entry #{seq}; entries go from #1 to #{head}" if head else "the ledger has no entry yet")
    return ledger.store.get(seq)


def _between(ledger: Ledger, kind: type[Record], subject: str, low: int, high: int) -> list[Entry]:
    # A product's own subject holds its turns and notices too, by far the most: there the index of kinds is the shorter way.
    asked = subject if "/" in subject else None
    found = []
    for entry in ledger.store.scan(after=low, kinds=[kind_of(kind)], subject=asked):
        if entry.seq > high:
            break
        if entry.subject == subject:
            found.append(entry)
    return found
