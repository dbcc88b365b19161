"""Drift over time: how far each column stood from the training data, week by week, as the daily watch saw it."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from trimaran.app.views.book import Book
from trimaran.control.brief import brief
from trimaran.core.nouns import Outcome

_WORST: dict[Outcome, int] = {"unknown": 0, "pass": 1, "warn": 2, "fail": 3}


class DriftWeek(msgspec.Struct, frozen=True, kw_only=True):
    """The loudest look of one week at one column: ``psi`` is the population stability index against the training data.

    ``limit`` is the index up to which the column does no more than it did in the weeks of its training, None where there
    were too few of them to say what is usual.
    """

    start: datetime
    column: str
    kind: str
    psi: float
    limit: float | None
    outcome: Outcome
    version: str

    @property
    def loudness(self) -> float | None:
        """The index as a multiple of its limit: only beyond 1 it may be a drift. None where nobody can tell."""
        return self.psi / self.limit if self.limit and self.outcome != "unknown" else None


class _Moved(msgspec.Struct, frozen=True):
    # Only these fields of a stored Movement: a year of watches holds half a million histogram cells that no view shows.
    column: str
    kind: str
    outcome: Outcome
    psi: float
    usual: float | None = None


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
            week = DriftWeek(
                start=start,
                column=moved.column,
                kind=moved.kind,
                psi=moved.psi,
                limit=moved.usual,
                outcome=moved.outcome,
                version=f"v{number}",
            )
            place = start, moved.kind, moved.column
            if place not in loudest or _rank(week) > _rank(loudest[place]):
                loudest[place] = week
    return sorted(loudest.values(), key=lambda week: week.start)


def drift_state(book: Book) -> tuple[Outcome, str]:
    """Return the newest finding about drift of the live version, and why; unknown before the first watch."""
    live = book.state.live
    newest = live.verdict("watch") if live is not None else None
    if newest is None:
        return "unknown", "not watched yet"
    found = next((finding for finding in newest[1].findings if finding.check.startswith("drift")), None)
    return ("unknown", "drift is not watched") if found is None else (found.outcome, brief(found))


def _rank(week: DriftWeek) -> tuple[int, float]:
    return _WORST[week.outcome], week.loudness or week.psi


def _monday(at: datetime) -> datetime:
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=at.weekday())
