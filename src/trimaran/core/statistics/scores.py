"""How good probabilities and decisions were, once the labels are known; each measure with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from trimaran.core.nouns.judging import Measurement
from trimaran.core.statistics.intervals import mean, proportion
from trimaran.core.statistics.samples import labelled, probabilities

if TYPE_CHECKING:
    import numpy.typing as npt

SMALLEST = float(np.finfo(np.float64).eps)
"""Where log loss clips a probability, as scikit-learn does: a certain and wrong answer costs 36, not infinity."""


class Confusion(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of decisions against the truth at one threshold.

    >>> counts = Confusion(true_positive=8, false_positive=2, true_negative=85, false_negative=5)
    >>> counts.accuracy().value, counts.precision().value, counts.recall().n
    (0.93, 0.8, 13)
    """

    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int

    @property
    def n(self) -> int:
        """How many rows were counted."""
        return self.true_positive + self.false_positive + self.true_negative + self.false_negative

    def accuracy(self, level: float = 0.95) -> Measurement:
        """Return the share of right decisions, with Wilson's interval."""
        return proportion(self.true_positive + self.true_negative, self.n, level)

    def precision(self, level: float = 0.95) -> Measurement:
        """Return the share of positives among the rows called positive, with Wilson's interval."""
        return proportion(self.true_positive, self.true_positive + self.false_positive, level)

    def recall(self, level: float = 0.95) -> Measurement:
        """Return the share of positives that were called positive, with Wilson's interval."""
        return proportion(self.true_positive, self.true_positive + self.false_negative, level)


def confusion(labels: npt.ArrayLike, scores: npt.ArrayLike, threshold: float = 0.5) -> Confusion:
    """Count decisions against the truth; a score at or above the threshold calls the row positive.

    >>> confusion([0, 1, 1, 0], [0.2, 0.5, 0.4, 0.9])
    Confusion(true_positive=1, false_positive=1, true_negative=1, false_negative=1)
    """
    truth, (given,) = labelled(labels, scores=scores)
    called = given >= threshold
    hits, positives, calls = (int(np.count_nonzero(mask)) for mask in (truth & called, truth, called))
    return Confusion(
        true_positive=hits,
        false_positive=calls - hits,
        true_negative=truth.size - positives - calls + hits,
        false_negative=positives - hits,
    )


def brier(
    labels: npt.ArrayLike, predicted: npt.ArrayLike, level: float = 0.95, clusters: npt.ArrayLike | None = None
) -> Measurement:
    """Return the mean squared distance of probabilities from the labels (Brier, MWR 1950), 0 best, 1 worst; ``clusters`` as in ``mean``.

    >>> brier([0, 1, 1], [0.0, 0.5, 1.0]).value
    0.08333333333333333
    """
    truth, (chance,) = labelled(labels, predicted=predicted)
    return mean((probabilities(chance) - truth) ** 2, level, floor=0.0, ceiling=1.0, clusters=clusters)


def log_loss(
    labels: npt.ArrayLike, predicted: npt.ArrayLike, level: float = 0.95, clusters: npt.ArrayLike | None = None
) -> Measurement:
    """Return the mean negative log likelihood of the labels, in nats, probabilities clipped at ``SMALLEST``.

    ``clusters`` as in ``mean``.

    >>> round(log_loss([0, 1], [0.5, 0.25]).value, 4)
    1.0397
    """
    truth, (chance,) = labelled(labels, predicted=predicted)
    of_truth = np.where(truth, probabilities(chance), 1 - chance)
    return mean(-np.log(np.clip(of_truth, SMALLEST, 1.0)), level, floor=0.0, clusters=clusters)


def accuracy(
    labels: npt.ArrayLike,
    predicted: npt.ArrayLike,
    threshold: float = 0.5,
    level: float = 0.95,
    clusters: npt.ArrayLike | None = None,
) -> Measurement:
    """Return the share of right decisions; a score at or above the threshold calls the row positive.

    Wilson's interval for independent rows, that of ``mean`` for rows in ``clusters``.

    >>> accuracy([0, 1, 1, 0], [0.2, 0.5, 0.4, 0.1]).value
    0.75
    """
    if clusters is None:
        return confusion(labels, predicted, threshold).accuracy(level)
    truth, (chance,) = labelled(labels, predicted=predicted)
    return mean((chance >= threshold) == truth, level, floor=0.0, ceiling=1.0, clusters=clusters)


def calibration_error(labels: npt.ArrayLike, predicted: npt.ArrayLike, bins: int = 10) -> Measurement:
    """Return the expected calibration error: the mean distance of stated from seen rates over bins of equal size.

    Bins of equal size have less bias than those of equal width (Roelofs et al., AISTATS 2022; the measure is Naeini et
    al., AAAI 2015), rows with one probability stay in one bin. Noise alone makes it positive, in the
    order of sqrt(bins / n), and it has no standard interval: the note says how large noise alone would make it.

    >>> calibration_error([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5]).value
    0.0
    """
    truth, (chance,) = labelled(labels, predicted=predicted)
    if truth.size == 0:
        return Measurement(value=None, note="no rows")
    edges = np.unique(np.quantile(probabilities(chance), np.arange(1, bins) / bins, method="inverted_cdf"))
    cell = np.searchsorted(edges, chance, "left")
    size = np.bincount(cell, minlength=edges.size + 1)
    gap = np.bincount(cell, weights=chance - truth, minlength=size.size)
    noise = np.bincount(cell, weights=chance * (1 - chance), minlength=size.size)
    # A calibrated bin's gap is about normal: its mean absolute value is sqrt(2 / pi) of its standard deviation.
    expected = float(np.sqrt(2 / np.pi * noise).sum()) / truth.size
    note = f"a calibrated model would show about {expected:.4f} by noise alone"
    return Measurement(value=float(np.abs(gap).sum()) / truth.size, n=truth.size, note=note)
