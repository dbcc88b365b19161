"""The aggregates most windows ask for, without going through their rows one by one where that can be spared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trimaran.data.features.moments import Micros, as_column
from trimaran.data.features.newest import NewestRow
from trimaran.data.features.stays import Stays
from trimaran.data.features.sums import RealSum, WholeSum, numbers
from trimaran.data.features.timeline import Positions, gathered

Answer = tuple[NDArray[Any], NDArray[np.bool_]]
"""Values, and which of them are null."""


@dataclass(frozen=True)
class Asked:
    """Asked rows of some groups and moments, and how many stays had begun and had ended for each."""

    group: Positions
    moment: Micros
    entered: Positions
    left: Positions


class Sums:
    """Counts, sums and means of one value a row, null not counted, NaN a number like any: differences of running totals.

    Raises ``OverflowError`` where a sum would not be exact.
    """

    def __init__(self, kind: str, stays: Stays, column: pl.Series, dtype: pl.DataType) -> None:
        self._kind = kind
        self._dtype = dtype
        self._present = (
            WholeSum(stays.span, column.is_not_null().to_numpy().astype(np.int64)) if column.null_count() else None
        )
        self._total: WholeSum | RealSum | None = None
        if kind == "sum" and dtype.is_integer():
            self._total = WholeSum(stays.span, numbers(column).astype(np.int64))
        elif kind in {"sum", "mean"}:
            self._total = RealSum(stays.span, numbers(column))

    def answer(self, asked: Asked) -> pl.Series:
        """Return the aggregate for each asked row."""
        if self._present is None or self._kind == "len":
            count = asked.entered - asked.left
        else:
            count = self._present.between(asked.entered, asked.left)
        if self._total is None:
            return pl.Series(count).cast(self._dtype)
        total = self._total.between(asked.entered, asked.left)
        if self._kind == "sum":
            return pl.Series(total).cast(self._dtype, wrap_numerical=True)
        return _series((total / np.maximum(count, 1), count == 0), self._dtype)


class Last:
    """The value of the newest row in the window, which may be null."""

    def __init__(self, stays: Stays, column: pl.Series) -> None:
        self._newest = NewestRow(stays.timeline, stays.available, stays.width - 1)
        self._column = column

    def answer(self, asked: Asked) -> pl.Series:
        """Return the value for each asked row."""
        return gathered([self._column], self._newest.find(asked.group, asked.moment))[0]


class Moments:
    """The moment asked for itself, null where the window is empty."""

    def answer(self, asked: Asked) -> pl.Series:
        """Return the moment of each asked row."""
        return as_column(asked.moment).set(pl.Series(asked.entered == asked.left), None)


class RowByRow:
    """Aggregates that need a look at every row of a window; ``reduce`` shows them runs of rows."""

    def __init__(self, kind: str, stays: Stays, column: pl.Series, dtype: pl.DataType) -> None:
        ordered = gathered([column], stays.row)[0].to_physical()
        self._dtype = dtype
        self._reduce = _RUNS[kind]
        self._absent = ordered.is_null().to_numpy()
        filled = ordered.fill_null(0).to_numpy()
        self._values = filled.astype(np.float64) if kind in {"std", "var"} else filled
        if kind in {"min", "max"} and self._absent.any():
            self._values = np.where(self._absent, _identity(kind, filled.dtype), filled)
        self._present = (~self._absent).astype(np.int64)

    def nothing(self, count: int) -> Answer:
        """Return the answers for so many empty windows."""
        return np.zeros(count, self._values.dtype), np.ones(count, np.bool_)

    def reduce(self, answers: Answer, asked: Positions, place: Positions, start: Positions) -> None:
        """Fill in the answers at ``asked`` for the runs of ``place`` that begin at ``start``, none of them empty."""
        present = self._present[place]
        values, null = answers
        values[asked], null[asked] = self._reduce(self._values[place], present, start)

    def series(self, answers: Answer) -> pl.Series:
        """Return answers as a column."""
        return _series(answers, self._dtype)


class Aggregates:
    """Computes aggregates over the stays of a table's rows in a window.

    Counts, sums and means are differences of running totals, the last row is searched for; for the others the rows of a
    window are gone through, in NumPy. An answer depends on the rows in its window and nothing else, to the last bit.
    """

    def __init__(self, stays: Stays) -> None:
        self._stays = stays
        self._aggregates: list[Sums | Last | Moments | RowByRow] = []

    def add(self, kind: str, column: pl.Series, dtype: pl.DataType) -> int:
        """Add an aggregate of a column in the table's order; return its number. Raises ``OverflowError`` like ``Sums``."""
        if kind in _RUNS:
            self._aggregates.append(RowByRow(kind, self._stays, column, dtype))
        elif kind == "last":
            self._aggregates.append(Last(self._stays, column))
        elif kind == "moment":
            self._aggregates.append(Moments())
        else:
            self._aggregates.append(Sums(kind, self._stays, column, dtype))
        return len(self._aggregates) - 1

    def answer(self, group: Positions, moment: Micros) -> list[pl.Series]:
        """Return all aggregates for asked rows of some groups and moments, in the order they were added."""
        asked = Asked(group, moment, *self._stays.bounds(group, moment))
        by_rows = {each: each.nothing(len(group)) for each in self._aggregates if isinstance(each, RowByRow)}
        for some, place in self._stays.pairs(group, moment) if by_rows else ():
            start = np.flatnonzero(np.diff(some, prepend=-1))
            for each, answers in by_rows.items():
                each.reduce(answers, some[start], place, start)
        return [
            each.series(by_rows[each]) if isinstance(each, RowByRow) else each.answer(asked) for each in self._aggregates
        ]


