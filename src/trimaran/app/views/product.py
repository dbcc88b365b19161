"""One product as its page shows it: the loop, quality, drift, versions, releases, approvals, totals and worth."""

from __future__ import annotations

from datetime import datetime

import msgspec

from trimaran.app.views.book import Book
from trimaran.app.views.drift import DriftWeek, drift
from trimaran.app.views.loop import Flow, Share, Station, flow, shares, stations
from trimaran.app.views.outlook import Outlook, outlook
from trimaran.app.views.quality import Level, QualityPoint, levels, quality
from trimaran.app.views.totals import HandOver, Looked, looked, totals
from trimaran.app.views.versions import Approvals, Span, VersionRow, open_approvals, spans, version_rows
from trimaran.app.views.worth import Month, months
from trimaran.control.story import Event, story
from trimaran.core.nouns import Traffic

_NEWEST = 8


class ProductView(msgspec.Struct, frozen=True, kw_only=True):
    """One product at a moment, as of ledger entry ``entry``.

    ``faults`` says in words what could not be read, ``segments`` whether models of segments were trained,
    ``outlook`` where the live version's quality is heading, None where no decay is watched.
    """

    product: str
    owner: str
    at: datetime
    entry: int
    measure: str
    traffic: Traffic
    flow: Flow
    shares: list[Share]
    stations: list[Station]
    versions: list[VersionRow]
    approvals: list[Approvals]
    spans: list[Span]
    weeks: list[QualityPoint]
    months: list[QualityPoint]
    levels: list[Level]
    drift: list[DriftWeek]
    totals: list[HandOver]
    reconciled: Looked | None
    worth: list[Month]
    events: list[Event]
    faults: list[str]
    segments: bool = False
    outlook: Outlook | None = None


def product_view(book: Book) -> ProductView:
    """Return the view of one product."""
    weeks, through, waiting, closed = quality(book, "week"), flow(book), open_approvals(book), totals(book)
    return ProductView(
        product=book.product,
        owner=book.state.declared[1].owner if book.state.declared is not None else "",
        at=book.now,
        entry=book.state.seq,
        measure=book.measure,
        traffic=book.state.traffic,
        flow=through,
        shares=shares(book),
        stations=stations(book, through, weeks, waiting, closed),
        versions=version_rows(book),
        approvals=waiting,
        spans=spans(book),
        weeks=weeks,
        months=quality(book, "month"),
        levels=levels(book),
        drift=drift(book),
        totals=closed,
        reconciled=looked(book),
        worth=months(book),
        events=list(reversed(story(book.workspace.ledger, book.product)))[:_NEWEST],
        faults=book.faults,
        segments=bool(book.state.replications),
        outlook=outlook(book),
    )
