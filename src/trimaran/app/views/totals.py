"""Control totals: of every hand-over, what entered, where it went, and whether it balances."""

from __future__ import annotations

from datetime import datetime

import msgspec

from trimaran.app.views.book import Book
from trimaran.core.nouns import Balance

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


def totals(book: Book) -> list[HandOver]:
    """Return the control totals of each hand-over, by name: deliveries are added up, labels are counted anew each time."""
    found: dict[str, list[Balance]] = {}
    for balance in book.balances:
        found.setdefault(balance.handover, []).append(balance)
    return [_hand_over(name, balances) for name, balances in sorted(found.items())]


def _hand_over(name: str, balances: list[Balance]) -> HandOver:
    counted = balances[-1:] if name in _SO_FAR else balances
    left: dict[str, int] = {}
    for balance in counted:
        for where, count in balance.left.items():
            left[where] = left.get(where, 0) + count
    return HandOver(
        name=name,
        closings=len(balances),
        until=balances[-1].until,
        entered=sum(balance.entered for balance in counted),
        left=left,
        missing=sum(balance.missing for balance in counted),
        broken=[balance.until for balance in balances if balance.missing],
    )
