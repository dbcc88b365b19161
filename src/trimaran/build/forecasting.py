"""Holds a forecast against the naive one: whoever cannot beat last week's value has no use for a model."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from trimaran.build.evidence import AgainstNaive
from trimaran.build.measuring import LEVEL, days_of
from trimaran.build.training_set import Rows, TrainingSet
from trimaran.core.nouns import Measurement
from trimaran.core.statistics import interval, scaled_error
from trimaran.core.tasks import Task
from trimaran.data.declaration import Naive

FEWEST = 10
"""Rows of a series below which its own scale says too little, and that of all series together counts."""

Floats = npt.NDArray[np.float64]


def against_naive(naive: Naive, task: Task, goal: str, test: Rows, scores: Floats) -> AgainstNaive:
    """Return how a candidate compares with the naive forecast, on the rows where that is known and the score an answer."""
    forecast = _forecast(naive, test)
    known, sound = np.isfinite(forecast), task.sound(scores)
    both = known & sound
    labels, ours, theirs, days = test.labels[both], scores[both], forecast[both], days_of(test.predict_at)[both]
    return AgainstNaive(
        feature=naive.feature,
        rows=int(both.sum()),
        missing=int((~known).sum()),
        measure=goal,
        value=task.measure(goal, labels, ours, LEVEL, days),
        naive=task.measure(goal, labels, theirs, LEVEL, days),
        difference=task.difference(goal, labels, ours, theirs, LEVEL, days),
    )


def scaled_error_of(naive: Naive, task: Task, training_set: TrainingSet, scores: Floats) -> Measurement:
    """Return the MASE of scores on the test rows, each in units of its series' scale on the training rows.

    A series whose naive forecast is known on fewer than ten training rows, or is never wrong there, has the scale of all.
    """
    test, sound = training_set.test, task.sound(scores)
    scales = _scales(naive, training_set)
    if scales is None:
        return Measurement(value=None, note="the naive forecast is known on no training row, or never wrong there")
    if not sound.any():
        return Measurement(value=None, note="no rows")
    seen = scaled_error(test.labels[sound], scores[sound], scales[sound])
    return interval(seen, LEVEL, floor=0.0, clusters=days_of(test.predict_at)[sound])


def _scales(naive: Naive, training_set: TrainingSet) -> Floats | None:
    """Return the scale of each test row; None where there is none at all."""
    train, test = training_set.train, training_set.test
    errors = train.asked.select(naive.by).with_columns(error=np.abs(train.labels - _forecast(naive, train)))
    errors = errors.filter(pl.col("error").is_finite())
    whole = errors["error"].mean() if errors.height else None
    if not isinstance(whole, float) or whole <= 0:
        return None
    enough = (pl.len() >= FEWEST) & (pl.col("error").mean() > 0)
    scales = errors.group_by(naive.by).agg(scale=pl.when(enough).then(pl.col("error").mean()))
    joined = test.asked.select(naive.by).join(scales, on=naive.by, how="left", nulls_equal=True, maintain_order="left")
    return joined["scale"].fill_null(whole).to_numpy()


def _forecast(naive: Naive, rows: Rows) -> Floats:
    return rows.features[naive.feature].cast(pl.Float64).to_numpy()