def _extreme(values: NDArray[Any], present: Positions, start: Positions, choose: np.ufunc) -> Answer:
    # fmin and fmax pass over NaN while there is anything else, as Polars does.
    return choose.reduceat(values, start), np.add.reduceat(present, start) == 0


def _variance(values: NDArray[np.float64], present: Positions, start: Positions) -> Answer:
    """Return the sample variance of each run in two passes; null for fewer than two values."""
    count = np.add.reduceat(present, start)
    mean = np.add.reduceat(values * present, start) / np.maximum(count, 1)
    away = (values - np.repeat(mean, np.diff(start, append=len(values)))) * present
    return np.add.reduceat(away * away, start) / np.maximum(count - 1, 1), count < 2  # noqa: PLR2004  a spread needs two


def _deviation(values: NDArray[np.float64], present: Positions, start: Positions) -> Answer:
    variance, null = _variance(values, present, start)
    return np.sqrt(variance), null


_RUNS: Mapping[str, Callable[[NDArray[Any], Positions, Positions], Answer]] = {
    "min": lambda values, present, start: _extreme(values, present, start, np.fmin),
    "max": lambda values, present, start: _extreme(values, present, start, np.fmax),
    "std": _deviation,
    "var": _variance,
}


def _identity(kind: str, dtype: np.dtype[Any]) -> float | int:
    """Return what never is the smallest or the largest of some values."""
    if dtype.kind == "f":
        return float("nan")
    limits = np.iinfo(dtype)
    return int(limits.max if kind == "min" else limits.min)


def _series(answer: Answer, dtype: pl.DataType) -> pl.Series:
    values, null = answer
    column = pl.Series(values)
    if null.any():
        column = column.set(pl.Series(null), None)
    return column if column.dtype == dtype else column.cast(dtype)


def types(expressions: Sequence[pl.Expr], schema: pl.Schema) -> list[pl.DataType]:
    """Return the types that aggregates have in Polars."""
    group = "\0group"
    named = [expression.alias(str(number)) for number, expression in enumerate(expressions)]
    empty = pl.DataFrame(schema={group: pl.Int64, **schema})
    return empty.group_by(group).agg(named).drop(group).dtypes
