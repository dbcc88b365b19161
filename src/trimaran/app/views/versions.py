"""The versions of a product: how each was made, judged, approved and moved, and what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from trimaran.app.views.book import Book
from trimaran.app.views.quality import accepted_quality
from trimaran.app.views.reigns import reigns
from trimaran.app.views.seats import Seating, awaited, made_in, seatings
from trimaran.build import Evidence, Example, read_evidence, read_example
from trimaran.control.approvals import outstanding
from trimaran.control.brief import PASSING, failing, plain, why
from trimaran.control.standing import Signature as Signed
from trimaran.control.state import ReplicationState, VersionState
from trimaran.core.nouns import Finding, ModelVersion, Origin, Release, Run, Signature

Fate = Literal["live", "released", "under way", "waiting", "refused", "rolled back", "trained", "in the trash", "purged"]
_FATES: dict[str, Fate] = {
    "staging": "waiting",
    "shadow": "under way",
    "canary": "under way",
    "live": "live",
    "retired": "released",
    "refused": "refused",
    "rolled back": "rolled back",
}


class VersionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One version in a table: ``fate`` is what became of it, ``reasons`` say why in few words.

    ``live_from`` and ``live_until`` are when it first and last answered as the live version, None if it never did;
    ``live_until`` is None while it does. ``aliases`` are the names that point to it.
    """

    name: str
    number: int
    stage: str
    since: datetime
    fate: Fate
    cause: str
    trained_at: datetime
    rows: int
    quality: float | None
    live_from: datetime | None
    live_until: datetime | None
    reasons: list[str]
    aliases: list[str] = []


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """One move of a version, and the entry it stands in."""

    at: datetime
    seq: int
    actor: str
    stage: str
    percent: float
    reason: str


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict about a version: the findings of a policy's checks, and the object with what they saw."""

    at: datetime
    seq: int
    policy: str
    outcome: str
    findings: list[Finding]
    evidence: str | None


class VersionView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one version.

    ``verdicts`` holds the newest of each policy, ``lacking`` the roles still to approve, and ``evidence`` what the gate
    looked at, None before it did. ``signature`` is what it is asked and answers, ``example`` a row to try it with, None
    for versions of before these were kept; ``origin`` is that of a model that was trained elsewhere. The model of a
    ``segment``, one value of ``column``, was made in a ``replication`` like ``r2``: its approvals are those of all models of
    that one, its moves the waves that put it into service or took it out, and its traffic the requests of its segment.
    """

    product: str
    row: VersionRow
    model: str
    compiled: str | None
    segment: str | None
    features: list[str]
    trained_from: datetime
    trained_to: datetime
    tested_from: datetime
    tested_to: datetime
    parameters: dict[str, float | int | str | bool | None]
    metrics: dict[str, float | None]
    data: dict[str, int]
    seconds: float
    trials: int
    commit: str | None
    python: str
    verdicts: list[Judgement]
    approvals: list[Signed]
    lacking: list[str]
    moves: list[Move]
    evidence: Evidence | None
    kept_as: str = "skops"
    signature: Signature | None = None
    example: Example | None = None
    origin: Origin | None = None
    column: str | None = None
    replication: str | None = None


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One version's stay in one stage, at one share of the traffic (in percent)."""

    version: str
    number: int
    stage: str
    percent: float
    start: datetime
    end: datetime
    reason: str


class Approvals(msgspec.Struct, frozen=True, kw_only=True):
    """A version that waits for people: the roles still lacking, and who has signed."""

    version: str
    since: datetime
    lacking: list[str]
    given: list[Signed]
    reasons: list[str]


def version_rows(book: Book) -> list[VersionRow]:
    """Return a row for every version, newest first; those in the trash are left out."""
    return [version_row(book, state) for state in reversed(book.listed)]


def version_row(book: Book, state: VersionState) -> VersionRow:
    """Return the row of one version."""
    if state.version.segment is not None:
        return _segment_row(book, state, seatings(book, state))
    stage = state.stage
    run = book.workspace.ledger.read(state.version.run, Run)
    lived = [reign for reign in reigns(book) if reign.number == state.version.number]
    return VersionRow(
        name=state.version.name,
        number=state.version.number,
        stage=stage,
        since=state.since,
        fate=_fate(book, state),
        cause=run.cause,
        trained_at=state.entry.at,
        rows=state.version.rows,
        quality=accepted_quality(book, state),
        live_from=lived[0].start if lived else None,
        live_until=lived[-1].end if lived and stage != "live" else None,
        reasons=_reasons(state, stage),
        aliases=book.state.names_of(state.version),
    )


def version_view(book: Book, name: str) -> VersionView:
    """Return everything about the version that ``v3`` names; raises ``NotFound`` that lists the versions."""
    state = book.version(name)
    version, run = state.version, book.workspace.ledger.read(state.version.run, Run)
    newest = {verdict.policy: (entry, verdict) for entry, verdict in state.verdicts}
    of_segment = version.segment is not None
    made = made_in(book, state) if of_segment else None
    return VersionView(
        product=book.product,
        row=version_row(book, state),
        model=version.native,
        compiled=version.compiled,
        segment=version.segment,
        features=version.features,
        trained_from=version.trained_from,
        trained_to=version.trained_to,
        tested_from=version.tested_from,
        tested_to=version.tested_to,
        parameters=run.parameters,
        metrics=run.metrics,
        data=run.data,
        seconds=run.seconds,
        trials=run.trials,
        commit=run.code.commit,
        python=run.environment.python,
        verdicts=[
            Judgement(
                at=entry.at,
                seq=entry.seq,
                policy=verdict.policy,
                outcome=verdict.outcome,
                findings=verdict.findings,
                evidence=verdict.evidence,
            )
            for entry, verdict in newest.values()
        ],
        approvals=_signatures(made or state),
        lacking=(awaited(book, made) if made is not None and state.passed("gate") else _lacking(book, state)),
        moves=_seated(book, state) if of_segment else _moves(state),
        evidence=_evidence(book, state),
        kept_as=version.kept_as,
        signature=version.signature,
        example=_example(book, version),
        origin=version.origin,
        column=made.record.column if made is not None else None,
        replication=made.record.name if made is not None else None,
    )


