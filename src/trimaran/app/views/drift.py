"""Drift over time: how far each column stood from the training data, week by week, as the daily watch saw it."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from trimaran.app.views.book import Book
from trimaran.core.nouns import Outcome

_WORST: dict[Outcome, int] = {"pass": 0, "unknown": 1, "warn": 2, "fail": 3}


class DriftWeek(msgspec.Struct, frozen=True, kw_only=True):
    """The loudest look of one week at one column: ``psi`` is the population stability index against the training data."""

    start: datetime
    column: str
    kind: str
    psi: float
    outcome: Outcome
    version: str


class _Moved(msgspec.Struct, frozen=True):
    # Only these fields of a stored Movement: a year of watches holds half a million histogram cells that no view shows.
    column: str
    kind: str
    outcome: Outcome
    psi: float


class _Seen(msgspec.Struct, frozen=True):
    drift: list[_Moved]


def drift(book: Book) -> list[DriftWeek]:
    """Return the loudest look of each week at each column, oldest week first, columns in the model's order."""
    loudest: dict[tuple[datetime, str, str], DriftWeek] = {}
    for at, number, verdict in book.watches:
        if verdict.evidence is None or not book.workspace.objects.has(verdict.evidence):
            continue
        seen = msgspec.json.decode(book.workspace.objects.get(verdict.evidence), type=_Seen)
        start = _monday(at)
        for moved in seen.drift:
            place = start, moved.kind, moved.column
            before = loudest.get(place)
            if before is None or (_WORST[moved.outcome], moved.psi) > (_WORST[before.outcome], before.psi):
                loudest[place] = DriftWeek(
                    start=start,
                    column=moved.column,
                    kind=moved.kind,
                    psi=moved.psi,
                    outcome=moved.outcome,
                    version=f"v{number}",
                )
    return sorted(loudest.values(), key=lambda week: week.start)


def drift_state(book: Book) -> tuple[Outcome, str]:
    """Return the newest finding about drift of the live version, and why; unknown before the first watch."""
    live = book.state.live
    newest = live.verdict("watch") if live is not None else None
    if newest is None:
        return "unknown", "not watched yet"
    found = next((finding for finding in newest[1].findings if finding.check.startswith("drift")), None)
    return ("unknown", "drift is not watched") if found is None else (found.outcome, found.reason)


def _monday(at: datetime) -> datetime:
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=at.weekday())
