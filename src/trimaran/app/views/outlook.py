"""Where the quality of the live version is heading: when a straight line through its weeks meets the alarm."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import polars as pl

from trimaran.app.views.book import Book
from trimaran.app.views.quality import accepted_quality
from trimaran.control.words import day as day_of
from trimaran.control.words import sensible
from trimaran.core.checks import Rule
from trimaran.core.nouns import Measurement
from trimaran.core.statistics import Trend
from trimaran.monitor import Quality, course, forecast, series, settled, upright

FARTHEST = timedelta(days=365)
"""What lies further ahead is not told by its day: no line through weeks reaches so far."""

_SHOWN_AFTER = timedelta(days=14)
_WEEK = timedelta(days=7)
_DAY = 86400.0


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A value at a moment, with its interval: of a week in the middle of it, or of the line."""

    at: datetime
    value: float
    low: float
    high: float


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """When the live version's quality meets its alarm, if it goes on as it went.

    ``days`` are from now on, with their 95 % interval, and ``earliest``, ``meets`` and ``latest`` the days that they lead to,
    None beyond a year. ``days.value`` is None where nothing can be said, and ``days.note`` says why. ``weeks`` are what the
    line goes through, ``line`` is it with the interval of a week to come. ``words`` says it in a sentence.
    """

    version: str
    rule: str
    measure: str
    alarm: float | None
    days: Measurement
    words: str
    earliest: datetime | None = None
    meets: datetime | None = None
    latest: datetime | None = None
    weeks: list[Mark] = []
    line: list[Mark] = []


def outlook(book: Book) -> Outlook | None:
    """Return the outlook of the live version; None where none is live or no decay is watched."""
    definition, live = book.definition, book.state.live
    rule = definition.watch.decay if definition is not None else None
    if definition is None or live is None or rule is None:
        return None
    own = book.answered.filter(pl.col("version") == live.version.number)
    points = [] if own.is_empty() else series(own, definition.task, settled(definition, book.now))
    accepted = accepted_quality(book, live, rule.measure)
    ahead, alarm = forecast(points, rule, accepted), rule.limit(accepted)
    told = Outlook(
        version=live.version.name,
        rule=str(rule),
        measure=rule.measure,
        alarm=alarm,
        days=ahead,
        words="",
        weeks=_weeks(points, rule.measure),
    )
    if ahead.value is not None:
        told = _dated(told, points, book.now)
        line = course(points, rule)
        if line is not None:
            told = msgspec.structs.replace(told, line=_drawn(line, rule, told))
    return msgspec.structs.replace(told, words=_words(told, rule))


def _dated(told: Outlook, points: Sequence[Quality], now: datetime) -> Outlook:
    """Return it with days from now on: those of a forecast are from the end of the newest week."""
    behind = (now - points[-1].until) / timedelta(days=1)
    found = [None if days is None else max(0.0, days - behind) for days in (told.days.low, told.days.value, told.days.high)]
    low, value, high = found
    earliest, meets, latest = (
        now + timedelta(days=days) if days is not None and days <= FARTHEST.days else None for days in found
    )
    days = msgspec.structs.replace(told.days, value=value, low=low, high=high)
    return msgspec.structs.replace(told, days=days, earliest=earliest, meets=meets, latest=latest)


def _weeks(points: Sequence[Quality], measure: str) -> list[Mark]:
    seen = [(point, point.measures[measure]) for point in points if measure in point.measures]
    return [
        Mark(at=point.since + (point.until - point.since) / 2, value=one.value, low=one.low, high=one.high)
        for point, one in seen
        if one.value is not None and one.low is not None and one.high is not None
    ]


def _drawn(line: Trend, rule: Rule, told: Outlook) -> list[Mark]:
    """Return the line by week, from its first week to somewhat beyond where it meets the alarm."""
    at, end = told.weeks[0].at, told.weeks[-1].at + _SHOWN_AFTER
    if told.meets is not None:
        end = max(end, told.meets + _SHOWN_AFTER)
    marks = []
    while at <= end:
        seen = line.at(at.astimezone(UTC).timestamp() / _DAY)
        sides = sorted(upright(rule) * (side or 0.0) for side in (seen.low, seen.value, seen.high))
        marks.append(Mark(at=at, low=sides[0], value=sides[1], high=sides[2]))
        at += _WEEK
    return marks


def _words(told: Outlook, rule: Rule) -> str:
    days, side = told.days, "below" if upright(rule) > 0 else "above"
    alarm = f"its alarm of {sensible(told.alarm)} {told.measure}"
    if days.value is None:
        why = days.note.partition(": ")[2] or days.note
        if days.note.startswith("never"):
            return f"{told.version} does not head for {alarm}: {why}"
        return f"when {told.version} will be {side} its alarm cannot be told: {why}"
    through = f"by a straight line through {days.n} weeks"
    if days.value == 0:
        return f"{told.version} is {side} {alarm} by now, {through}"
    if told.meets is None:
        return f"{told.version} heads for {alarm}, and is not {side} it within a year, {through}"
    until = f"to {day_of(told.latest)}" if told.latest is not None else "or later than in a year"
    return (
        f"in {days.value:.0f} days {told.version} will be {side} {alarm}: about {day_of(told.meets)} "
        f"(95 %: {day_of(told.earliest)} {until}), {through}"
    )
