"""Rows put aside on disk, so that neither a table nor what is asked of it has to fit into memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import polars as pl

_SAMPLE = 1_000
_MOST = 1_000_000


@dataclass(frozen=True)
class Piece:
    """Some rows in a file, and how much memory they took."""

    path: Path
    rows: int
    size: int


class Spill:
    """Rows in files of at most ``most`` rows each, by bucket, each bucket's in the order they came."""

    def __init__(self, folder: Path, schema: pl.Schema, most: int = _MOST) -> None:
        folder.mkdir()
        self._schema = schema
        self._most = most
        self._folder = folder
        self._numbers = count()
        self._pieces: dict[int, list[Piece]] = {}

    def add(self, rows: pl.DataFrame, bucket: pl.Expr) -> None:
        """Put rows aside, each in the bucket an expression says."""
        column = "\0bucket"
        parts = rows.with_columns(bucket.alias(column)).partition_by(column, as_dict=True, include_key=False)
        for (number,), part in parts.items():
            for some in part.iter_slices(self._most):
                path = self._folder / f"{next(self._numbers)}.ipc"
                some.write_ipc(path, compression="lz4")
                self._pieces.setdefault(number, []).append(Piece(path, some.height, int(some.estimated_size())))

    @property
    def buckets(self) -> list[int]:
        """The numbers of the buckets that have rows, ascending."""
        return sorted(self._pieces)

    def pieces(self, bucket: int) -> list[Piece]:
        """Return the files of a bucket, in the order of their rows."""
        return self._pieces.get(bucket, [])

    def read(self, pieces: Iterable[Piece]) -> pl.DataFrame:
        """Return the rows of some files, one after the other."""
        found = [pl.read_ipc(piece.path) for piece in pieces]
        return pl.concat(found) if found else self._schema.to_frame()


def slices(rows: pl.LazyFrame, step: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield the rows of files in their order, so many at a time, each time with the number of the first.

    Each slice is asked for when its turn comes: one query for all of them reads ahead of whoever is slower, without bound.
    """
    for start in range(0, height(rows), step):
        yield start, rows.slice(start, step).collect(engine="streaming")  # a third less memory than the other engine


def height(rows: pl.LazyFrame) -> int:
    """Return how many rows there are, by what files say of themselves."""
    return int(rows.select(pl.len()).collect().item())


def width(rows: pl.LazyFrame) -> int:
    """Return how many bytes a row takes in memory, by the first thousand."""
    sample = rows.head(_SAMPLE).collect()
    return max(int(sample.estimated_size()) // max(sample.height, 1), 1)


def rows_in(size: int, rows: pl.LazyFrame) -> int:
    """Return how many rows take so many bytes, a thousand at least."""
    return max(size // width(rows), _SAMPLE)


def grouped(pieces: Sequence[Piece], rows: int) -> Iterator[list[Piece]]:
    """Yield pieces in their order, together where they have no more than so many rows."""
    group: list[Piece] = []
    for piece in pieces:
        if group and sum(each.rows for each in group) + piece.rows > rows:
            yield group
            group = []
        group.append(piece)
    if group:
        yield group


def gathered(frames: Iterable[pl.DataFrame], size: int) -> Iterator[pl.DataFrame]:
    """Yield the rows of frames, put together until they take so many bytes: few large files are written, not many small."""
    waiting: list[pl.DataFrame] = []
    for frame in frames:
        waiting.append(frame)
        if sum(each.estimated_size() for each in waiting) >= size:
            yield pl.concat(waiting)
            waiting = []
    if waiting:
        yield pl.concat(waiting)
