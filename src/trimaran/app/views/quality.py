"""Quality over time, as the monitors measure it: estimated without labels, realised with them, and what was accepted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec
import polars as pl

from trimaran.app.views.book import Book
from trimaran.app.views.reigns import reigns
from trimaran.control.state import VersionState
from trimaran.core.nouns import Measurement
from trimaran.core.statistics import Calibration
from trimaran.core.tasks import Task
from trimaran.data.profiles import read_profile
from trimaran.monitor import NO_NUMBER, TOLD, estimate, series, settled

Period = Literal["week", "month"]
_SPANS = {"week": "1w", "month": "1mo"}
_NAMES = {"week": "%d %b %Y", "month": "%b %Y"}


class QualityPoint(msgspec.Struct, frozen=True, kw_only=True):
    """The quality of one week (named by its Monday) or month: ``answered`` rows, of which ``labelled`` have their truth.

    ``realised`` is of the labelled rows for which no label is waited for any more. ``accepted`` and ``alarm`` are those of
    the version that was live when the period ended.
    """

    start: datetime
    end: datetime
    name: str
    answered: int
    labelled: int
    estimated: Measurement
    realised: Measurement
    accepted: float | None = None
    alarm: float | None = None


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """What a live version was accepted with, and where its alarm is, from the moment it went live."""

    at: datetime
    version: str
    accepted: float | None
    alarm: float | None


def quality(book: Book, period: Period) -> list[QualityPoint]:
    """Return the quality of every week or month in which something was answered; nothing where no definition can be loaded.

    Realised quality is ``monitor.series`` over all answers, whichever version gave them. Each version, those of segments
    too, has a calibration of its own, so that the estimate is the mean of the versions' by rows; of a settled period it is taken on the very rows
    whose labels came, so that both speak of the same.
    """
    definition = book.definition
    if definition is None or book.answered.is_empty():
        return []
    span, measure, horizon = _SPANS[period], book.measure, settled(definition, book.now)
    found = series(book.answered, definition.task, horizon, span)
    realised = {point.since: point.measures[measure] for point in found}
    made = {state.version.number: state for many in book.state.segments.values() for state in many} | book.state.versions
    spoken = book.answered["version"].unique()
    calibrations = {number: _calibration(book, made[number]) for number in spoken if number in made}
    held = levels(book)
    rows = book.answered.with_columns(
        pl.col("event_at").dt.truncate(span).alias("start"),
        pl.col("event_at").dt.truncate(span).dt.offset_by(span).alias("end"),
    )
    points = []
    for (start, end), part in rows.partition_by("start", "end", as_dict=True, maintain_order=True).items():
        known = part.filter(pl.col("label").is_not_null())
        level = next((one for one in reversed(held) if one.at < end), None)
        points.append(
            QualityPoint(
                start=start,
                end=end,
                name=start.strftime(_NAMES[period]),
                answered=part.height,
                labelled=known.height,
                estimated=_estimated(known if end <= horizon else part, calibrations, definition.task, measure),
                realised=realised.get(start, Measurement(value=None, note="no label is final yet")),
                accepted=level.accepted if level is not None else None,
                alarm=level.alarm if level is not None else None,
            )
        )
    return points


def levels(book: Book) -> list[Level]:
    """Return the accepted quality and the alarm of each version from when it was live, again after a roll-back."""
    decay = book.definition.watch.decay if book.definition is not None else None
    result: list[Level] = []
    for reign in reigns(book):
        state = book.state.versions[reign.number]
        if result and result[-1].version == state.version.name:
            continue
        accepted = accepted_quality(book, state)
        alarm = decay.limit(accepted) if decay is not None and decay.measure == book.measure else None
        result.append(Level(at=reign.start, version=state.version.name, accepted=accepted, alarm=alarm))
    return result


def accepted_quality(book: Book, state: VersionState, measure: str | None = None) -> float | None:
    """Return the quality that the gate measured of a version, by the product's measure or another; None when it measured none."""
    gate = state.verdict("gate")
    if gate is None:
        return None
    seen = [finding.value for finding in gate[1].findings if finding.check.split(" ")[0] == (measure or book.measure)]
    return next((value for value in seen if value is not None), None)


def _calibration(book: Book, state: VersionState) -> Calibration | None:
    digest = state.version.profile
    return read_profile(book.workspace.objects, digest).calibration if book.workspace.objects.has(digest) else None


def _estimated(rows: pl.DataFrame, calibrations: Mapping[int, Calibration | None], task: Task, measure: str) -> Measurement:
    parts = []
    for part in rows.partition_by("version", maintain_order=True):
        calibration = calibrations.get(part["version"][0])
        if calibration is None:
            note = "no calibration was kept" if TOLD[task.kind] else NO_NUMBER
            parts.append(Measurement(value=None, n=part.height, note=note))
        else:
            start, end = part["start"][0], part["end"][0]
            estimated = estimate(part, calibration, task, start, end).measures
            unknown = Measurement(value=None, n=part.height, note=f"{measure} cannot be estimated without labels")
            parts.append(estimated.get(measure, unknown))
    return _mean(parts)


def _mean(parts: Sequence[Measurement]) -> Measurement:
    """Return the mean by rows; the parts are independent, so their half-widths add in squares."""
    seen = [part for part in parts if part.value is not None]
    total = sum(part.n for part in seen)
    if not seen or not total:
        return parts[0] if parts else Measurement(value=None, note="no rows")
    if len(seen) == 1:
        return seen[0]
    value = sum(part.n * (part.value or 0.0) for part in seen) / total
    below = math.sqrt(sum((part.n / total * ((part.value or 0.0) - (part.low or 0.0))) ** 2 for part in seen))
    above = math.sqrt(sum((part.n / total * ((part.high or 1.0) - (part.value or 0.0))) ** 2 for part in seen))
    note = f"mean of {len(seen)} versions by rows"
    return Measurement(value=value, n=total, low=value - below, high=value + above, level=seen[0].level, note=note)
