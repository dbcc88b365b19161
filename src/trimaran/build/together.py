"""Measures all models of a replication as the one answer that callers get: own models where they are, the pooled one elsewhere."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trimaran.build.evaluation import compare_scores, compared_with_live
from trimaran.build.evidence import Together
from trimaran.build.measuring import days_of, measures_of, slices_of
from trimaran.build.training_set import Rows
from trimaran.data.declaration import Definition

Floats = npt.NDArray[np.float64]


def measure_together(definition: Definition, test: Rows, scores: Floats, pooled: Floats, number: int) -> Together:
    """Return what the whole out-of-time window says of all answers, against the pooled version of a number alone."""
    task, days = definition.task, days_of(test.predict_at)
    columns = dict.fromkeys(column for column, _ in definition.acceptance.slices)
    minimum = definition.acceptance.slice_minimum
    return Together(
        rows=len(test),
        measures=measures_of(task, test.labels, scores, days=days),
        slices=[
            part
            for column in columns
            for part in slices_of(column, test.asked[column], test.labels, scores, task, minimum, days)
        ],
        live=compare_scores(task, test, scores, pooled, number, compared_with_live(definition)),
    )
