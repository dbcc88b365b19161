"""Reconciles a product: control totals against what the stores hold, one hand-over against the next, and the verdict on it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import chain

import msgspec

from trimaran.app.closing import DELIVERY
from trimaran.app.held_answers import Books, HeldAnswers
from trimaran.app.held_rows import HeldRows
from trimaran.app.views import Book
from trimaran.app.views.totals import HandOver, place, totals
from trimaran.app.workspace import Workspace
from trimaran.control.reconciling import BALANCE, Break, Lawful, findings, reigns
from trimaran.core.canon import canonical
from trimaran.core.checks import conclude
from trimaran.core.errors import NotFound
from trimaran.core.nouns import (
    Balance,
    Entry,
    Erased,
    Erasing,
    Finding,
    Ingest,
    ModelVersion,
    Notice,
    Purged,
    Record,
    Release,
    Run,
    Trimmed,
    Turn,
    Vacuumed,
    Verdict,
    Wave,
)
from trimaran.data.declaration import Definition

LISTED = 1000
"""The most rows of one break that the evidence of a verdict lists; the break itself says how many there are."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows went from one place to another."""

    source: str
    target: str
    rows: int


class Reconciled(msgspec.Struct, frozen=True, kw_only=True):
    """What a reconciliation of (since, until] found: the totals of every hand-over, each break, and the flow of rows.

    ``doubts`` says of hand-overs what could not be looked at, and why.
    """

    product: str
    at: datetime
    since: datetime | None
    until: datetime
    handovers: list[HandOver]
    breaks: list[Break]
    doubts: dict[str, str]
    flow: list[Step]

    @property
    def closed(self) -> bool:
        """Whether everything was looked at and nothing disagrees."""
        return not self.breaks and not self.doubts

    @property
    def findings(self) -> list[Finding]:
        """One finding a hand-over."""
        return findings({one.name: one.entered for one in self.handovers}, self.breaks, self.doubts)


def reconcile(
    book: Book, *, since: datetime | None = None, until: datetime | None = None, definition: Definition | None = None
) -> Reconciled:
    """Hold everything that was closed in (since, until], all by default, against what the stores hold now.

    ``definition`` is the product's, where it is at hand. Raises ``NotFound`` for a product that cannot be loaded: without
    its declaration nobody knows its keys.
    """
    definition = definition or book.definition
    if definition is None:
        raise NotFound("; ".join(book.faults) or f"{book.product} is not declared")
    end = until or book.now
    ledger, workspace = book.workspace.ledger, book.workspace
    lawful = _lawful(workspace, book.product)
    balances = [(entry, each) for entry, each in book.closings if each.until <= end]
    turns = [turn for _, turn in ledger.history([Turn], book.product) if turn.until <= end]
    made = [*book.state.versions.values(), *chain.from_iterable(book.state.segments.values())]
    versions = [state.version for state in made]
    books = Books(closings=balances, turns=turns, versions=versions, since=since)
    answers = HeldAnswers(workspace, definition, books, lawful)
    rows = HeldRows(workspace, definition, lawful, since, end)
    moves = [(entry.at, move.traffic) for entry, move in ledger.history([Release], book.product)]
    waves = [(entry.at, wave.seats) for entry, wave in ledger.history([Wave], book.product)]
    asked, unasked = answers.asked()
    handovers = totals(book, since=since, until=end)
    if asked:
        kept = {"predicted": asked - sum(len(one.rows) for one in unasked)}
        handovers.append(HandOver.of("asked", [Balance(handover="asked", since=since, until=end, entered=asked, left=kept)]))
    breaks = [
        *_recorded(balances, since),
        *rows.deliveries(),
        *rows.trainings(_trainings(book), _made(book)),
        *answers.scoring(reigns(moves, waves, book.now)),
        *answers.captures(),
        *answers.deliveries(),
        *answers.labels(),
        *unasked,
    ]
    return Reconciled(
        product=book.product,
        at=book.now,
        since=since,
        until=end,
        handovers=sorted(handovers, key=lambda one: place(one.name)),
        breaks=breaks,
        doubts=dict(rows.doubts),
        flow=_flow(book, definition.asked, answers) if since is None and until is None else [],
    )


