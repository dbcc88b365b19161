"""Aggregates over the rows of a time window that were known at a moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import numpy as np
import polars as pl

from trimaran.data.declaration import Feature
from trimaran.data.features.evaluation import evaluate
from trimaran.data.features.moments import Micros, span
from trimaran.data.features.timeline import Positions, Timeline, gathered

PAIRS = 4_000_000
"""How many pairs of asked row and row in its window are held at once, unless said otherwise: some 100 MB."""

MANY = 20_000
"""From here on it pays to tell Polars that pairs are sorted: it groups 4,000,000 four times faster, but 800 more slowly."""

_ASKED = "\0asked"


class TimeWindow:
    """Aggregates, for each asked row, the rows of its key with event time in (moment - width, moment] seen by its moment.

    ``rows`` holds the columns the features use. An expression meets the rows of a window oldest first. An empty window gives
    what the expression gives on no rows: 0 for counts and sums, null for means. ``pairs`` bounds the memory used.
    """

    def __init__(
        self,
        timeline: Timeline,
        available: Micros,
        rows: pl.DataFrame,
        width: timedelta,
        features: Sequence[Feature],
        *,
        pairs: int = PAIRS,
    ) -> None:
        self._timeline = timeline
        self._available = None if available is timeline.time else available
        self._width = span(width)
        self._features = features
        self._pairs = pairs
        self._expressions = [feature.expression for feature in features]
        self._columns = [column[timeline.row] for column in rows]
        self._nothing = self._on_nothing(rows.schema)

    def answer(self, group: Positions, moment: Micros) -> list[pl.Series]:
        """Return the aggregates for asked rows of some groups and moments."""
        distinct, whose = _distinct(group, moment)
        group, moment = group[distinct], moment[distinct]
        first = self._timeline.marks.until(group, moment - self._width)
        size = self._timeline.marks.until(group, moment) - first
        table = self._nothing
        place = np.zeros(len(group), np.int64)
        for part in self._aggregates(first, size, moment):
            asked = part.drop_in_place(_ASKED).to_numpy()
            place[asked] = np.arange(table.height, table.height + len(asked))
            table = table.vstack(part)
        return gathered(table, place[whose])

    def _aggregates(self, first: Positions, size: Positions, moment: Micros) -> Iterator[pl.DataFrame]:
        for start, end in _chunks(size, self._pairs):
            asked = np.repeat(np.arange(start, end), size[start:end])
            shift = first[start:end] - (np.cumsum(size[start:end]) - size[start:end])
            place = np.arange(len(asked)) + np.repeat(shift, size[start:end])
            if self._available is not None:
                seen = self._available[place] <= moment[asked]
                asked, place = asked[seen], place[seen]
            whose = pl.Series(_ASKED, asked)
            if len(asked) >= MANY:
                whose = whose.set_sorted()
            pairs = pl.DataFrame([whose, *gathered(self._columns, place)])
            yield evaluate(self._features, self._expressions, pairs.group_by(_ASKED, maintain_order=True).agg)

    def _on_nothing(self, schema: pl.Schema) -> pl.DataFrame:
        """Return one row with what each expression gives on no rows, in the type it has on some."""
        empty = pl.DataFrame(schema={_ASKED: pl.Int64, **schema})
        kinds = evaluate(self._features, self._expressions, empty.group_by(_ASKED).agg).schema
        answers = []
        for feature, expression in zip(self._features, self._expressions, strict=True):
            try:
                answer = empty.select(expression)[feature.name]
            except pl.exceptions.PolarsError:  # an expression like get(0), which has no answer on nothing
                answer = pl.Series(feature.name, [None])
            answers.append(answer.cast(kinds[feature.name]))
        return pl.DataFrame(answers)


def _distinct(group: Positions, moment: Micros) -> tuple[Positions, Positions]:
    """Return where each distinct pair of group and moment first stands, in order, and which of them each row has."""
    order = np.lexsort((moment, group))
    fresh = np.ones(len(order), np.bool_)
    fresh[1:] = (group[order[1:]] != group[order[:-1]]) | (moment[order[1:]] != moment[order[:-1]])
    whose = np.empty(len(order), np.int64)
    whose[order] = np.cumsum(fresh) - 1
    return order[fresh], whose


def _chunks(size: Positions, pairs: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of asked rows whose windows hold at most ``pairs`` rows together, or one asked row with more."""
    ends = np.cumsum(size)
    start, done = 0, 0
    while start < len(size) and done < ends[-1]:
        end = max(start + 1, int(np.searchsorted(ends, done + pairs, side="right")))
        yield start, end
        start, done = end, int(ends[end - 1])
