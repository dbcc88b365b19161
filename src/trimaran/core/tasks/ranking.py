"""The task of an order within groups, like the results of a search: a number is answered, and only its order counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import msgspec
import numpy as np
import polars as pl

from trimaran.core.errors import Fault, InputError
from trimaran.core.nouns import Measurement
from trimaran.core.statistics import Influence, Ranked, averaged, interval, paired, ranked
from trimaran.core.tasks.number import Number
from trimaran.core.tasks.task import Clusters, Floats, Kind, Labels, Mask, Worth

GRADED = np.dtype([("grade", np.float64), ("group", np.int64)])
"""What a label is where rows are ranked: its grade, 0 for the worst, and the number of the group that it is ranked in."""

PLACES = 10
"""How many places of a group count unless said otherwise: what a person looks at."""

_NOTHING = "no group holds two grades: there is nothing to put in order"

_VALUES: Mapping[str, Callable[[Ranked, Floats, int], Floats]] = {
    "ndcg": lambda groups, scores, at: groups.ndcg(scores, at),
    "map": lambda groups, scores, _: groups.average_precision(scores),
    "mrr": lambda groups, scores, _: groups.reciprocal_rank(scores),
}


@dataclass(frozen=True)
class Ranking:
    """The ``Task`` of an order within groups; of NDCG the first ``at`` places of each group count.

    A group is the unit of every measure: its ``n`` counts groups, its interval is that of a mean over groups, each in the
    cluster of its last row. Groups of one row, or of one grade, are left out, and the note says how many.

    >>> labels = np.array([(2, 0), (0, 0), (1, 1), (0, 1), (1, 2)], dtype=GRADED)
    >>> seen = Ranking().measure("ndcg", labels, np.array([0.9, 0.1, 0.2, 0.8, 0.5]))
    >>> round(seen.value, 4), seen.n, seen.note
    (0.8155, 2, '1 group of one row or one grade left out')
    """

    kind: ClassVar[Kind] = "ranking"
    unit: ClassVar[str] = "groups"
    classes: ClassVar[tuple[str, ...]] = ()
    measures: ClassVar[tuple[str, ...]] = ("ndcg", "map", "mrr")
    compared: ClassVar[tuple[str, ...]] = measures
    method: ClassVar[str] = "predict"
    threshold: ClassVar[None] = None
    worth: ClassVar[Worth | None] = None

    at: int = PLACES

    @property
    def sound_row(self) -> pl.Expr:
        """Whether the score is a number."""
        return pl.col("score").is_finite()

    def truths(self, rows: pl.DataFrame) -> Labels:
        """Return grade and group of each row; one that names no group is a group by itself."""
        found = np.empty(rows.height, dtype=GRADED)
        found["grade"] = rows["label"].to_numpy()
        # A row without a name gets a number below zero, which no other has.
        named, alone = pl.col("group").cast(pl.String).rank("dense").cast(pl.Int64), -1 - pl.int_range(pl.len())
        found["group"] = rows.select(code=pl.coalesce(named, alone))["code"].to_numpy()
        return found

    def teachable(self, values: Labels) -> Labels:
        """Return the labels; raises ``InputError`` for a grade that is no whole number of 0 or more."""
        grades = values["grade"]
        strange = grades[~(np.isfinite(grades) & (grades >= 0) & (np.floor(grades) == grades))]
        if strange.size:
            what = f"{strange.size} of {grades.size} labels are no grade, a whole number from 0, the first is {strange[0]:g}"
            remedy = "make the label a grade: 0 for what should stand last, more for what should stand above"
            raise InputError("label", [Fault(what=what, remedy=remedy)])
        return values

    def numbers(self, labels: Labels) -> Labels:
        """Return the grades."""
        return np.ascontiguousarray(labels["grade"])

    def lacking(self, labels: Labels) -> str:
        """Return why, where no group holds two grades."""
        return "" if self.units(labels) else _NOTHING

    def units(self, labels: Labels) -> int:
        """Return how many groups can tell good from bad."""
        return _ranked(labels).number

    def sound(self, scores: Floats) -> Mask:
        """Return which scores are finite."""
        return np.isfinite(scores)

    def captured(self, rows: pl.DataFrame) -> Floats:
        """Return the scores of captured rows."""
        return rows["score"].to_numpy()

    def measure(
        self, name: str, labels: Labels, scores: Floats, level: float = 0.95, clusters: Clusters = None
    ) -> Measurement:
        """Return the mean of one measure over groups with its interval."""
        groups = _ranked(labels)
        if not groups.number:
            return Measurement(value=None, note=_NOTHING)
        seen = interval(self._seen(name, groups, scores), level, floor=0.0, ceiling=1.0, clusters=_of(groups, clusters))
        return _told(seen, groups)

    def difference(
        self, name: str, labels: Labels, first: Floats, second: Floats, level: float = 0.95, clusters: Clusters = None
    ) -> Measurement:
        """Return the paired difference of two means over the same groups."""
        groups = _ranked(labels)
        if not groups.number:
            return Measurement(value=None, note=_NOTHING)
        ours, theirs = (self._seen(name, groups, scores) for scores in (first, second))
        return _told(paired(ours, theirs, level, _of(groups, clusters), largest=1.0), groups)

    def turned(self, first: Floats, second: Floats) -> Mask:
        """Return in which rows two scores are further apart than a hundredth of their spread, as of numbers."""
        return Number().turned(first, second)

    def scale(self, scores: Floats) -> float:
        """Return the standard deviation of the finite scores, their size where they do not vary."""
        return Number().scale(scores)

    def losses(self, labels: Labels, scores: Floats, spread: float) -> Floats:  # noqa: ARG002  NDCG lies in [0, 1]
        """Return 1 - NDCG of each group that can tell good from bad, in the order of their last rows."""
        groups = _ranked(labels)
        return np.asarray(np.clip(1 - groups.ndcg(scores, self.at), 0.0, 1.0))

    def _seen(self, name: str, groups: Ranked, scores: Floats) -> Influence:
        return averaged(np.clip(_VALUES[name](groups, scores, self.at), 0.0, 1.0))


def unsplit(labels: Labels, mask: Mask) -> Mask:
    """Return a mask without the rows of each group that it would split; of labels without groups the mask itself.

    >>> labels = np.array([(1, 0), (0, 0), (1, 1), (0, 1)], dtype=GRADED)
    >>> unsplit(labels, np.array([True, False, True, True])).tolist()
    [False, False, True, True]
    """
    if labels.dtype.names is None:
        return mask
    codes, number = blocks(labels)
    return np.asarray(mask & (np.bincount(codes, weights=~mask, minlength=number) == 0)[codes])


def blocks(labels: Labels) -> tuple[np.ndarray, int]:
    """Return which block each row is of, counted as they come, and how many there are: its group, or the row itself.

    Who takes a sample takes whole blocks.

    >>> blocks(np.array([(1, 7), (0, 3), (2, 7)], dtype=GRADED))
    (array([0, 1, 0]), 2)
    """
    if labels.dtype.names is None:
        return np.arange(labels.size), labels.size
    _, first, codes = np.unique(labels["group"], return_index=True, return_inverse=True)
    place = np.empty(first.size, dtype=np.int64)
    place[np.argsort(first)] = np.arange(first.size)
    return place[codes], first.size


def evenly(labels: Labels, most: int) -> np.ndarray:
    """Return the places of about so many rows at most, in whole blocks, as many from any part of all of them.

    >>> evenly(np.zeros(7), 3).tolist()
    [0, 3, 6]
    """
    codes, number = blocks(labels)
    few = min(max(1, most * number // max(1, labels.size)), number)
    return np.flatnonzero(np.isin(codes, np.linspace(0, number - 1, few).astype(np.int64)))


def shuffled(labels: Labels, generator: np.random.Generator) -> Labels:
    """Return labels in another order; of pairs the grades alone, so that the groups stay whole."""
    if labels.dtype.names is None:
        return generator.permutation(labels)
    found = labels.copy()
    found["grade"] = generator.permutation(labels["grade"])
    return found


def in_groups(labels: Labels) -> tuple[np.ndarray, np.ndarray]:
    """Return the order in which the rows of each group stand together, groups and rows as they come, and the groups' sizes.

    >>> labels = np.array([(1, 7), (0, 3), (2, 7)], dtype=GRADED)
    >>> order, sizes = in_groups(labels)
    >>> order.tolist(), sizes.tolist()
    ([0, 2, 1], [2, 1])
    """
    codes, number = blocks(labels)
    return np.argsort(codes, kind="stable"), np.bincount(codes, minlength=number)


def _ranked(labels: Labels) -> Ranked:
    return ranked(labels["grade"], labels["group"])


def _of(groups: Ranked, clusters: Clusters) -> Clusters:
    return None if clusters is None else np.asarray(clusters)[groups.last]


def _told(seen: Measurement, groups: Ranked) -> Measurement:
    if not groups.left_out:
        return seen
    many = "group" if groups.left_out == 1 else "groups"
    note = "; ".join(filter(None, [seen.note, f"{groups.left_out} {many} of one row or one grade left out"]))
    return msgspec.structs.replace(seen, note=note)