def judge(workspace: Workspace, definition: Definition, *, since: datetime | None = None) -> Reconciled:
    """Reconcile a product, write the verdict, and tell everybody on its list of each hand-over that newly disagrees."""
    product = definition.name
    book = Book.open(workspace, product)
    found = reconcile(book, since=since, definition=definition)
    subject = f"{product}/{BALANCE}"
    before = workspace.ledger.latest(Verdict, subject)
    about = workspace.ledger.store.get(book.state.seq).digest
    evidence = workspace.objects.put(canonical(_shortened(found)))
    verdict = conclude(BALANCE, about, found.findings, evidence=evidence)
    ref = workspace.ledger.append(verdict, subject, key=f"{BALANCE}:{product}:{found.at.isoformat()}:{about}")
    known = {one.check for one in (before[1].findings if before is not None else []) if one.outcome == "fail"}
    for finding in verdict.findings:
        if finding.outcome != "fail" or finding.check in known:
            continue
        for address in definition.watch.tell:
            notice = Notice(
                product=product, to=address, subject=f"{product}: {finding.check} is broken", text=finding.reason, about=ref
            )
            workspace.ledger.append(notice, product, key=f"notice:{ref}:{finding.check}:{address}")
    return found


def _recorded(balances: Sequence[tuple[Entry, Balance]], since: datetime | None) -> list[Break]:
    """Return the breaks that the totals themselves tell; what receivers say is held against today's captures instead."""
    return [
        Break(
            handover=each.handover,
            what="the totals were written with things missing",
            expected=each.entered,
            found=sum(each.left.values()),
            since=each.since,
            until=each.until,
        )
        for _, each in balances
        if each.missing and each.handover != DELIVERY and (since is None or each.until > since)
    ]


def _lawful(workspace: Workspace, product: str) -> Lawful:
    """Return what deletion by the rules took; an erasure counts once it is certified."""
    kinds: list[type[Record]] = [Trimmed, Vacuumed, Purged, Erasing, Erased]
    records = list(workspace.ledger.history(kinds))
    certified = {intent for _, record in records if isinstance(record, Erased) for intent in record.intents}
    done = [record for entry, record in records if not isinstance(record, Erasing) or entry.ref in certified]
    return Lawful.told(product, done)


def _trainings(book: Book) -> list[tuple[Entry, Run]]:
    lines = (f"{book.product}/", f"{book.product}[")
    return [(entry, run) for entry, run in book.workspace.ledger.history([Run]) if entry.subject.startswith(lines)]


def _made(book: Book) -> dict[str, ModelVersion]:
    """Return the versions by the subject of the run that made each."""
    return {state.version.run.subject: state.version for state in book.state.versions.values()}


def _flow(book: Book, asked: str, answers: HeldAnswers) -> list[Step]:
    """Return how the rows of the asked table flowed from their delivery to their label."""
    delivered = [record for _, record in book.workspace.ledger.history([Ingest], f"{book.product}/{asked}")]
    counts = book.workspace.captures.counts(book.product)
    known = answers.predicted()
    steps = [
        ("delivered", "kept", sum(one.kept for one in delivered)),
        ("delivered", "refused", sum(one.refused for one in delivered)),
        ("delivered", "repeated", sum(one.repeated for one in delivered)),
        ("kept", "answered", known),
        ("kept", "never asked", sum(one.kept for one in delivered) - known),
        ("not delivered yet", "answered", counts["answered"] - known),
        ("answered", "labelled", counts["labelled"]),
        ("answered", "waiting for its label", counts["waiting"]),
        ("answered", "never to be known", counts["unknowable"]),
    ]
    return [Step(source=source, target=target, rows=rows) for source, target, rows in steps if rows > 0]


def _shortened(found: Reconciled) -> Reconciled:
    breaks = [
        msgspec.structs.replace(one, rows=one.rows[:LISTED], unnamed=one.concerned - len(one.rows[:LISTED]))
        for one in found.breaks
    ]
    return msgspec.structs.replace(found, breaks=breaks)
