"""What a product's life adds up to, as numbers that can be checked: the content of summary.json."""

from __future__ import annotations

from datetime import datetime

import msgspec

from trimaran.app.views.book import Book
from trimaran.app.views.loop import Flow, flow
from trimaran.app.views.quality import QualityPoint, quality
from trimaran.app.views.totals import HandOver, totals
from trimaran.app.views.versions import version_rows
from trimaran.app.views.worth import Month, months
from trimaran.core.nouns import Turn

RELEASED = ("live", "released")


class Outcomes(msgspec.Struct, frozen=True, kw_only=True):
    """The versions by what became of them, each list by name."""

    trained: list[str]
    released: list[str]
    refused: list[str]
    rolled_back: list[str]
    under_way: list[str]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What callers saw in all turns: requests over HTTP, of which answered or refused with a reason, and rows in batch."""

    turns: int
    requests: int
    answered: int
    refused: int
    batch: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A product's life in numbers.

    ``asked`` is what callers counted themselves, ``flow`` what was captured. ``broken`` names the hand-overs whose control
    totals do not balance. ``chain`` is the digest of the newest of ``entries`` entries, found after the whole chain was
    verified.
    """

    product: str
    owner: str
    at: datetime
    asked: Asked
    flow: Flow
    versions: Outcomes
    measure: str
    months: list[QualityPoint]
    worth: list[Month]
    value: float | None
    value_without: float | None
    totals: list[HandOver]
    balanced: bool
    broken: list[str]
    entries: int
    chain: str


def summary(book: Book) -> Summary:
    """Return the summary of a product; raises ``Corrupt`` when the chain is not whole."""
    closed, priced, verified = totals(book), months(book), book.workspace.ledger.verify()
    return Summary(
        product=book.product,
        owner=book.state.declared[1].owner if book.state.declared is not None else "",
        at=book.now,
        asked=_asked(book),
        flow=flow(book),
        versions=_outcomes(book),
        measure=book.measure,
        months=quality(book, "month"),
        worth=priced,
        value=sum(month.worth for month in priced) if priced else None,
        value_without=sum(month.worth_without for month in priced) if priced else None,
        totals=closed,
        balanced=not any(total.broken for total in closed),
        broken=[total.name for total in closed if total.broken],
        entries=verified.count,
        chain=verified.head,
    )


def _asked(book: Book) -> Asked:
    turns = [turn for _, turn in book.workspace.ledger.history([Turn], book.product)]
    return Asked(
        turns=len(turns),
        requests=sum(turn.requests for turn in turns),
        answered=sum(turn.answered for turn in turns),
        refused=sum(turn.refused for turn in turns),
        batch=sum(turn.batch for turn in turns),
    )


def _outcomes(book: Book) -> Outcomes:
    rows = list(reversed(version_rows(book)))
    return Outcomes(
        trained=[row.name for row in rows],
        released=[row.name for row in rows if row.fate in RELEASED],
        refused=[row.name for row in rows if row.fate == "refused"],
        rolled_back=[row.name for row in rows if row.fate == "rolled back"],
        under_way=[row.name for row in rows if row.fate in {"waiting", "under way", "trained"}],
    )
