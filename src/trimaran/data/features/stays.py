"""When each row of a table comes into a time window and leaves it again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from trimaran.data.features.moments import Micros, span
from trimaran.data.features.sums import Span
from trimaran.data.features.timeline import Marks, Positions, Timeline, ascending

PAIRS = 4_000_000
"""How many pairs of asked row and row in its window are held at once, unless said otherwise: some 100 MB."""


class Stays:
    """The rows of a timeline that are ever in the window (moment - width, moment] of a moment they are known at.

    A row comes in when it becomes ``available`` and leaves ``width`` after its event time; one that becomes known later than
    that is never in. ``row`` says where each stay's row stands in the table, in order of group and event time.
    """

    def __init__(self, timeline: Timeline, available: Micros, width: timedelta, pairs: int = PAIRS) -> None:
        self.timeline = timeline
        self.available = available
        self.width = span(width)
        self._pairs = pairs
        self.row, self._leaves = timeline.row, timeline.marks
        group, time = timeline.group, timeline.time
        self._known: Micros | None = None
        if available is not time:
            kept = np.flatnonzero(available - self.width < time)
            self.row, self._known = timeline.row[kept], available[kept]
            self._leaves = Marks(group[kept], time[kept])
            self._enters = Marks(group[kept], self._known)
            self.span = Span(self.row[self._enters.order], self.row)
        else:
            self._enters = self._leaves
            self.span = Span(self.row, self.row)

    def bounds(self, group: Positions, moment: Micros) -> tuple[Positions, Positions]:
        """Return how many rows had entered the windows of earlier groups and this one, and how many had left them."""
        order = ascending(group, moment)
        return self._enters.until(group, moment, order), self._leaves.until(group, moment - self.width, order)

    def pairs(self, group: Positions, moment: Micros) -> Iterator[tuple[Positions, Positions]]:
        """Yield chunks of pairs of asked row and place of a stay, the asked rows ascending, none without a pair."""
        first = self._leaves.until(group, moment - self.width)
        size = self._leaves.until(group, moment) - first
        for start, end in _chunks(size, self._pairs):
            asked = np.repeat(np.arange(start, end), size[start:end])
            shift = first[start:end] - (np.cumsum(size[start:end]) - size[start:end])
            place = np.arange(len(asked)) + np.repeat(shift, size[start:end])
            if self._known is not None:
                seen = self._known[place] <= moment[asked]
                asked, place = asked[seen], place[seen]
            if len(asked):
                yield asked, place


def _chunks(size: Positions, pairs: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of asked rows whose windows hold at most ``pairs`` rows together, or one asked row with more."""
    ends = np.cumsum(size)
    start, done = 0, 0
    while start < len(size) and done < ends[-1]:
        end = max(start + 1, int(np.searchsorted(ends, done + pairs, side="right")))
        yield start, end
        start, done = end, int(ends[end - 1])
