"""The newest row of a table that was known at a moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import polars as pl

from trimaran.data.features.moments import Micros, span
from trimaran.data.features.timeline import Marks, Positions, Timeline, gathered


class NewestRow:
    """Finds, for each asked row, the newest row of its key that could be seen at its moment, and gives its values.

    ``values`` holds the table's rows as the features see them. Rows become visible at ``available``; of the visible ones the
    newest counts, of several at one moment the last in the table. Older than ``max_age`` it does not count.
    """

    def __init__(
        self, timeline: Timeline, available: Micros, values: Sequence[pl.Series], max_age: timedelta | None
    ) -> None:
        self._timeline = timeline
        self._oldest = None if max_age is None else span(max_age)
        if available is timeline.time:
            self._marks, self._best = timeline.marks, None
        else:
            arrival = np.lexsort((available, timeline.group))
            self._marks = Marks(timeline.group[arrival], available[arrival])
            # Places ascend with group, then time: their running maximum is the newest row so far, and no group's
            # maximum can reach into the next.
            self._best = np.maximum.accumulate(arrival)
        # One null stands behind the last row, for those who find none.
        self._values = [column[timeline.row].extend(pl.Series([None], dtype=column.dtype)) for column in values]

    def answer(self, group: Positions, moment: Micros) -> list[pl.Series]:
        """Return the values for asked rows of some groups and moments; null where no row could be seen."""
        timeline, missing = self._timeline, len(self._timeline.row)
        if missing == 0:
            return gathered(self._values, np.zeros(len(group), np.int64))
        before = self._marks.until(group, moment) - 1
        place = before if self._best is None else self._best[before]
        found = (before >= 0) & (timeline.group[place] == group)
        if self._oldest is not None:
            found &= moment - timeline.time[place] <= self._oldest
        return gathered(self._values, np.where(found, place, missing))
