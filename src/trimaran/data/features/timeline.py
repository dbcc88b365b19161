"""A table's rows in order of key and event time, and the search for what stood at a moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trimaran.data.features.keys import Keys
from trimaran.data.features.moments import ALWAYS, NEVER, Micros, of_facts

Positions = NDArray[np.int64]

SEVERAL = 1_000
"""From here on it pays to sort what is searched for: in order, a search of millions of marks is ten times faster."""

DENSE = 4
"""Where there are at most so many ticks a mark, as in hourly tables, what is searched for is counted beforehand for each."""

LARGE = 50_000
"""From here on it pays to gather columns on all cores."""

_NARROW = np.iinfo(np.int16).max
_LARGEST = np.iinfo(np.int64).max


class Marks:
    """Moments in groups; answers how many of them lie at or before a moment of a group, all earlier groups' included.

    ``order`` sorts the marks by group, then moment, and ``stable``, then as they came.

    >>> marks = Marks(np.array([1, 0, 0]), np.array([15, 20, 10]))
    >>> marks.order.tolist()
    [2, 1, 0]
    >>> marks.until(np.array([0, 1, 1, -1]), np.array([10, 14, 15, 99])).tolist()
    [1, 2, 3, 0]
    """

    def __init__(self, group: Positions, moment: Micros, *, stable: bool = False) -> None:
        # Group and moment do not fit into one integer together; the group and the moment's ticks do: steps of the largest
        # unit that divides all moments, and where even these are too many, ranks.
        self._base = int(moment.min()) if len(moment) else 0
        ahead = moment - self._base
        self._unit = max(int(np.gcd.reduce(ahead)), 1) if len(moment) else 1
        self._width = (int(ahead.max()) // self._unit if len(moment) else 0) + 2
        self._moments: Micros | None = None
        groups = int(group.max()) + 2 if len(group) else 1
        if groups > _LARGEST // self._width:
            ascending = np.sort(moment)
            self._moments = ascending[np.diff(ascending, prepend=ascending[0] - 1) > 0]
            self._width = len(self._moments) + 1
        marks = group * self._width + self._ticks(moment)
        self.order = _order(group, moment, marks, stable=stable)
        self._marks = marks[self.order]
        self._counts: Positions | None = None
        cells = (groups - 1) * self._width
        if cells <= max(DENSE * len(marks), SEVERAL):
            self._counts = np.zeros(cells + 1, np.int64)
            np.cumsum(np.bincount(marks, minlength=cells), out=self._counts[1:])

    @property
    def counted(self) -> bool:
        """Whether what is searched for is found without a search."""
        return self._counts is not None

    def until(self, group: Positions, moment: Micros, order: Positions | None = None) -> Positions:
        """Return how many marks come before the end of (group, moment); group -1 comes before all.

        ``order`` may say in which order groups and moments ascend, so that it need not be found again.
        """
        cell = group * self._width + self._ticks(moment)
        if self._counts is not None:
            counted: Positions = self._counts[np.clip(cell, -1, len(self._counts) - 2) + 1]
            return counted
        return _places(self._marks, cell, order)

    def _ticks(self, moment: Micros) -> Positions:
        """Return each moment's place among the possible ones: 0 before them all, the last at or after the latest."""
        if self._moments is not None:
            return _places(self._moments, moment)
        # Clipped first: what lies far before the base could not be taken off it.
        near = np.clip(moment, self._base - self._unit, self._base + self._unit * (self._width - 2))
        return (near - self._base) // self._unit + 1


class Timeline:
    """The rows of one table, grouped by the values of some columns, oldest first; of rows at one moment the table's order.

    ``row`` says where each place of the timeline stands in the table, ``group`` and ``time`` what it holds. A row with a
    null in its key or its time is left out; a table without time has its rows at the beginning of all times.
    """

    def __init__(self, rows: pl.DataFrame, key: Sequence[str], time: str | None) -> None:
        self._keys = Keys(rows, key)
        group = self._keys.numbers
        moment = np.full(rows.height, ALWAYS) if time is None else of_facts(rows[time])
        kept = np.flatnonzero((group >= 0) & (moment != NEVER))
        if len(kept) < len(group):
            group, moment = group[kept], moment[kept]
        self.marks = Marks(group, moment, stable=True)
        order = self.marks.order
        self.row: Positions = kept[order]
        self.group: Positions = group[order]
        self.time: Micros = moment[order]

    def groups(self, asked: pl.DataFrame, on: Sequence[str]) -> Positions:
        """Return the group each asked row belongs to by the values of its columns, -1 where there is none."""
        return self._keys.find(asked, on)

    def available(self, rows: pl.DataFrame, moments: Sequence[str]) -> Micros:
        """Return from when on each place may be seen: its event time, or the latest of some moments if that is later."""
        seen = self.time
        for name in moments:
            seen = np.maximum(seen, of_facts(rows[name])[self.row])
        return seen


def gathered(columns: Iterable[pl.Series], places: Positions) -> list[pl.Series]:
    """Return the values of columns at some places, null at the place -1."""
    index = pl.Series(places.astype(np.uint32))  # the type Polars indexes by: checked once, not once a column
    missing = places < 0
    if missing.any():
        index = index.set(pl.Series(missing), None)
    if len(places) < LARGE:
        return [column.gather(index) for column in columns]
    named = list(columns)
    table = pl.DataFrame([column.alias(str(number)) for number, column in enumerate(named)])
    return [found.alias(each.name) for found, each in zip(table.select(pl.all().gather(index)), named, strict=True)]


def _order(group: Positions, moment: Micros, marks: Positions, *, stable: bool) -> Positions:
    """Return the order of marks, the quickest way there is."""
    if _ascends(marks):
        return np.arange(len(marks))
    if group.max() <= _NARROW and group.min() >= -1 and _ascends(moment):
        return np.argsort(group.astype(np.int16), kind="stable")  # two bytes are sorted by counting
    if not stable:
        return np.argsort(marks)
    # Polars sorts on all cores, five times faster than numpy.lexsort.
    return (
        pl.DataFrame({"m": marks}).select(pl.arg_sort_by("m", maintain_order=True)).to_series().to_numpy().astype(np.int64)
    )


def _ascends(marks: Positions) -> bool:
    return bool((marks[1:] >= marks[:-1]).all())


def ascending(group: Positions, moment: Micros) -> Positions | None:
    """Return the order in which groups and moments ascend, None for so few that it does not pay."""
    return None if len(group) < SEVERAL else Marks(group + 1, moment).order


def _places(marks: Positions, wanted: Positions, order: Positions | None = None) -> Positions:
    if len(wanted) < SEVERAL or (order is None and _ascends(wanted)):
        return np.searchsorted(marks, wanted, side="right")
    order = np.argsort(wanted) if order is None else order
    places = np.empty(len(wanted), np.int64)
    places[order] = np.searchsorted(marks, wanted[order], side="right")
    return places
