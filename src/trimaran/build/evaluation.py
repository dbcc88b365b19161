"""Measures a candidate on the out-of-time window: everything its gate will look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trimaran.build.evidence import Comparison, Evidence, Parity, Slice
from trimaran.build.forecasting import against_naive, scaled_error_of
from trimaran.build.measuring import (
    LEVEL,
    confusion_of,
    days_of,
    measures_of,
    reliability_points,
    roc_points,
    slices_of,
    weeks_of,
)
from trimaran.build.probing import importance_of, probe_numerics, time_scorer
from trimaran.build.specification import RowModel, run_tests
from trimaran.build.training_set import Rows, TrainingSet
from trimaran.core.ports import Scorer
from trimaran.core.tasks import Task
from trimaran.data.declaration import Definition


@dataclass(frozen=True)
class Answering:
    """A candidate ready to answer: its scorer, the form that scorer is in, and how that form was found faithful."""

    scorer: Scorer
    form: str
    parity: Parity


@dataclass(frozen=True)
class Rival:
    """The live version: its number, its own definition (its features may differ) and its scorer."""

    number: int
    definition: Definition
    scorer: Scorer


def evaluate(
    definition: Definition,
    training_set: TrainingSet,
    answering: Answering,
    *,
    seed: int,
    rival: tuple[Rival, Rows] | None = None,
) -> Evidence:
    """Return the evidence about a candidate; rows of one day count as one cluster in every interval.

    ``rival`` is the live version with the same test rows in its own features. Raises ``InputError`` when the rival's rows
    are not those of the test window.
    """
    test, task, goal = training_set.test, definition.task, definition.goal
    generator = np.random.default_rng(seed)
    rows, names = test.matrix(), test.features.columns
    scores = answering.scorer(rows)
    latency = time_scorer(answering.scorer, rows, answering.form)
    days = days_of(test.predict_at)
    measures = measures_of(task, test.labels, scores, days=days) | {"p50": latency.p50, "p99": latency.p99}
    naive = definition.naive
    if naive is not None:
        measures["mase"] = scaled_error_of(naive, task, training_set, scores)
    return Evidence(
        rows=len(test),
        tested_from=training_set.tested_from,
        tested_to=training_set.tested_to,
        threshold=task.threshold,
        measures=measures,
        slices=_slices(definition, test, scores),
        live=_compare(definition, test, scores, *rival) if rival is not None else None,
        tests=run_tests(definition.tests, RowModel(answering.scorer, names, task.classes), test.features, seed),
        parity=answering.parity,
        latency=latency,
        numerics=probe_numerics(answering.scorer, rows, np.asarray(scores, dtype=np.float64), task, generator),
        weeks=weeks_of(task, goal, test.predict_at, test.labels, scores),
        roc=roc_points(task, test.labels, scores),
        calibration=reliability_points(task, test.labels, scores),
        importance=importance_of(answering.scorer, rows, test.labels, names, generator, task=task, goal=goal),
        task=task.kind,
        goal=goal,
        classes=list(task.classes),
        confusion=confusion_of(task, test.labels, scores),
        naive=against_naive(naive, task, goal, test, scores) if naive is not None else None,
    )


def _slices(definition: Definition, test: Rows, scores: np.ndarray) -> list[Slice]:
    columns = dict.fromkeys(column for column, _ in definition.acceptance.slices)
    minimum, days = definition.acceptance.slice_minimum, days_of(test.predict_at)
    return [
        part
        for column in columns
        for part in slices_of(column, test.asked[column], test.labels, scores, definition.task, minimum, days)
    ]


def _compare(definition: Definition, test: Rows, scores: np.ndarray, rival: Rival, rows: Rows) -> Comparison:
    compared = compared_with_live(definition)
    return compare_scores(definition.task, test, scores, rival.scorer(rows.matrix()), rival.number, compared)


def compared_with_live(definition: Definition) -> list[str]:
    """Return the measures that a gate holds against those of the live version."""
    named = dict.fromkeys([definition.goal, *(rule.measure for rule in definition.acceptance.against_live)])
    return [name for name in named if name in definition.task.measures]


def compare_scores(
    task: Task, test: Rows, scores: np.ndarray, theirs: np.ndarray, number: int, compared: Sequence[str]
) -> Comparison:
    """Return how the version of a number, by its scores of the same rows, compares with a candidate's."""
    days, both = days_of(test.predict_at), task.sound(scores) & task.sound(theirs)
    return Comparison(
        number=number,
        measures=measures_of(task, test.labels, theirs, days=days),
        differences={
            name: task.difference(name, test.labels[both], scores[both], theirs[both], LEVEL, days[both])
            for name in compared
        },
    )
