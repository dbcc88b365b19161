"""The task of a number: a regression, in the mean or at a quantile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl

from trimaran.core.errors import Fault, InputError
from trimaran.core.nouns import Measurement
from trimaran.core.statistics import (
    Influence,
    absolute_error,
    averaged,
    bias,
    explained,
    interval,
    paired,
    pinball,
    positive_interval,
    squared_error,
)
from trimaran.core.tasks.task import Clusters, Floats, Kind, Labels, Mask, Worth

CAP = 2.0
"""The error, in standard deviations of the training labels, from which a row's loss grows no more."""

TURNED = 0.01
"""The share of their own spread by which two numbers must differ to be different answers."""


@dataclass(frozen=True)
class Number:
    """The ``Task`` of a regression; ``quantile`` is the one that pinball loss is about, ``worth`` prices each answer.

    >>> task = Number()
    >>> task.measure("mae", np.array([1.0, 2.0]), np.array([1.5, 2.5])).value
    0.5
    """

    kind: ClassVar[Kind] = "regression"
    unit: ClassVar[str] = "rows"
    classes: ClassVar[tuple[str, ...]] = ()
    measures: ClassVar[tuple[str, ...]] = ("mae", "rmse", "r2", "bias", "pinball", "value")
    compared: ClassVar[tuple[str, ...]] = ("mae", "rmse", "r2", "pinball")
    method: ClassVar[str] = "predict"
    threshold: ClassVar[None] = None

    quantile: float = 0.5
    worth: Worth | None = None

    @property
    def sound_row(self) -> pl.Expr:
        """Whether the score is a number."""
        return pl.col("score").is_finite()

    def truths(self, rows: pl.DataFrame) -> Labels:
        """Return the labels of rows."""
        return rows["label"].to_numpy()

    def teachable(self, values: Labels) -> Labels:
        """Return the labels as they are; raises ``InputError`` for one that is infinite or no number."""
        strange = int(np.count_nonzero(~np.isfinite(values)))
        if strange:
            what = f"{strange} of {values.size} labels are infinite or no number"
            raise InputError("label", [Fault(what=what, remedy="make them null, so that they are left out and counted")])
        return values.astype(np.float64)

    def numbers(self, labels: Labels) -> Labels:
        """Return the labels as they are."""
        return labels

    def units(self, labels: Labels) -> int:
        """Return how many rows there are."""
        return int(labels.size)

    def lacking(self, labels: Labels) -> str:
        """Return why, where the label does not vary."""
        return "" if labels.size > 1 and labels.min() < labels.max() else "a label that does not vary"

    def sound(self, scores: Floats) -> Mask:
        """Return which scores are finite."""
        return np.isfinite(scores)

    def captured(self, rows: pl.DataFrame) -> Floats:
        """Return the scores of captured rows."""
        return rows["score"].to_numpy()

    def measure(
        self, name: str, labels: Labels, scores: Floats, level: float = 0.95, clusters: Clusters = None
    ) -> Measurement:
        """Return one measure with its interval."""
        if not labels.size:
            return Measurement(value=None, note="no rows")
        if name == "value" and self.worth is None:
            return Measurement(value=None, note="the product declares no value")
        seen = self._influence(name, labels, scores)
        if seen is None:
            return Measurement(value=None, n=labels.size, note="the label does not vary: there is nothing to explain")
        if name == "rmse":
            return positive_interval(seen, level, clusters=clusters)
        floor = 0.0 if name in {"mae", "pinball"} else None
        return interval(seen, level, floor=floor, ceiling=1.0 if name == "r2" else None, clusters=clusters)

    def difference(
        self, name: str, labels: Labels, first: Floats, second: Floats, level: float = 0.95, clusters: Clusters = None
    ) -> Measurement:
        """Return the paired difference of two estimates from the same rows."""
        if not labels.size:
            return Measurement(value=None, note="no row has two scores to compare")
        ours, theirs = (self._influence(name, labels, scores) for scores in (first, second))
        if ours is None or theirs is None:
            return Measurement(value=None, n=labels.size, note=f"{name} cannot be told on these rows")
        return paired(ours, theirs, level, clusters)

    def turned(self, first: Floats, second: Floats) -> Mask:
        """Return in which rows two numbers are further apart than a hundredth of their spread."""
        return np.asarray(~(np.abs(first - second) <= TURNED * self.scale(first)))

    def scale(self, scores: Floats) -> float:
        """Return the standard deviation of the finite scores, their size where they do not vary."""
        finite = scores[np.isfinite(scores)]
        if not finite.size:
            return 1.0
        return float(finite.std()) or float(np.abs(finite).max()) or 1.0

    def losses(self, labels: Labels, scores: Floats, spread: float) -> Floats:
        """Return the absolute errors as a share of twice the spread, at most 1: one wild row weighs no more than that."""
        return np.minimum(np.abs(scores - labels) / (CAP * spread), 1.0)

    def _influence(self, name: str, labels: Labels, scores: Floats) -> Influence | None:
        match name:
            case "mae":
                return absolute_error(labels, scores)
            case "rmse":
                return squared_error(labels, scores)
            case "r2":
                return explained(labels, scores)
            case "bias":
                return bias(labels, scores)
            case "pinball":
                return pinball(labels, scores, self.quantile)
            case _:
                return None if self.worth is None else averaged(_priced(self.worth, labels, scores))


def _priced(worth: Worth, labels: Labels, scores: Floats) -> Floats:
    rows = pl.DataFrame({"score": scores, "label": labels.astype(np.float64)})
    return rows.select(worth(pl.col("score"), pl.col("label")).cast(pl.Float64).alias("worth"))["worth"].to_numpy()
