"""One table for all segments of a product: who answers for each, why, how good, and in which wave it went live."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import msgspec

from trimaran.app.views import Book, awaited
from trimaran.build import read_sheet
from trimaran.control.gates import REPLICATION
from trimaran.control.state import ReplicationState
from trimaran.core.errors import NotFound
from trimaran.core.nouns import SegmentModel, name_of
from trimaran.core.nouns.segments import Fate
from trimaran.deploy import wave_of

POOLED = "pooled"
"""What answers for a segment without a model of its own in service."""


class SegmentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One segment: what its newest training came to, and who answers for it now.

    ``answers`` is the version in service, ``pooled`` for the pooled model, and ``answers_from`` the replication that made it,
    which may be an older one; all else is of the newest. ``version`` is the model that was made, ``quality`` and
    ``pooled_quality`` are the measure that models are compared on, of that model and of the pooled one on its rows.
    ``wave`` is the number of the wave that brings or brought it into service, None where none does.
    """

    segment: str
    answers: str
    answers_from: str
    fate: Fate
    reason: str
    version: str
    run: str
    rows: int
    tested: int
    quality: float | None
    pooled_quality: float | None
    wave: int | None


class WaveRow(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a replication's release: which wave, when, what became of it, how many segments, and why."""

    replication: str
    at: datetime
    number: int
    of: int
    percent: float
    stage: str
    segments: int
    served: int
    reason: str
    verdict: str


class SegmentsView(msgspec.Struct, frozen=True, kw_only=True):
    """All segments of a product: what its newest replication came to, and what is in service, by whichever replication.

    ``fates`` counts them by what became of them in the newest. ``served`` is how many are answered by a model of their own
    now, ``serving`` how many by a model of each replication, newest first, ``pooled_serves`` how many by the pooled model.
    ``verdict`` is that about all models of the newest together, ``lacking`` the roles whose approval its first wave waits
    for; ``waves`` are those of the newest and of what is in service.
    """

    product: str
    column: str
    replication: str
    cause: str
    at: datetime
    seconds: float
    workers: int
    measure: str
    pooled: str
    fates: dict[str, int]
    served: int
    serving: dict[str, int]
    pooled_serves: int
    verdict: str
    reasons: list[str]
    lacking: list[str]
    waves: list[WaveRow]
    segments: list[SegmentRow]


def segments_view(book: Book) -> SegmentsView:
    """Return the segments of a product; raises ``NotFound`` where none were trained yet."""
    if not book.state.replications:
        known = book.definition is not None and book.definition.replication is not None
        remedy = "train them with `trimaran run PRODUCT.py`" if known else "declare product.replicate(by=…)"
        raise NotFound(f"no models of segments were trained for {book.product} yet: {remedy}")
    newest = book.state.replications[-1]
    record, models = newest.record, read_sheet(book.workspace.objects.get(newest.record.sheet))
    verdict = newest.verdict(REPLICATION, record.sheet)
    in_wave, made_by = _waves_of(book, newest, models), _replications_of(book)
    rows = [_row(book, model, record.goal, in_wave.get(model.segment), made_by) for model in models]
    serving = Counter(made_by[number] for number in book.state.seats.values())
    told = [one for one in book.state.replications if one is newest or one.record.number in serving]
    return SegmentsView(
        product=book.product,
        column=record.column,
        replication=record.name,
        cause=record.cause,
        at=newest.entry.at,
        seconds=record.seconds,
        workers=record.workers,
        measure=record.goal,
        pooled=record.pooled.subject.rpartition("/")[2] if record.pooled is not None else "",
        fates=dict(Counter(model.fate for model in models)),
        served=len(book.state.seats),
        serving={f"r{number}": serving[number] for number in sorted(serving, reverse=True)},
        pooled_serves=sum(row.answers == POOLED for row in rows),
        verdict=verdict[1].outcome if verdict is not None else "",
        reasons=verdict[1].reasons if verdict is not None else ["there was no pooled version to hold them against"],
        lacking=awaited(book, newest),
        waves=[row for one in told for row in _wave_rows(one)],
        segments=rows,
    )


def _row(book: Book, model: SegmentModel, goal: str, wave: int | None, made_by: Mapping[int, int]) -> SegmentRow:
    seat = book.state.seats.get(model.segment)
    return SegmentRow(
        segment=model.segment,
        answers=name_of(seat) if seat is not None else POOLED,
        answers_from=f"r{made_by[seat]}" if seat is not None else "",
        fate=model.fate,
        reason=model.reason,
        version=name_of(model.version) if model.version is not None else "",
        run=model.run,
        rows=model.rows,
        tested=model.tested,
        quality=model.measures.get(goal),
        pooled_quality=model.pooled.get(goal),
        wave=wave,
    )


def _replications_of(book: Book) -> dict[int, int]:
    """Return the number of the replication that made each model that ever was in service, by the model's version."""
    return {
        move.version: wave.replication for one in book.state.replications for _, wave in one.waves for move in wave.moves
    }


def _waves_of(book: Book, newest: ReplicationState, models: list[SegmentModel]) -> dict[str, int]:
    """Return the number of the wave that each segment belongs to, also of those that are yet to come."""
    policy = book.definition.replication if book.definition is not None else None
    if policy is None:
        return {}
    own = [model for model in models if model.fate == "own"]
    return {
        move.segment: number
        for number in range(1, len(policy.waves) + 1)
        for move in wave_of(own, policy.waves, number, newest.record.number)
    }


def _wave_rows(replication: ReplicationState) -> list[WaveRow]:
    rows = []
    for place, (entry, wave) in enumerate(replication.waves):
        until = replication.waves[place + 1][0].seq if place + 1 < len(replication.waves) else None
        judged = [
            one
            for at, one in replication.verdicts
            if one.policy == "wave" and at.seq > entry.seq and (not until or at.seq < until)
        ]
        rows.append(
            WaveRow(
                replication=replication.record.name,
                at=entry.at,
                number=wave.number,
                of=wave.of,
                percent=wave.percent,
                stage=wave.stage,
                segments=len(wave.moves),
                served=len(wave.seats),
                reason=wave.reason,
                verdict=judged[-1].outcome if judged else "",
            )
        )
    return rows
