"""A table's rows in order of key and event time, and the search for what stood at a moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trimaran.data.features.moments import ALWAYS, Micros, of_facts

Positions = NDArray[np.int64]


class Marks:
    """Moments in groups, sorted by group and moment; answers how many of them lie at or before a moment of a group.

    >>> marks = Marks(np.array([0, 0, 1]), np.array([10, 20, 15]))
    >>> marks.until(np.array([0, 1, 1, -1]), np.array([10, 14, 15, 99])).tolist()
    [1, 2, 3, 0]
    """

    def __init__(self, group: Positions, moment: Micros) -> None:
        self._moments = np.unique(moment)
        # Group and moment do not fit into one integer together; the group and the moment's rank do.
        self._width = len(self._moments) + 1
        self._marks = group * self._width + np.searchsorted(self._moments, moment, side="right")
        if (np.diff(self._marks) < 0).any():
            raise AssertionError("marks must be sorted by group and moment")

    def until(self, group: Positions, moment: Micros) -> Positions:
        """Return how many marks come before the end of (group, moment); group -1 comes before all."""
        rank = np.searchsorted(self._moments, moment, side="right")
        return np.searchsorted(self._marks, group * self._width + rank, side="right")


class Timeline:
    """The rows of one table, grouped by the values of some columns, oldest first; of rows at one moment the table's order.

    ``row`` says where each place of the timeline stands in the table, ``group`` and ``time`` what it holds. A row with a
    null in its key is left out; a table without time has its rows at the beginning of all times.
    """

    def __init__(self, rows: pl.DataFrame, key: Sequence[str], time: str | None) -> None:
        keys = _keys(rows, key)
        self._groups = {
            value: number for number, value in enumerate(dict.fromkeys(value for value in keys if value is not None))
        }
        group = self._find(keys)
        moment = np.full(rows.height, ALWAYS) if time is None else of_facts(rows[time])
        kept = np.flatnonzero(group >= 0)
        self.row: Positions = kept[np.lexsort((moment[kept], group[kept]))]
        self.group: Positions = group[self.row]
        self.time: Micros = moment[self.row]
        self.marks = Marks(self.group, self.time)

    def groups(self, asked: pl.DataFrame, on: Sequence[str]) -> Positions:
        """Return the group each asked row belongs to by the values of its columns, -1 where there is none."""
        return self._find(_keys(asked, on))

    def available(self, rows: pl.DataFrame, moments: Sequence[str]) -> Micros:
        """Return from when on each place may be seen: its event time, or the latest of some moments if that is later."""
        seen = self.time
        for name in moments:
            seen = np.maximum(seen, of_facts(rows[name])[self.row])
        return seen

    def _find(self, keys: list[Any]) -> Positions:
        return np.fromiter(map(self._groups.get, keys, repeat(-1)), np.int64, len(keys))


def gathered(columns: Iterable[pl.Series], places: Positions) -> list[pl.Series]:
    """Return the values of columns at some places, all of which must be there."""
    index = pl.Series(places.astype(np.uint32))  # the type Polars indexes by: checked once, not once a column
    return [column[index] for column in columns]


def _keys(rows: pl.DataFrame, columns: Sequence[str]) -> list[Any]:
    """Return each row's key: the value of one column or a tuple of several, None where any of them is null."""
    values = [rows[name].to_list() for name in columns]
    if len(values) == 1:
        return values[0]
    return [None if None in key else key for key in zip(*values, strict=True)]
