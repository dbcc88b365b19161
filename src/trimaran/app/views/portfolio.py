"""All products of a workspace, a card each."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from trimaran.app.views.book import Book
from trimaran.app.views.drift import drift_state
from trimaran.app.views.quality import QualityPoint, quality
from trimaran.app.views.versions import open_approvals
from trimaran.app.views.worth import worth_since
from trimaran.app.workspace import Workspace
from trimaran.control.story import Event, story
from trimaran.core.nouns import Measurement, Outcome

_RECENT = timedelta(days=30)


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One product at a glance.

    ``quality`` is the realised quality of the newest week with labels, ``quality_week`` that week; ``value`` is the worth
    of the decisions of the last 30 days whose labels are there, None where the product declares no value.
    """

    product: str
    owner: str
    live: str | None
    since: datetime | None
    candidate: str | None
    candidate_stage: str | None
    measure: str
    quality: Measurement | None
    quality_week: str | None
    drift: Outcome
    drift_reason: str
    value: float | None
    approvals: int
    last: Event | None


def portfolio(workspace: Workspace) -> list[Card]:
    """Return a card for every product, by name."""
    return [_card(Book.open(workspace, name)) for name in sorted(workspace.products())]


def _card(book: Book) -> Card:
    state = book.state
    newest = _newest(quality(book, "week"))
    outcome, reason = drift_state(book)
    events = story(book.workspace.ledger, book.product)
    return Card(
        product=book.product,
        owner=state.declared[1].owner if state.declared is not None else "",
        live=state.live.version.name if state.live is not None else None,
        since=state.live.since if state.live is not None else None,
        candidate=state.candidate.version.name if state.candidate is not None else None,
        candidate_stage=state.candidate.stage if state.candidate is not None else None,
        measure=book.measure,
        quality=newest.realised if newest is not None else None,
        quality_week=newest.name if newest is not None else None,
        drift=outcome,
        drift_reason=reason,
        value=worth_since(book, book.now - _RECENT),
        approvals=len(open_approvals(book)),
        last=events[-1] if events else None,
    )


def _newest(points: list[QualityPoint]) -> QualityPoint | None:
    return next((point for point in reversed(points) if point.realised.value is not None), None)
