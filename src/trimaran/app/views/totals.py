"""Control totals: of every hand-over, what entered, where it went, and whether it balances."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from trimaran.app.views.book import Book
from trimaran.core.nouns import Balance, Outcome, Verdict

ORDER = ("ingest", "features", "training", "online", "asked", "requests", "scoring", "capture", "delivery", "labels")
"""The hand-overs as rows pass them."""

_SO_FAR = {"labels"}
"""Hand-overs whose every closing counts all that ever entered, so that the newest stands for all."""


class HandOver(msgspec.Struct, frozen=True, kw_only=True):
    """The control totals of one hand-over. ``missing`` is 0 when everything that entered is somewhere."""

    name: str
    closings: int
    until: datetime
    entered: int
    left: dict[str, int]
    missing: int
    broken: list[datetime]

    @property
    def closed(self) -> bool:
        """Whether every closing balanced."""
        return not self.broken

    @classmethod
    def of(cls, name: str, balances: Sequence[Balance]) -> HandOver:
        """Return the sum of the closings of one hand-over; the closings of a state are not added up, the newest counts."""
        counted = balances[-1:] if name in _SO_FAR else balances
        left: dict[str, int] = {}
        for balance in counted:
            for where, count in balance.left.items():
                left[where] = left.get(where, 0) + count
        return cls(
            name=name,
            closings=len(balances),
            until=balances[-1].until,
            entered=sum(balance.entered for balance in counted),
            left=left,
            missing=sum(balance.missing for balance in counted),
            broken=[balance.until for balance in balances if balance.missing],
        )


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What the newest reconciliation found: when, the outcome, and the hand-overs that do not agree with the stores."""

    at: datetime
    outcome: Outcome
    breaks: list[str]


def looked(book: Book) -> Looked | None:
    """Return what the newest reconciliation of a product found, None before the first."""
    found = book.workspace.ledger.latest(Verdict, f"{book.product}/balance")
    if found is None:
        return None
    ref, verdict = found
    return Looked(at=book.workspace.ledger.store.get(ref.seq).at, outcome=verdict.outcome, breaks=verdict.reasons)


def totals(book: Book, *, since: datetime | None = None, until: datetime | None = None) -> list[HandOver]:
    """Return the control totals of each hand-over closed in (since, until], in the order rows pass them."""
    found: dict[str, list[Balance]] = {}
    for balance in book.balances:
        if (since is None or balance.until > since) and (until is None or balance.until <= until):
            found.setdefault(balance.handover, []).append(balance)
    return [HandOver.of(name, found[name]) for name in sorted(found, key=place)]


def place(name: str) -> tuple[int, str]:
    """Return where a hand-over stands among all, as rows pass them.

    >>> sorted(["labels", "ingest weather", "training"], key=place)
    ['ingest weather', 'training', 'labels']
    """
    first = name.partition(" ")[0]
    return (ORDER.index(first) if first in ORDER else len(ORDER), name)
