"""The task of a yes or no: a probability is answered, and a decision made on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import polars as pl

from trimaran.core.errors import Fault, InputError
from trimaran.core.nouns import Measurement
from trimaran.core.statistics import (
    accuracy,
    auc,
    auc_difference,
    averaged,
    brier,
    calibration_error,
    log_loss,
    mean,
    paired,
)
from trimaran.core.statistics.scores import SMALLEST
from trimaran.core.tasks.task import Clusters, Floats, Kind, Labels, Mask
from trimaran.core.tasks.value import Value


@dataclass(frozen=True)
class YesOrNo:
    """The ``Task`` of a yes-or-no question; ``value`` says from which probability a yes is worth more.

    >>> task = YesOrNo(Value(true_positive=10, false_positive=-5))
    >>> labels, scores = np.array([0, 1, 1, 0]), np.array([0.1, 0.8, 0.7, 0.4])
    >>> task.measure("auc", labels, scores).value, task.measure("value", labels, scores).value
    (1.0, 3.75)
    """

    kind: ClassVar[Kind] = "binary"
    unit: ClassVar[str] = "rows"
    classes: ClassVar[tuple[str, ...]] = ()
    measures: ClassVar[tuple[str, ...]] = ("auc", "brier", "log_loss", "accuracy", "ece", "value")
    compared: ClassVar[tuple[str, ...]] = ("auc",)
    method: ClassVar[str] = "predict_proba"

    value: Value = field(default_factory=Value)

    @property
    def threshold(self) -> float:
        """The probability from which a yes is answered."""
        return self.value.threshold

    @property
    def sound_row(self) -> pl.Expr:
        """Whether the score is a probability."""
        return pl.col("score").is_between(0.0, 1.0)

    def truths(self, rows: pl.DataFrame) -> Labels:
        """Return the labels of rows."""
        return rows["label"].to_numpy()

    def teachable(self, values: Labels) -> Labels:
        """Return the labels as whole numbers."""
        strange = values[(values != 0) & (values != 1)]
        if strange.size:
            what = f"{strange.size} of {values.size} labels are neither 0 nor 1, the first is {strange[0]:g}"
            remedy = "make the label a comparison, or say what it is: @product.label(…, task='regression')"
            raise InputError("label", [Fault(what=what, remedy=remedy)])
        return values.astype(np.int64)

    def numbers(self, labels: Labels) -> Labels:
        """Return the labels as they are."""
        return labels

    def units(self, labels: Labels) -> int:
        """Return how many rows there are."""
        return int(labels.size)

    def lacking(self, labels: Labels) -> str:
        """Return why, where only one outcome is there."""
        positives = int(labels.sum())
        return "" if 0 < positives < labels.size else f"{positives} positives"

    def sound(self, scores: Floats) -> Mask:
        """Return which scores are probabilities.

        >>> YesOrNo().sound(np.array([0.5, float("nan"), 1.2])).tolist()
        [True, False, False]
        """
        return np.asarray((scores >= 0) & (scores <= 1))

    def captured(self, rows: pl.DataFrame) -> Floats:
        """Return the scores of captured rows."""
        return rows["score"].to_numpy()

    def measure(
        self, name: str, labels: Labels, scores: Floats, level: float = 0.95, clusters: Clusters = None
    ) -> Measurement:
        """Return one measure with its interval."""
        match name:
            case "auc":
                return auc(labels, scores, level, clusters)
            case "brier":
                return brier(labels, scores, level, clusters)
            case "log_loss":
                return log_loss(labels, scores, level, clusters)
            case "accuracy":
                return accuracy(labels, scores, self.threshold, level, clusters)
            case "ece":
                return calibration_error(labels, scores)
            case _:
                return self._worth(labels, scores, level, clusters)

    def difference(
        self, name: str, labels: Labels, first: Floats, second: Floats, level: float = 0.95, clusters: Clusters = None
    ) -> Measurement:
        """Return the paired difference: DeLong's of two AUCs, that of means otherwise."""
        if not labels.size:
            return Measurement(value=None, note="no row has two scores to compare")
        if name == "auc":
            return auc_difference(labels, first, second, level, clusters)
        if name == "ece" or (name == "value" and not any(self.value.outcomes)):
            return Measurement(value=None, n=labels.size, note=f"{name} has no paired interval")
        ours, theirs = (averaged(self._rows(name, labels, scores)) for scores in (first, second))
        return paired(ours, theirs, level, clusters, largest=1.0 if name in {"brier", "accuracy"} else None)

    def turned(self, first: Floats, second: Floats) -> Mask:
        """Return in which rows the decisions differ."""
        return np.asarray((first >= self.threshold) != (second >= self.threshold))

    def scale(self, scores: Floats) -> float:  # noqa: ARG002  probabilities are held against 1
        """Return 1."""
        return 1.0

    def losses(self, labels: Labels, scores: Floats, spread: float) -> Floats:  # noqa: ARG002  a probability's error is bounded
        """Return the squared error of each probability."""
        return np.asarray((scores - labels) ** 2)

    def _worth(self, labels: Labels, scores: Floats, level: float, clusters: Clusters) -> Measurement:
        outcomes = self.value.outcomes
        if not any(outcomes):
            return Measurement(value=None, note="the product declares no value")
        worth = self.value.worth(labels, scores)
        return mean(worth, level, floor=min(outcomes), ceiling=max(outcomes), clusters=clusters)

    def _rows(self, name: str, labels: Labels, scores: Floats) -> Floats:
        if name == "brier":
            return self.losses(labels, scores, 1.0)
        if name == "log_loss":
            return np.asarray(-np.log(np.clip(np.where(labels == 1, scores, 1 - scores), SMALLEST, 1.0)))
        if name == "accuracy":
            return np.asarray(((scores >= self.threshold) == (labels == 1)).astype(np.float64))
        return self.value.worth(labels, scores)
