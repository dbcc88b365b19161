"""The measures of a gate, on rows whose labels are known."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from trimaran.build.evidence import SMALL, Period, Reliability, Slice
from trimaran.core.nouns import Measurement
from trimaran.core.tasks import Task

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[Any]
Days = npt.NDArray[np.int64]

LEVEL = 0.95
_POINTS = 100
_BINS = 10


def measures_of(
    task: Task, labels: Labels, scores: Floats, level: float = LEVEL, days: Days | None = None
) -> dict[str, Measurement]:
    """Return every measure that rows and labels alone can give, by its name in ``core.checks.MEASURES``.

    Scores that can be no answer are left out here; ``Numerics`` counts them. ``days`` (n,) as ``days_of`` gives them
    are the clusters of every interval: rows of one day share their weather. Without them rows count as independent.

    >>> from trimaran.core.tasks import Value, YesOrNo
    >>> task = YesOrNo(Value(true_positive=10, false_positive=-5))
    >>> seen = measures_of(task, np.array([0, 1, 1, 0]), np.array([0.1, 0.8, 0.7, 0.4]))
    >>> seen["auc"].value, seen["value"].value
    (1.0, 3.75)
    """
    sound = task.sound(scores)
    labels, scores, days = labels[sound], scores[sound], None if days is None else days[sound]
    return {name: task.measure(name, labels, scores, level, days) for name in task.measures}


def days_of(moments: pl.Series) -> Days:
    """Return the day of each moment (UTC), as a number.

    >>> days_of(pl.Series([datetime(1970, 1, 2, 5), datetime(1970, 1, 2, 23), datetime(1970, 1, 3)])).tolist()
    [1, 1, 2]
    """
    return moments.dt.epoch("d").to_numpy().astype(np.int64)


def slices_of(
    column: str,
    values: pl.Series,
    labels: Labels,
    scores: Floats,
    task: Task,
    minimum: int,
    days: Days | None = None,
) -> list[Slice]:
    """Return the quality at each value of a column, the largest slice first; those under ``minimum`` rows are pooled.

    The pooled slice stands last. Every interval is one-sided at 5% over all slices together (Bonferroni), so that the
    chance that any slice's own quality lies beyond its interval is at most that, however many slices there are. Where rows
    are ranked, a slice ranks those rows of each group that are in it.
    """
    texts = values.cast(pl.String).fill_null("(none)")
    counts = texts.value_counts(sort=True).filter(pl.col("count") >= minimum)
    large = sorted(counts[texts.name].to_list(), key=lambda text: (-int((texts == text).sum()), text))
    masks = [(text, (texts == text).to_numpy()) for text in large]
    rest = ~texts.is_in(large).to_numpy()
    if rest.any():
        masks.append((SMALL, rest))
    level = 1 - 2 * (1 - LEVEL) / max(1, len(masks))
    return [
        Slice(
            column=column,
            value=text,
            rows=int(mask.sum()),
            measures=measures_of(task, labels[mask], scores[mask], level, None if days is None else days[mask]),
        )
        for text, mask in masks
    ]


def weeks_of(task: Task, goal: str, moments: pl.Series, labels: Labels, scores: Floats) -> list[Period]:
    """Return the quality of each week of the window, oldest first; weeks are counted from the window's first row."""
    first = moments.min()
    if not isinstance(first, datetime):
        return []
    weeks, days = ((moments - first).dt.total_days() // 7).to_numpy(), days_of(moments)
    sound = task.sound(scores)
    found = []
    for week in np.unique(weeks):
        mask = (weeks == week) & sound
        if not mask.any():
            continue
        start = moments.filter(pl.Series(mask)).min()
        if isinstance(start, datetime):
            seen = {goal: task.measure(goal, labels[mask], scores[mask], LEVEL, days[mask])}
            rate = float(task.numbers(labels[mask]).mean())
            found.append(Period(start=start, rows=int(mask.sum()), label_rate=rate, measures=seen))
    return found


def roc_points(task: Task, labels: Labels, scores: Floats) -> list[tuple[float, float]]:
    """Return at most a hundred points of the ROC curve, from (0, 0) to (1, 1); none where the label is not yes or no.

    >>> from trimaran.core.tasks import YesOrNo
    >>> roc_points(YesOrNo(), np.array([0, 1]), np.array([0.2, 0.9]))
    [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)]
    """
    if task.kind != "binary":
        return []
    sound = task.sound(scores)
    truth, given = labels[sound], scores[sound]
    order = np.argsort(-given, kind="stable")
    # A curve may only bend where the score changes: tied rows come together.
    ends = np.flatnonzero(np.append(np.diff(given[order]) != 0, [True])) if given.size else np.array([], dtype=np.int64)
    hits, calls = np.cumsum(truth[order])[ends], ends + 1
    positives, negatives = int(truth.sum()), int(truth.size - truth.sum())
    if not positives or not negatives:
        return []
    kept = np.unique(np.linspace(0, ends.size - 1, min(_POINTS - 1, ends.size)).astype(np.int64))
    rates = zip(((calls - hits) / negatives)[kept].tolist(), (hits / positives)[kept].tolist(), strict=True)
    return [(0.0, 0.0), *rates]


def reliability_points(task: Task, labels: Labels, scores: Floats) -> list[Reliability]:
    """Return the calibration curve over ten cells of equal size, lowest scores first; see ``Reliability``.

    There is none of a ranking, whose scores mean nothing but an order.
    """
    if task.kind == "ranking":
        return []
    sound = task.sound(scores)
    truth, given = labels[sound], scores[sound]
    if task.classes:
        truth, given = given.argmax(axis=1) == truth, given.max(axis=1)
    parts = np.array_split(np.argsort(given, kind="stable"), _BINS)
    return [
        Reliability(score=float(given[part].mean()), rate=float(truth[part].mean()), rows=part.size)
        for part in parts
        if part.size
    ]


def confusion_of(task: Task, labels: Labels, scores: Floats) -> list[list[int]]:
    """Return how many rows of each true class were given each class as the likeliest; empty where there are no classes.

    >>> from trimaran.core.tasks import OneOf
    >>> confusion_of(OneOf(("a", "b", "c")), np.array([0, 1]), np.array([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1]]))
    [[1, 0, 0], [1, 0, 0], [0, 0, 0]]
    """
    width = len(task.classes)
    if not width:
        return []
    sound = task.sound(scores)
    cells = labels[sound] * width + scores[sound].argmax(axis=1)
    counted: list[list[int]] = np.bincount(cells, minlength=width * width).reshape(width, width).tolist()
    return counted
