"""Which version was live when, by the traffic that each move left behind: a roll-back gives the place back."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from trimaran.app.views.book import Book


class Reign(NamedTuple):
    """A time in which one version was live and answered one share of the requests, in percent; why it began."""

    number: int
    percent: float
    start: datetime
    end: datetime
    reason: str


def reigns(book: Book) -> list[Reign]:
    """Return the reigns of a product, oldest first; the last one ends at the book's moment."""
    every = [move for state in book.state.versions.values() for move in state.moves]
    moves = sorted(every, key=lambda move: move[0].seq)
    found: list[Reign] = []
    for place, (entry, move) in enumerate(moves):
        live, percent = move.traffic.live, 100.0 - move.traffic.percent
        end = moves[place + 1][0].at if place + 1 < len(moves) else book.now
        last = found[-1] if found else None
        if live is None:
            continue
        if last is not None and (last.number, last.percent, last.end) == (live, percent, entry.at):
            found[-1] = last._replace(end=end)
        else:
            found.append(Reign(live, percent, entry.at, end, move.reason))
    return found