def spans(book: Book) -> list[Span]:
    """Return every stay of every version in a stage, oldest first; what still lasts ends at the book's moment."""
    found = [
        Span(
            version=f"v{reign.number}",
            number=reign.number,
            stage="live",
            percent=reign.percent,
            start=reign.start,
            end=reign.end,
            reason=reign.reason,
        )
        for reign in reigns(book)
    ]
    for state in book.listed:
        ends = [*(entry.at for entry, _ in state.moves[1:]), book.now]
        found += [
            Span(
                version=state.version.name,
                number=state.version.number,
                stage=move.stage,
                percent=_share(move),
                start=entry.at,
                end=end,
                reason=move.reason,
            )
            for (entry, move), end in zip(state.moves, ends, strict=True)
            if move.stage in {"staging", "shadow", "canary"}
        ]
    return sorted(found, key=lambda span: span.start)


def open_approvals(book: Book) -> list[Approvals]:
    """Return the versions that passed their gate and wait for people."""
    return [
        Approvals(
            version=state.version.name,
            since=state.since,
            lacking=_lacking(book, state),
            given=_signatures(state),
            reasons=_reasons(state, "staging"),
        )
        for state in book.listed
        if _lacking(book, state)
    ]


def _segment_row(book: Book, state: VersionState, seated: list[Seating]) -> VersionRow:
    """Return the row of a segment's model, which moves in waves."""
    run, gate = book.workspace.ledger.read(state.version.run, Run), state.verdict("gate")
    refused = gate is not None and gate[1].outcome not in PASSING
    stage = seated[-1].stage if seated else "refused" if refused else "trained"
    return VersionRow(
        name=state.version.name,
        number=state.version.number,
        stage=stage,
        since=seated[-1].entry.at if seated else state.entry.at,
        fate=_custody(book, state) or _FATES.get(stage, "trained"),
        cause=run.cause,
        trained_at=state.entry.at,
        rows=state.version.rows,
        quality=accepted_quality(book, state),
        live_from=seated[0].entry.at if seated else None,
        live_until=seated[-1].entry.at if seated and stage != "live" else None,
        reasons=[plain(seated[-1].reason)] if seated else [failing(gate[1])] if gate is not None and refused else [],
        aliases=book.state.names_of(state.version),
    )


def _moves(state: VersionState) -> list[Move]:
    return [
        Move(at=entry.at, seq=entry.seq, actor=entry.actor, stage=move.stage, percent=_share(move), reason=move.reason)
        for entry, move in state.moves
    ]


def _seated(book: Book, state: VersionState) -> list[Move]:
    return [
        Move(
            at=one.entry.at,
            seq=one.entry.seq,
            actor=one.entry.actor,
            stage=one.stage,
            percent=100.0 if one.stage == "live" else 0.0,
            reason=one.reason,
        )
        for one in seatings(book, state)
    ]


def _fate(book: Book, state: VersionState) -> Fate:
    return _custody(book, state) or _FATES.get(state.stage, "trained")


def _custody(book: Book, state: VersionState) -> Fate | None:
    if state.entry.seq in book.custody.purged:
        return "purged"
    return "in the trash" if state.entry.seq in book.custody.trashed else None


def _evidence(book: Book, state: VersionState) -> Evidence | None:
    gate = state.verdict("gate")
    digest = gate[1].evidence if gate is not None else None
    return (
        None if digest is None or not book.workspace.objects.has(digest) else read_evidence(book.workspace.objects, digest)
    )


def _example(book: Book, version: ModelVersion) -> Example | None:
    objects = book.workspace.objects
    return (
        read_example(objects.get(version.example)) if version.example is not None and objects.has(version.example) else None
    )


def _lacking(book: Book, state: VersionState) -> list[str]:
    if state.stage != "staging" or not state.passed("gate") or book.definition is None:
        return []
    refused = any(approval.decision == "refuse" for _, approval in state.approvals)
    return [] if refused else outstanding(book.definition.release, state)


def _reasons(state: VersionState, stage: str) -> list[str]:
    """Return why a version is where it is: what the gate found against it, else why it came to its newest stage."""
    gate = state.verdict("gate")
    if stage in {"refused", "staging", "trained"} and gate is not None and gate[1].outcome not in PASSING:
        return [failing(gate[1])]
    if not state.moves:
        return []
    # A row has room for one clause: the version's own page has the others.
    told = plain(why(state.moves[-1][1], [verdict for _, verdict in state.verdicts]))
    return [told if stage == "rolled back" else told.partition(":")[0]]


def _signatures(state: VersionState | ReplicationState) -> list[Signed]:
    return [
        Signed(person=one.person, role=one.role, decision=one.decision, at=entry.at, note=one.note)
        for entry, one in state.approvals
    ]


def _share(move: Release) -> float:
    return {"live": 100.0 - move.traffic.percent, "canary": move.traffic.percent}.get(move.stage, 0.0)
