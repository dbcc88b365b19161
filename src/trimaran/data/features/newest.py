"""The newest row of a table that was known at a moment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from trimaran.data.declaration import PREDICT_AT, Feature
from trimaran.data.features.evaluation import evaluate
from trimaran.data.features.moments import NEVER, Micros, as_column
from trimaran.data.features.timeline import Marks, Positions, Timeline, gathered

PIECE = 8_000
"""So many rows are looked up at once where each takes its own few steps: what they need stays in the cache, twice as fast."""

_UNSEEN = "\0unseen"


class NewestRow:
    """Finds, for each asked row, the newest row of its key that could be seen at its moment.

    Rows become visible at ``available``; of the visible ones the newest counts, of several at one moment the last in the
    table. Older than ``oldest`` microseconds it does not count.
    """

    def __init__(self, timeline: Timeline, available: Micros, oldest: int | None) -> None:
        self._timeline = timeline
        self._oldest = oldest
        self._best: Positions | None = None
        self._marks = timeline.marks
        if available is not timeline.time:
            seen = np.flatnonzero(available != NEVER)
            self._marks = Marks(timeline.group[seen], available[seen])
            # Places ascend with group, then time: their running maximum is the newest row so far, and no group's
            # maximum can reach into the next.
            self._best = np.maximum.accumulate(seen[self._marks.order])

    def find(self, group: Positions, moment: Micros) -> Positions:
        """Return where in the table the rows stand that asked rows of some groups and moments see, -1 for none."""
        if len(group) <= PIECE or not self._marks.counted:
            return self._found(group, moment)
        starts = range(0, len(group), PIECE)
        return np.concatenate([self._found(group[n : n + PIECE], moment[n : n + PIECE]) for n in starts])

    def _found(self, group: Positions, moment: Micros) -> Positions:
        timeline = self._timeline
        before = self._marks.until(group, moment) - 1
        found = before >= 0
        if not found.any():
            return np.full(len(group), -1)
        place = before if self._best is None else self._best[before]
        found &= timeline.group[place] == group
        if self._oldest is not None:
            found &= moment - timeline.time[place] <= self._oldest
        return np.where(found, timeline.row[place], -1)


class NewestValues:
    """The values that features have at the newest row seen; null where there is none.

    ``rows`` holds the columns they use. What does not depend on the moment asked for is computed once for every row.
    """

    def __init__(self, newest: NewestRow, rows: pl.DataFrame, features: Sequence[Feature]) -> None:
        self._newest = newest
        self._names = [feature.name for feature in features]
        fixed = [feature for feature in features if PREDICT_AT not in feature.inputs]
        computed = evaluate(fixed, [feature.expression for feature in fixed], rows.with_columns)
        self._fixed = [computed[feature.name] for feature in fixed]
        self._moving = [feature for feature in features if PREDICT_AT in feature.inputs]
        self._expressions = [
            pl.when(~pl.col(_UNSEEN)).then(feature.expression).alias(feature.name) for feature in self._moving
        ]
        used = dict.fromkeys(name for feature in self._moving for name in feature.columns)
        self._inputs = [rows[name] for name in used]

    def answer(self, group: Positions, moment: Micros) -> list[pl.Series]:
        """Return the values for asked rows of some groups and moments."""
        row = self._newest.find(group, moment)
        answers = dict(zip((column.name for column in self._fixed), gathered(self._fixed, row), strict=True))
        if self._moving:
            seen = [pl.Series(_UNSEEN, row < 0), as_column(moment).alias(PREDICT_AT), *gathered(self._inputs, row)]
            computed = evaluate(self._moving, self._expressions, pl.DataFrame(seen).with_columns)
            answers.update((feature.name, computed[feature.name]) for feature in self._moving)
        return [answers[name] for name in self._names]
