"""The parts that a table and the rows asked of it fall into, by key, none of them larger than there is memory for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import polars as pl

from trimaran.core.errors import Fault, InputError
from trimaran.data.features.buckets import MARK, mark
from trimaran.data.features.costs import Costs, in_words, of_table
from trimaran.data.features.plan import Way
from trimaran.data.features.spill import Piece, Spill, gathered, grouped, height, rows_in, slices, width

ROW = "\0row"
"""The column of numbers of asked rows."""

_BUCKETS = 64
"""Buckets made at once, since files should not be small; one that is still too large is divided again."""

_LEAST = 16
"""Into so many at least, so that a key with many rows is soon alone."""

_SPARE = 2
"""So many times more buckets are made than would do if all keys had as many rows; small ones are computed together."""


@dataclass(frozen=True)
class Part:
    """Rows of a table and rows asked for, of the same keys, on disk; ``name`` tells people which it is."""

    name: str
    held: Spill
    rows: Sequence[Piece]
    asking: Spill
    asked: Sequence[Piece]

    def read(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the rows of the table, those of a key in their order, and the asked rows."""
        return self.held.read(self.rows).drop(MARK), self.asking.read(self.asked).drop(MARK)


@dataclass(frozen=True)
class _Pair:
    """A table's rows and asked rows in the same buckets; those of a bucket have ``mark // divisor`` in common so far."""

    held: Spill
    asking: Spill
    buckets: int
    divisor: int

    def bucket(self) -> pl.Expr:
        return pl.col(MARK) // self.divisor % self.buckets


class Parts:
    """Rows of a table that are looked up one way, and the rows that ask, put aside by their key in files below ``folder``.

    Asked rows get a column ``ROW`` with their numbers; ``most`` of them come in one part.
    """

    def __init__(self, way: Way, rows: pl.LazyFrame, asked: pl.LazyFrame, *, costs: Costs, most: int, folder: Path) -> None:
        folder.mkdir()
        self._way = way
        self._costs = costs
        self._most = most
        self._folder = folder
        self._numbers = count()
        used = rows.select(way.columns)
        self._held = _held(used.head(0).collect(), way).schema
        self._asking = _asking(asked.head(0).collect(), way, 0).schema
        needed = height(used) * of_table(way, width(used))
        fits = needed <= costs.part
        self._pair = self._divided(1 if fits else min(-(-needed * _SPARE // costs.part), _BUCKETS), divisor=1)
        for _, some in slices(used, rows_in(costs.slice, used)):
            self._pair.held.add(_held(some, way), self._pair.bucket())
        for start, some in slices(asked, rows_in(costs.slice, asked)):
            self._pair.asking.add(_asking(some, way, start), self._pair.bucket())

    def __iter__(self) -> Iterator[Part]:
        """Yield parts that hold every asked row once; raises ``InputError`` for a key with more rows than memory can take."""
        for number, (pair, buckets) in enumerate(self._fitting(self._pair)):
            rows = [piece for bucket in buckets for piece in pair.held.pieces(bucket)]
            asked = [piece for bucket in buckets for piece in pair.asking.pieces(bucket)]
            for group in grouped(asked, self._most):
                name = f"part {number + 1} of {self._way.table.name} by {', '.join(self._way.on)}"
                yield Part(name, pair.held, rows, pair.asking, group)

    def _fitting(self, pair: _Pair) -> Iterator[tuple[_Pair, list[int]]]:
        """Yield buckets that can be computed together."""
        together: list[int] = []
        cost = 0
        for bucket in pair.asking.buckets:
            more = self._cost(pair.held.pieces(bucket))
            if more > self._costs.part:
                yield from self._fitting(self._redivided(pair, bucket, more))
                continue
            if together and cost + more > self._costs.part:
                yield pair, together
                together, cost = [], 0
            together.append(bucket)
            cost += more
        if together:
            yield pair, together

    def _cost(self, pieces: Sequence[Piece]) -> int:
        rows, size = sum(piece.rows for piece in pieces), sum(piece.size for piece in pieces)
        return rows * of_table(self._way, -(-size // max(rows, 1)))

    def _redivided(self, pair: _Pair, bucket: int, cost: int) -> _Pair:
        pieces = pair.held.pieces(bucket)
        low, high = (getattr(_marks(pieces), end)() for end in ("min", "max"))
        if low == high:
            raise InputError("memory", [self._too_large(pair, pieces, cost)])
        buckets = min(max(-(-cost * _SPARE // self._costs.part), _LEAST), _BUCKETS)
        finer = self._divided(buckets, pair.divisor * pair.buckets)
        for spill, into in ((pair.held, finer.held), (pair.asking, finer.asking)):
            for rows in gathered((spill.read([piece]) for piece in spill.pieces(bucket)), self._costs.slice):
                into.add(rows, finer.bucket())
        return finer

    def _divided(self, buckets: int, divisor: int) -> _Pair:
        folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        held, asking = Spill(folder / "rows", self._held), Spill(folder / "asked", self._asking, self._most)
        return _Pair(held, asking, buckets, divisor)

    def _too_large(self, pair: _Pair, pieces: Sequence[Piece], cost: int) -> Fault:
        key = pair.held.read(pieces[:1]).select(self._way.key).row(0)
        named = " and ".join(f"{name} {value!r}" for name, value in zip(self._way.key, key, strict=True))
        rows, wanted = sum(piece.rows for piece in pieces), cost * self._costs.memory // self._costs.part
        features = ", ".join(feature.name for feature in self._way.features)
        return Fault(
            where=f"table {self._way.table.name!r}",
            what=f"its {rows:,} rows with {named} need {in_words(cost)} at once, for {features}; {in_words(self._costs.part)} "
            f"of {in_words(self._costs.memory)} may be taken by the rows of one key",
            remedy=f"allow {in_words(wanted + wanted // 10)} of memory, or look up by a key with fewer rows each",
        )


def _held(rows: pl.DataFrame, way: Way) -> pl.DataFrame:
    """Return rows of a table with their marks, without those that match nothing."""
    return rows.with_columns(mark(way.key, rows.schema)).filter(pl.col(MARK).is_not_null())


def _asking(rows: pl.DataFrame, way: Way, start: int) -> pl.DataFrame:
    """Return asked rows with their numbers and marks; one without a key sees nothing, wherever it is."""
    anywhere = pl.col(ROW).cast(pl.UInt64)
    return rows.with_row_index(ROW, start).with_columns(mark(way.on, rows.schema).fill_null(anywhere))


def _marks(pieces: Sequence[Piece]) -> pl.Series:
    return pl.concat([pl.read_ipc(piece.path, columns=[MARK]) for piece in pieces])[MARK]
