"""Quality over time: estimated without labels and realised with them, each with its interval, and what was accepted."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

import msgspec
import numpy as np
import polars as pl

from trimaran.app.views.book import Book
from trimaran.app.views.reigns import reigns
from trimaran.control.state import VersionState
from trimaran.core.nouns import Measurement
from trimaran.core.statistics import Calibration, auc, brier, estimate_quality, proportion
from trimaran.data.profiles import read_profile

Period = Literal["week", "month"]
_SPANS = {"week": "1w", "month": "1mo"}
_NAMES = {"week": "%G-W%V", "month": "%Y-%m"}


class QualityPoint(msgspec.Struct, frozen=True, kw_only=True):
    """The quality of one week or month: ``answered`` rows, of which ``labelled`` have their truth."""

    start: datetime
    end: datetime
    name: str
    answered: int
    labelled: int
    estimated: Measurement
    realised: Measurement


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """What a live version was accepted with, and where its alarm is, from the moment it went live."""

    at: datetime
    version: str
    accepted: float | None
    alarm: float | None


def quality(book: Book, period: Period) -> list[QualityPoint]:
    """Return the quality of every week or month in which something was answered.

    Where several versions answered in a period, it is their mean by rows, so that estimate and truth speak of the same.
    """
    if book.answered.is_empty():
        return []
    rows = book.answered.with_columns(pl.col("event_at").dt.truncate(_SPANS[period]).alias("start"))
    calibrations = {number: _calibration(book, state) for number, state in book.state.versions.items()}
    return [_point(book, part, period, calibrations) for part in rows.partition_by("start", maintain_order=True)]


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


def accepted_quality(book: Book, state: VersionState) -> float | None:
    """Return the quality that the gate measured of a version, None when it measured none."""
    gate = state.verdict("gate")
    if gate is None:
        return None
    seen = [finding.value for finding in gate[1].findings if finding.check.split(" ")[0] == book.measure]
    return next((value for value in seen if value is not None), None)


def _calibration(book: Book, state: VersionState) -> Calibration | None:
    digest = state.version.profile
    return read_profile(book.workspace.objects, digest).calibration if book.workspace.objects.has(digest) else None


def _point(book: Book, rows: pl.DataFrame, period: Period, calibrations: dict[int, Calibration | None]) -> QualityPoint:
    start: datetime = rows["start"][0]
    estimated, realised = [], []
    for (number,), part in rows.partition_by("version", as_dict=True, maintain_order=True).items():
        realised.append(_realised(book.measure, part, _threshold(book)))
        estimated.append(_estimated(book.measure, part, calibrations.get(int(str(number))), _threshold(book)))
    return QualityPoint(
        start=start,
        end=pl.select(pl.lit(start).dt.offset_by(_SPANS[period])).item(),
        name=start.strftime(_NAMES[period]),
        answered=rows.height,
        labelled=rows["label"].count(),
        estimated=_mean(estimated),
        realised=_mean(realised),
    )


def _threshold(book: Book) -> float:
    return book.definition.value.threshold if book.definition is not None else 0.5


def _realised(measure: str, rows: pl.DataFrame, threshold: float) -> Measurement:
    known = rows.filter(pl.col("label").is_not_null())
    if known.is_empty():
        return Measurement(value=None, note="no labels yet")
    truth, scores = known["label"].to_numpy(), known["score"].to_numpy()
    measures: dict[str, Callable[[], Measurement]] = {
        "auc": lambda: auc(truth, scores),
        "brier": lambda: brier(truth, scores),
        "accuracy": lambda: proportion(int(np.sum((scores >= threshold) == (truth == 1))), truth.size),
    }
    return measures[measure]()


def _estimated(measure: str, rows: pl.DataFrame, calibration: Calibration | None, threshold: float) -> Measurement:
    if calibration is None:
        return Measurement(value=None, note="no calibration was kept")
    estimate = estimate_quality(calibration, rows["score"].to_numpy(), threshold=threshold)
    return {"auc": estimate.auc, "brier": estimate.brier, "accuracy": estimate.accuracy}[measure]


def _mean(parts: Sequence[Measurement]) -> Measurement:
    """Return the mean by rows; the parts are independent, so their half-widths add in squares."""
    seen = [part for part in parts if part.value is not None]
    total = sum(part.n for part in seen)
    if not seen or not total:
        return parts[0] if parts else Measurement(value=None, note="nothing was answered")
    if len(seen) == 1:
        return seen[0]
    value = sum(part.n * (part.value or 0.0) for part in seen) / total
    below = math.sqrt(sum((part.n / total * ((part.value or 0.0) - (part.low or 0.0))) ** 2 for part in seen))
    above = math.sqrt(sum((part.n / total * ((part.high or 1.0) - (part.value or 0.0))) ** 2 for part in seen))
    note = f"mean of {len(seen)} versions by rows"
    return Measurement(value=value, n=total, low=value - below, high=value + above, level=seen[0].level, note=note)
