"""The quality of a model before the labels are there, from its scores alone (confidence-based performance estimation)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import msgspec
import numpy as np

from trimaran.core.errors import Fault, InputError
from trimaran.core.nouns.judging import Measurement
from trimaran.core.statistics.intervals import normal_quantile
from trimaran.core.statistics.samples import finite, labelled, probabilities

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float64]


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """A rising map from score to probability: ``rates`` seen at ``scores``, each over ``rows`` rows, straight between.

    >>> Calibration(scores=[0.2, 0.8], rates=[0.0, 0.5], rows=[50, 50]).probability([0.1, 0.8, 0.9]).tolist()
    [0.0, 0.5, 0.5]
    """

    scores: list[float]
    rates: list[float]
    rows: list[int]

    def probability(self, scores: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the chance of a positive at each score; beyond the ends, the end's rate."""
        return np.interp(finite(scores, "scores"), self.scores, self.rates)


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """Quality estimated without labels; each interval is where the realised value should lie once they are known."""

    auc: Measurement
    accuracy: Measurement
    brier: Measurement


def calibrate(labels: npt.ArrayLike, scores: npt.ArrayLike, cells: int = 1000) -> Calibration:
    """Return the isotonic calibration of scores (Zadrozny & Elkan, KDD 2002) by pooling adjacent violators.

    Rows are first gathered in at most ``cells`` cells of equal size, so that the pooling costs the same for any number of
    rows. Calibrate on rows the model was not trained on. Raises ``InputError`` without any row.

    >>> calibrate([0, 1, 0, 1], [0.1, 0.3, 0.4, 0.9]).rates
    [0.0, 0.5, 1.0]
    """
    truth, (given,) = labelled(labels, scores=scores)
    if truth.size == 0:
        raise InputError("calibration", [Fault(what="no labelled rows to calibrate on", remedy="wait for labels")])
    edges = np.unique(np.quantile(given, np.arange(1, cells + 1) / cells, method="inverted_cdf"))
    cell = np.searchsorted(edges, given, "left")
    rows = np.bincount(cell, minlength=edges.size)
    positives = np.bincount(cell, weights=truth, minlength=edges.size)
    total = np.bincount(cell, weights=given, minlength=edges.size)
    held = rows > 0
    return _pooled(rows[held].tolist(), positives[held].tolist(), total[held].tolist())


def estimate_quality(
    calibration: Calibration, scores: npt.ArrayLike, *, threshold: float = 0.5, level: float = 0.95
) -> Estimate:
    """Return the AUC, accuracy and Brier score to expect of scores in [0, 1] whose labels are not known yet.

    The method is NannyML's CBPE. It rests on one assumption: a score means the same probability as when it was
    calibrated (covariates may drift, the concept may not). The intervals are in closed form and hold both errors, that
    of labels drawn with the calibrated probabilities and that of a calibration learnt from finitely many rows. Accuracy
    calls a row positive at or above ``threshold``; the Brier score is that of the scores as they are.

    >>> calibration = Calibration(scores=[0.0, 1.0], rates=[0.0, 1.0], rows=[10_000, 10_000])
    >>> estimate = estimate_quality(calibration, np.linspace(0, 1, 1001))
    >>> round(estimate.accuracy.value, 3), round(estimate.auc.value, 3), round(estimate.brier.value, 3)
    (0.75, 0.834, 0.167)
    """
    z = normal_quantile(level)
    given = probabilities(finite(scores, "scores"), "scores")
    if given.size == 0:
        nothing = Measurement(value=None, note="no rows")
        return Estimate(auc=nothing, accuracy=nothing, brier=nothing)
    chance = calibration.probability(given)
    called = given >= threshold
    accuracy = float(np.where(called, chance, 1 - chance).mean())
    brier = float((chance * (1 - given) ** 2 + (1 - chance) * given**2).mean())
    area, slopes = _expected_auc(given, chance)
    slope = {"accuracy": np.where(called, 1.0, -1.0) / given.size, "brier": (1 - 2 * given) / given.size, "auc": slopes}

    def measured(value: float, name: str) -> Measurement:
        half = z * math.sqrt(_variance(slope[name], chance, given, calibration))
        return Measurement(
            value=value, n=given.size, low=max(0.0, value - half), high=min(1.0, value + half), level=level, note="estimated"
        )

    one_class = Measurement(value=None, n=given.size, note="the calibrated probabilities allow one class only")
    return Estimate(
        auc=one_class if area is None else measured(area, "auc"),
        accuracy=measured(accuracy, "accuracy"),
        brier=measured(brier, "brier"),
    )


def _pooled(rows: Sequence[int], positives: Sequence[float], totals: Sequence[float]) -> Calibration:
    """Pool neighbours until the rates rise (Ayer et al., AMS 1955)."""
    pools: list[tuple[int, float, float]] = []
    for cell in zip(rows, positives, totals, strict=True):
        n, hits, total = cell
        while pools and pools[-1][1] * n >= hits * pools[-1][0]:
            before = pools.pop()
            n, hits, total = n + before[0], hits + before[1], total + before[2]
        pools.append((n, hits, total))
    return Calibration(
        scores=[total / n for n, _, total in pools],
        rates=[hits / n for n, hits, _ in pools],
        rows=[n for n, _, _ in pools],
    )


def _expected_auc(scores: Floats, chance: Floats) -> tuple[float | None, Floats]:
    """Return the AUC to expect over labels drawn with the chances, and how it changes with each row's label.

    A row is never paired with itself. Of N = concordant pairs and D = all pairs of a positive and a negative, the
    change is (dN - AUC dD) / D.
    """
    _, group = np.unique(scores, return_inverse=True)
    positive, negative = np.bincount(group, weights=chance), np.bincount(group, weights=1 - chance)
    below = (np.cumsum(negative) - negative / 2)[group] - (1 - chance) / 2
    above = (positive.sum() - np.cumsum(positive) + positive / 2)[group] - chance / 2
    own = chance * (1 - chance)
    pairs = float(positive.sum() * negative.sum() - own.sum())
    if pairs <= 0:
        return None, np.zeros(scores.size)
    value = float((chance * below).sum()) / pairs
    others = (negative.sum() - (1 - chance)) - (positive.sum() - chance)
    return value, (below - above - value * others) / pairs


def _variance(slope: Floats, chance: Floats, scores: Floats, calibration: Calibration) -> float:
    """Return the variance from the labels drawn and, for each pool of the calibration, from the rate it learnt."""
    drawn = float((slope**2 * chance * (1 - chance)).sum())
    knots = np.array(calibration.scores)
    place = np.interp(scores, knots, np.arange(knots.size))
    left = np.floor(place).astype(np.int64)
    weight = place - left
    pull = np.bincount(left, weights=slope * (1 - weight), minlength=knots.size + 1)
    pull += np.bincount(left + 1, weights=slope * weight, minlength=knots.size + 1)
    rates, rows = np.array(calibration.rates), np.array(calibration.rows)
    # A rate of 0 or 1 seen in n rows is not known exactly: one half of a row is added to each side.
    careful = (rates * rows + 0.5) / (rows + 1)
    return drawn + float((pull[:-1] ** 2 * careful * (1 - careful) / rows).sum())
