"""Looks at a scorer as a machine: is it fast, are its answers numbers, does the compiled form say the same."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt

from trimaran.build.evidence import Latency, Numerics, Parity
from trimaran.core.checks import LOWER
from trimaran.core.nouns import Measurement
from trimaran.core.ports import Scorer
from trimaran.core.tasks import Task, blocks

Matrix = npt.NDArray[np.float32]
Labels = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

TOLERANCE = 1e-4
"""The greatest difference of two scores that is still arithmetic: float32 trees differ by 1e-7, wrong conversions by 1e-2."""

CALLS, _BUDGET = 1000, 0.8
_ALONE = 50
_NOISE = 1e-6
_IMPORTANCE_ROWS, _IMPORTANCE_FEATURES = 2000, 60


def compare_forms(native: Scorer, compiled: Scorer, rows: Matrix, task: Task) -> Parity:
    """Return how far the compiled form's answers are from the native one's on real rows."""
    first, second = native(rows), compiled(rows)
    gap = np.abs(first - second) / task.scale(first)
    difference = float(gap.max()) if gap.size else 0.0
    flips = float(task.turned(first, second).mean()) if gap.size else 0.0
    # NaN compares as false: a score that is no number breaks parity.
    holds = rows.shape[0] > 0 and difference <= TOLERANCE
    note = (
        "" if holds else f"the compiled form differs by up to {difference:.3g}, {flips:.2%} of answers flip: native serves"
    )
    finite = bool(np.isfinite(difference))
    return Parity(rows=rows.shape[0], difference=difference if finite else None, flips=flips, holds=holds, note=note)


def time_scorer(scorer: Scorer, rows: Matrix, form: str, calls: int = CALLS, *, rounds: int = 1) -> Latency:
    """Return the seconds one row takes: so many calls at most on real rows, within 0.8 s, after a few to warm up.

    With ``rounds`` each of these calls is made so often, within 0.8 s a round, and counts by the least that it took: what
    else runs on the machine only ever adds time, and hardly to the same row in every round, while a row that takes long of
    itself does so in each.
    """
    for row in range(min(5, rows.shape[0])):
        scorer(rows[row : row + 1])
    seconds = _times(scorer, rows, calls)
    for _ in range(rounds - 1):
        again = _times(scorer, rows, len(seconds))
        seconds[: len(again)] = np.minimum(seconds[: len(again)], again)
    p50, p99 = (float(np.quantile(seconds, share)) for share in (0.5, 0.99))
    return Latency(
        form=form,
        p50=Measurement(value=p50, n=len(seconds)),
        p99=Measurement(value=p99, n=len(seconds), note="one row a call"),
    )


def _times(scorer: Scorer, rows: Matrix, calls: int) -> npt.NDArray[np.float64]:
    seconds: list[float] = []
    stop = time.perf_counter() + _BUDGET
    for call in range(calls):
        row = call % rows.shape[0]
        started = time.perf_counter()
        scorer(rows[row : row + 1])
        ended = time.perf_counter()
        seconds.append(ended - started)
        if ended > stop:
            break
    return np.array(seconds)


def probe_numerics(
    scorer: Scorer, rows: Matrix, scores: Floats, task: Task, generator: np.random.Generator, alone: int = _ALONE
) -> Numerics:
    """Return whether the scores of rows can be answers, are the same alone as in a batch, and deaf to noise in the last digits."""
    chosen = generator.choice(rows.shape[0], size=min(alone, rows.shape[0]), replace=False)
    single = np.concatenate([scorer(rows[row : row + 1]) for row in chosen])
    noisy = (rows * (1 + _NOISE * generator.uniform(-1, 1, size=rows.shape))).astype(np.float32)
    apart = np.abs(single - scores[chosen]) / task.scale(scores)
    return Numerics(
        rows=rows.shape[0],
        broken=int((~task.sound(scores)).sum()),
        alone=float(np.nan_to_num(apart, nan=1.0).max()),
        noise=_NOISE,
        flips=float(task.turned(scorer(noisy), scores).mean()),
    )


def importance_of(
    scorer: Scorer,
    rows: Matrix,
    labels: Labels,
    names: list[str],
    generator: np.random.Generator,
    *,
    task: Task,
    goal: str,
) -> dict[str, float]:
    """Return how much of a measure is lost when one feature's values change rows (Breiman, 2001), the greatest loss first.

    About 2,000 rows in whole groups, and the first 60 features, are looked at; empty when the rows cannot compare models.
    """
    codes, number = blocks(labels)
    few = min(max(1, _IMPORTANCE_ROWS * number // max(1, rows.shape[0])), number)
    chosen = np.flatnonzero(np.isin(codes, generator.choice(number, size=few, replace=False)))
    sample, truth = rows[chosen], labels[chosen]
    scores = scorer(sample)
    whole = task.measure(goal, truth, scores).value if task.sound(scores).all() else None
    if whole is None:
        return {}
    sign = -1.0 if goal in LOWER else 1.0
    lost = {}
    for place, name in enumerate(names[:_IMPORTANCE_FEATURES]):
        shuffled = sample.copy()
        shuffled[:, place] = generator.permutation(sample[:, place])
        lost[name] = sign * (whole - (task.measure(goal, truth, scorer(shuffled)).value or 0.0))
    return dict(sorted(lost.items(), key=lambda item: -item[1]))
