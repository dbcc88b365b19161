"""What a task is: everything that depends on what is predicted, and on nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from trimaran.core.nouns import Measurement

Floats: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]
Labels: TypeAlias = npt.NDArray[Any]
Clusters: TypeAlias = npt.ArrayLike | None
Worth: TypeAlias = Callable[[pl.Expr, pl.Expr], pl.Expr]

Kind = Literal["binary", "regression", "multiclass", "ranking"]
KINDS: tuple[Kind, ...] = ("binary", "regression", "multiclass", "ranking")


NUMBERS: frozenset[Kind] = frozenset({"regression", "ranking"})
"""The kinds whose answer is a number and no probability."""


class Task(Protocol):
    """What is predicted, and what follows from it.

    ``labels`` are (n,) numbers: 0 or 1, the number itself, or the place of the class in ``classes``; where rows are ranked
    within groups they are (n,) pairs of a grade and the number of a group (``GRADED``), so that whatever selects labels keeps
    their groups, and whatever splits rows asks ``unsplit`` first. ``scores`` are (n,)
    numbers, or (n, classes) probabilities where there are several classes. ``measures`` are the names that rules may use,
    ``compared`` those that models can be ranked by, the standard one first; ``method`` is how a fitted estimator is asked.
    Law: of a measure, ``measure`` and ``difference`` are None with a note, and never raise, where sound rows cannot say it.
    """

    @property
    def kind(self) -> Kind:
        """The word a declaration uses for it."""
        ...

    @property
    def unit(self) -> str:
        """What is counted as one observation: rows, or groups of rows."""
        ...

    @property
    def classes(self) -> Sequence[str]:
        """The names of the classes, none where there are not several."""
        ...

    @property
    def measures(self) -> Sequence[str]:
        """Every measure there is."""
        ...

    @property
    def compared(self) -> Sequence[str]:
        """The measures that models can be ranked by."""
        ...

    @property
    def method(self) -> str:
        """The name of an estimator's method that answers."""
        ...

    @property
    def threshold(self) -> float | None:
        """The score from which a yes is answered; None where there is no yes."""
        ...

    @property
    def sound_row(self) -> pl.Expr:
        """Whether a captured row (score, probabilities) holds an answer that can be measured."""
        ...

    def truths(self, rows: pl.DataFrame) -> Labels:
        """Return the labels of rows (label, all known, and group where rows are ranked within one)."""
        ...

    def teachable(self, values: Labels) -> Labels:
        """Return labels as a model is fitted on them; raises ``InputError`` for a value that is none."""
        ...

    def numbers(self, labels: Labels) -> Labels:
        """Return labels as plain numbers: what a model is fitted on, and a profile counts."""
        ...

    def units(self, labels: Labels) -> int:
        """Return how many observations labels are: rows, or groups in which one order is better than another."""
        ...

    def lacking(self, labels: Labels) -> str:
        """Return why such labels can neither teach nor compare models, in words; empty where they can."""
        ...

    def sound(self, scores: Floats) -> Mask:
        """Return which rows have scores that can be an answer."""
        ...

    def captured(self, rows: pl.DataFrame) -> Floats:
        """Return the scores of captured rows, all sound."""
        ...

    def measure(
        self, name: str, labels: Labels, scores: Floats, level: float = 0.95, clusters: Clusters = None
    ) -> Measurement:
        """Return one measure of sound scores with its interval; ``clusters`` as in ``core.statistics.mean``."""
        ...

    def difference(
        self, name: str, labels: Labels, first: Floats, second: Floats, level: float = 0.95, clusters: Clusters = None
    ) -> Measurement:
        """Return measure(first) - measure(second) on the same rows, with its paired interval."""
        ...

    def turned(self, first: Floats, second: Floats) -> Mask:
        """Return in which rows two scores amount to different answers."""
        ...

    def scale(self, scores: Floats) -> float:
        """Return what a difference of two scores is held against: 1 for probabilities, the spread of numbers."""
        ...

    def losses(self, labels: Labels, scores: Floats, spread: float) -> Floats:
        """Return a loss in [0, 1] of each observation, of a group at its last row; ``spread`` is the labels' deviation in training."""
        ...
