"""The task of one class out of several: a probability for each is answered, and the likeliest class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl

from trimaran.core.errors import Fault, InputError
from trimaran.core.nouns import Measurement
from trimaran.core.statistics import (
    Influence,
    averaged,
    calibration_error,
    class_aucs,
    class_brier,
    class_log_loss,
    hits,
    interval,
    macro_auc,
    macro_f1,
    paired,
)
from trimaran.core.tasks.task import Clusters, Floats, Kind, Labels, Mask, Worth

AUC_OF = "auc of "
"""What the measure of one class against the rest is called: the class's name follows."""

_ESTIMATES: Mapping[str, Callable[[Labels, Floats], Influence | None]] = {
    "accuracy": hits,
    "macro_f1": macro_f1,
    "log_loss": class_log_loss,
    "brier": class_brier,
    "auc": macro_auc,
}

_SHARES = frozenset({"accuracy", "macro_f1", "auc"})

_SUM = 1e-3
"""How far probabilities may be from summing to 1: float32 arithmetic of many classes allows no less."""


@dataclass(frozen=True)
class OneOf:
    """The ``Task`` of one class out of several, in the order of ``classes``; ``worth`` prices each answer.

    >>> task = OneOf(("early", "on time", "late"))
    >>> task.measure("accuracy", np.array([0, 2]), np.array([[0.8, 0.1, 0.1], [0.1, 0.6, 0.3]])).value
    0.5
    """

    kind: ClassVar[Kind] = "multiclass"
    unit: ClassVar[str] = "rows"
    compared: ClassVar[tuple[str, ...]] = ("log_loss", "accuracy", "macro_f1", "auc", "brier")
    method: ClassVar[str] = "predict_proba"
    threshold: ClassVar[None] = None

    classes: tuple[str, ...]
    worth: Worth | None = None

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures over all classes, and the AUC of each against the rest."""
        of_each = (f"{AUC_OF}{name}" for name in self.classes)
        return ("accuracy", "macro_f1", "log_loss", "auc", "brier", "ece", "value", *of_each)

    @property
    def sound_row(self) -> pl.Expr:
        """Whether there is a probability for each class."""
        return pl.col("score").is_between(0.0, 1.0) & (pl.col("probabilities").list.len() == len(self.classes))

    def truths(self, rows: pl.DataFrame) -> Labels:
        """Return the labels of rows."""
        return rows["label"].to_numpy()

    def teachable(self, values: Labels) -> Labels:
        """Return the places of the classes as whole numbers."""
        strange = values[~np.isin(values, np.arange(len(self.classes)))]
        if strange.size:
            what = f"{strange.size} of {values.size} labels are none of {', '.join(self.classes)}"
            raise InputError("label", [Fault(what=what, remedy="name every class: @product.label(…, classes=[…])")])
        return values.astype(np.int64)

    def numbers(self, labels: Labels) -> Labels:
        """Return the labels as they are."""
        return labels

    def units(self, labels: Labels) -> int:
        """Return how many rows there are."""
        return int(labels.size)

    def lacking(self, labels: Labels) -> str:
        """Return why, where a class has no row."""
        missing = [name for place, name in enumerate(self.classes) if not (labels == place).any()]
        return f"none of class {', '.join(missing)}" if missing else ""

    def sound(self, scores: Floats) -> Mask:
        """Return which rows hold probabilities that sum to one."""
        inside = ((scores >= 0) & (scores <= 1)).all(axis=1)
        return np.asarray(inside & (np.abs(scores.sum(axis=1) - 1) <= _SUM))

    def captured(self, rows: pl.DataFrame) -> Floats:
        """Return the probabilities of captured rows."""
        width = len(self.classes)
        return rows["probabilities"].list.to_array(width).to_numpy().reshape(-1, width)

    def measure(
        self, name: str, labels: Labels, scores: Floats, level: float = 0.95, clusters: Clusters = None
    ) -> Measurement:
        """Return one measure with its interval."""
        if not labels.size:
            return Measurement(value=None, note="no rows")
        if name == "value" and self.worth is None:
            return Measurement(value=None, note="the product declares no value")
        if name == "ece":
            return calibration_error(scores.argmax(axis=1) == labels, np.clip(scores.max(axis=1), 0.0, 1.0))
        seen = self._influence(name, labels, scores)
        if seen is None:
            return Measurement(value=None, n=labels.size, note="only one class: nothing to tell apart")
        floor, ceiling = {"log_loss": (0.0, None), "brier": (0.0, 2.0), "value": (None, None)}.get(name, (0.0, 1.0))
        return interval(seen, level, floor=floor, ceiling=ceiling, clusters=clusters)

    def difference(
        self, name: str, labels: Labels, first: Floats, second: Floats, level: float = 0.95, clusters: Clusters = None
    ) -> Measurement:
        """Return the paired difference of two estimates from the same rows."""
        if not labels.size:
            return Measurement(value=None, note="no row has two scores to compare")
        ours, theirs = (None if name == "ece" else self._influence(name, labels, scores) for scores in (first, second))
        if ours is None or theirs is None:
            return Measurement(value=None, n=labels.size, note=f"{name} has no paired interval on these rows")
        return paired(ours, theirs, level, clusters, largest={"brier": 2.0}.get(name, 1.0 if name in _SHARES else None))

    def turned(self, first: Floats, second: Floats) -> Mask:
        """Return in which rows another class is the likeliest."""
        return np.asarray(first.argmax(axis=1) != second.argmax(axis=1))

    def scale(self, scores: Floats) -> float:  # noqa: ARG002  probabilities are held against 1
        """Return 1."""
        return 1.0

    def losses(self, labels: Labels, scores: Floats, spread: float) -> Floats:  # noqa: ARG002  a probability's error is bounded
        """Return half the squared distance over all classes, which lies in [0, 1]."""
        truth = np.eye(len(self.classes))[np.asarray(labels, dtype=np.int64)]
        return np.asarray(np.minimum(((scores - truth) ** 2).sum(axis=1) / 2, 1.0))

    def _influence(self, name: str, labels: Labels, scores: Floats) -> Influence | None:
        if name in _ESTIMATES:
            return _ESTIMATES[name](labels, scores)
        if name == "value":
            return None if self.worth is None else averaged(self._priced(self.worth, labels, scores))
        return class_aucs(labels, scores).get(self.classes.index(name.removeprefix(AUC_OF)))

    def _priced(self, worth: Worth, labels: Labels, scores: Floats) -> Floats:
        names = np.array(self.classes)
        rows = pl.DataFrame({"score": names[scores.argmax(axis=1)], "label": names[np.asarray(labels, dtype=np.int64)]})
        return rows.select(worth(pl.col("score"), pl.col("label")).cast(pl.Float64).alias("worth"))["worth"].to_numpy()
