"""All products of a workspace, a card each, from the ledger and the newest watch: no card reads what was answered."""

from __future__ import annotations

from datetime import datetime

import msgspec

from trimaran.app.views.book import Book
from trimaran.app.views.drift import drift_state
from trimaran.app.views.versions import open_approvals
from trimaran.app.workspace import Workspace
from trimaran.control.story import Event, story
from trimaran.core.nouns import Measurement, Outcome


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One product at a glance.

    ``quality`` is what the newest watch measured of the live version's answers with quality_since <= event_at <
    quality_until, all whose labels are final, and ``value`` their worth together, None where the product declares no
    value. ``behind`` names the version in shadow or canary that the candidate waits for. ``estimated`` is the quality to expect of the answers of the week before that watch.
    """

    product: str
    owner: str
    live: str | None
    since: datetime | None
    candidate: str | None
    candidate_stage: str | None
    behind: str | None
    measure: str
    quality: Measurement | None
    quality_since: datetime | None
    quality_until: datetime | None
    estimated: Measurement | None
    drift: Outcome
    drift_reason: str
    value: float | None
    approvals: int
    last: Event | None


def portfolio(workspace: Workspace) -> list[Card]:
    """Return a card for every product, by name."""
    return [_card(Book.open(workspace, name)) for name in sorted(workspace.products())]


def _card(book: Book) -> Card:
    state, seen = book.state, book.look
    outcome, reason = drift_state(book)
    events = story(book.workspace.ledger, book.product)
    worth = seen.quality.measures.get("value") if seen is not None else None
    return Card(
        product=book.product,
        owner=state.declared[1].owner if state.declared is not None else "",
        live=state.live.version.name if state.live is not None else None,
        since=state.live.since if state.live is not None else None,
        candidate=state.candidate.version.name if state.candidate is not None else None,
        candidate_stage=state.candidate.stage if state.candidate is not None else None,
        behind=state.trying.version.name if state.trying is not None and state.trying is not state.candidate else None,
        measure=book.measure,
        quality=seen.quality.measures.get(book.measure) if seen is not None else None,
        quality_since=seen.quality.since if seen is not None else None,
        quality_until=seen.quality.until if seen is not None else None,
        estimated=seen.estimated.measures.get(book.measure) if seen is not None and seen.estimated is not None else None,
        drift=outcome,
        drift_reason=reason,
        value=worth.value * worth.n if worth is not None and worth.value is not None else None,
        approvals=len(open_approvals(book)),
        last=events[-1] if events else None,
    )
