"""The loop as eleven stations, from data to retraining, each with its state and one line of what is true there now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec
import polars as pl

from trimaran.app.views.book import Book, Status
from trimaran.app.views.quality import QualityPoint
from trimaran.app.views.totals import HandOver
from trimaran.app.views.versions import Approvals
from trimaran.control.brief import failing, listed
from trimaran.control.state import VersionState
from trimaran.core.durations import format_duration
from trimaran.core.nouns import SEGMENTED, name_of

Hull = Literal["build", "deploy", "monitor"]

OF_SEGMENTS = "models of segments"
"""What the models of segments are called together: there may be a thousand of them."""


class Station(msgspec.Struct, frozen=True, kw_only=True):
    """One station of the loop: ``figure`` is its number in a picture, ``text`` the line beneath."""

    name: str
    hull: Hull
    status: Status
    figure: str
    text: str


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """What went through the loop so far, by captured answers."""

    predictions: int
    answered: int
    labelled: int
    waiting: int
    unknowable: int


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """How many requests one version answered in one week, as live version or as canary; ``OF_SEGMENTS`` are one version."""

    start: datetime
    version: str
    role: str
    answers: int


def shares(book: Book) -> list[Share]:
    """Return who answered how much, week by week."""
    weeks = book.answered.group_by(
        pl.col("event_at").dt.truncate("1w").alias("start"), pl.col("version").clip(upper_bound=SEGMENTED + 1), "role"
    ).len()
    ordered = weeks.sort("start", "version", "role").iter_rows()
    return [
        Share(start=start, version=OF_SEGMENTS if number > SEGMENTED else name_of(number), role=role, answers=count)
        for start, number, role, count in ordered
    ]


def flow(book: Book) -> Flow:
    """Return the totals of captured answers and their labels: those of ``CaptureStore.counts``, from the rows at hand."""
    answered = book.answered
    labelled, waiting = answered["label"].count(), answered["joined_at"].null_count()
    return Flow(
        predictions=book.captures.height,
        answered=answered.height,
        labelled=labelled,
        waiting=waiting,
        unknowable=answered.height - labelled - waiting,
    )


def stations(
    book: Book, through: Flow, weeks: list[QualityPoint], approvals: list[Approvals], totals: list[HandOver]
) -> list[Station]:
    """Return the eleven stations in the order of the loop."""
    newest = next(reversed(book.state.versions.values()), None)
    return [
        _data(book),
        _features(book, newest),
        _training(newest),
        _gate(book, newest),
        _approvals(approvals),
        _release(book),
        _serving(book, through),
        _capture(through, totals),
        _labels(through),
        _monitors(book, weeks),
        _retraining(book),
    ]


def _data(book: Book) -> Station:
    data = book.state.data.values()
    if not data:
        return Station(name="Data", hull="build", status="waiting", figure="-", text="nothing delivered yet")
    refused, kept = sum(ingest.refused for ingest in data), sum(ingest.kept for ingest in data)
    figure = f"{len(data)} table{'s' if len(data) > 1 else ''}"
    text = f"newest deliveries: {kept:,} rows kept, {refused:,} refused"
    return Station(name="Data", hull="build", status="ok", figure=figure, text=text)


def _features(book: Book, newest: VersionState | None) -> Station:
    if newest is None:
        declared = len(book.definition.features) if book.definition is not None else 0
        return Station(name="Features", hull="build", status="waiting", figure=f"{declared}", text=f"{declared} declared")
    count = len(newest.version.features)
    text = f"{count} features go into {newest.version.name}"
    return Station(name="Features", hull="build", status="ok", figure=f"{count}", text=text)


def _training(newest: VersionState | None) -> Station:
    if newest is None:
        return Station(name="Training", hull="build", status="waiting", figure="-", text="no version yet")
    text = f"{newest.version.name} trained {newest.entry.at:%d %b %Y} on {newest.version.rows:,} rows"
    return Station(name="Training", hull="build", status="ok", figure=f"{newest.version.name} newest", text=text)


def _gate(book: Book, newest: VersionState | None) -> Station:
    gates = [state.verdict("gate") for state in book.state.versions.values()]
    judged = [gate[1] for gate in gates if gate is not None]
    passed = sum(verdict.outcome in {"pass", "warn"} for verdict in judged)
    last = newest.verdict("gate") if newest is not None else None
    if newest is None or last is None:
        return Station(name="Gate", hull="build", status="waiting", figure="-", text="nothing judged yet")
    # A gate that refuses does its work: that is no alarm.
    said = "passed" if last[1].outcome in {"pass", "warn"} else f"refused: {failing(last[1])}"
    return Station(
        name="Gate",
        hull="build",
        status="ok",
        figure=f"{passed} of {len(judged)} passed",
        text=f"{newest.version.name} {said}",
    )


def _approvals(waiting: list[Approvals]) -> Station:
    if not waiting:
        return Station(name="Approvals", hull="deploy", status="ok", figure="none open", text="nobody is waited for")
    first = waiting[0]
    text = f"{first.version} waits for {', '.join(first.lacking)}"
    return Station(name="Approvals", hull="deploy", status="waiting", figure=f"{len(waiting)} open", text=text)


def _release(book: Book) -> Station:
    traffic, candidate = book.state.traffic, book.state.candidate
    if candidate is not None and candidate.stage in {"shadow", "canary"}:
        share = f" at {traffic.percent:g} %" if candidate.stage == "canary" else ""
        text = f"{candidate.version.name} in {candidate.stage}{share} since {candidate.since:%d %b}"
        return Station(name="Release", hull="deploy", status="active", figure=f"{candidate.stage}{share}", text=text)
    moves = [move for state in book.state.versions.values() for move in state.moves]
    if not moves:
        return Station(name="Release", hull="deploy", status="waiting", figure="-", text="nothing released yet")
    entry, move = max(moves, key=lambda one: one[0].seq)
    text = f"v{move.number} → {move.stage}, {entry.at:%d %b %Y}"
    return Station(name="Release", hull="deploy", status="ok", figure="none under way", text=text)


def _serving(book: Book, through: Flow) -> Station:
    live = book.state.live
    if live is None:
        return Station(name="Serving", hull="deploy", status="waiting", figure="-", text="no version is live")
    text = f"{live.version.name} live since {live.since:%d %b %Y}; {through.answered:,} requests answered"
    return Station(name="Serving", hull="deploy", status="ok", figure=f"{live.version.name} live", text=text)


def _capture(through: Flow, totals: list[HandOver]) -> Station:
    broken = [total for total in totals if total.broken]
    if broken:
        text = "; ".join(f"{total.name} lacks {total.missing:,}" for total in broken)
        return Station(name="Capture", hull="monitor", status="alarm", figure=f"{through.predictions:,}", text=text)
    status: Status = "ok" if through.predictions else "waiting"
    text = f"{through.predictions:,} answers of all versions kept; every control total balances"
    return Station(name="Capture", hull="monitor", status=status, figure=f"{through.predictions:,}", text=text)


def _labels(through: Flow) -> Station:
    status: Status = "ok" if through.labelled else "waiting"
    share = through.labelled / through.answered if through.answered else 0.0
    text = f"{through.labelled:,} known, {through.waiting:,} awaited, {through.unknowable:,} will never be known"
    return Station(name="Labels", hull="monitor", status=status, figure=f"{share:.0%} known" if share else "-", text=text)


def _monitors(book: Book, weeks: list[QualityPoint]) -> Station:
    live = book.state.live
    newest = live.verdict("watch") if live is not None else None
    if newest is None:
        return Station(name="Monitors", hull="monitor", status="waiting", figure="-", text="not watched yet")
    entry, verdict = newest
    realised = [week.realised.value for week in weeks if week.realised.value is not None]
    figure = f"{book.measure.upper()} {realised[-1]:.3f}" if realised else "no labels yet"
    failed = [finding for finding in verdict.findings if finding.outcome == "fail"]
    if failed:
        names = ", ".join(finding.check for finding in failed)
        return Station(name="Monitors", hull="monitor", status="alarm", figure=f"{names}", text=listed(failed))
    warned = [finding for finding in verdict.findings if finding.outcome == "warn"]
    if warned:
        text = f"{entry.at:%d %b %Y}, {listed(warned)}"
        return Station(name="Monitors", hull="monitor", status="waiting", figure=figure, text=text)
    return Station(name="Monitors", hull="monitor", status="ok", figure=figure, text=f"quiet on {entry.at:%d %b %Y}")


def _retraining(book: Book) -> Station:
    triggers, definition = book.state.triggers, book.definition
    every = definition.retraining.every if definition is not None else None
    newest = max((state.entry.at for state in book.state.versions.values()), default=None)
    recent = triggers[-1] if triggers else None
    count = f"{len(triggers)} so far" if triggers else "-"
    if recent is not None and book.now - recent[0].at < timedelta(days=1):
        text = f"started by {recent[1].cause}: {recent[1].detail}"
        return Station(name="Retraining", hull="monitor", status="active", figure=count, text=text)
    if every is not None and newest is not None:
        text = f"next by schedule {newest + every:%d %b %Y} (every {format_duration(every)})"
    else:
        text = f"last: {recent[1].cause}, {recent[0].at:%d %b %Y}" if recent is not None else "nothing has asked for it"
    return Station(name="Retraining", hull="monitor", status="ok" if triggers else "waiting", figure=count, text=text)
