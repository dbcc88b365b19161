"""Takes the profile of a delivery: for each column and day exact counts, and sketches with stated errors, in one pass.

The rows of a delivery are at hand, so that a quantile sketch is simply some of its sorted values, evenly spaced in rank.
Merging lays such values side by side: nothing is lost, so that errors, which are relative, do not grow.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from trimaran.data.sketches.distinct import Hashes, hash_numbers, hash_texts, registers_of

POINTS = 100
"""How many values stand for a column's values of a day; all of them where there are no more."""

RANK_ERROR = 0.5 / POINTS
"""By how much the share of values at or below one can be wrong, at most, of any merge of profiles."""

HEAVY_SHARE = 1 / 50
"""A value is kept with its count when it makes more than this share of a day's values in a delivery."""

MOST_DAYS = 4000
"""A delivery of more days than this is profiled as a whole, without days."""

FEW = 64
"""Up to so many different values are remembered each by its hash, and counted exactly."""

LONGEST = 200
"""A text of more characters is never kept as a heavy hitter."""

SCHEMA = pl.Schema(
    {
        "day": pl.Date(),
        "column": pl.String(),
        "type": pl.String(),
        "rows": pl.Int64(),
        "nulls": pl.Int64(),
        "nans": pl.Int64(),
        "infinite": pl.Int64(),
        "low_int": pl.Int64(),
        "high_int": pl.Int64(),
        "low_float": pl.Float64(),
        "high_float": pl.Float64(),
        "sum_upper": pl.Int64(),
        "sum_lower": pl.Int64(),
        "mean": pl.Float64(),
        "spread": pl.Float64(),
        "points_int": pl.List(pl.Int64()),
        "points_float": pl.List(pl.Float64()),
        "distinct": pl.Int64(),
        "seen": pl.List(pl.UInt64()),
        "registers": pl.Binary(),
        "heavy": pl.List(pl.String()),
        "heavy_counts": pl.List(pl.Int64()),
        "heavy_rest": pl.Int64(),
    }
)
"""A row for each day (null: none) and column.

``rows`` = ``nulls`` + ``nans`` + ``infinite`` + finite values, and all else is of the finite ones: the least and greatest
(of texts: of their lengths in characters); the sum of integers as two parts, upper x 2^32 + lower, so that it is exact; mean
and ``spread``, the sum of squared differences from it; ``points`` for quantiles; how many are ``distinct``, with the hashes
``seen`` or HyperLogLog ``registers``; the heavy hitters, and the greatest count of a value that is not among them. Moments
are integers: days of a date, microseconds of a time.
"""

_PACKED = 1 << 12
_CELL = "__cell"
_LISTS = (("points_int",), ("points_float",), ("seen",), ("heavy", "heavy_counts"))
_INTEGERS = (pl.Date, pl.Datetime, pl.Boolean)

Places = npt.NDArray[np.intp]


def take(rows: pl.DataFrame, time: str | None) -> pl.DataFrame:
    """Return the profile of some rows, of ``SCHEMA``: of each day (UTC) of their ``time`` and of each column.

    The same rows give the same profile, in whatever order they come, but for the last bits of the moments of floats.

    >>> from datetime import date
    >>> rows = pl.DataFrame({"day": [date(2013, 1, 1)] * 3, "delay": [1.0, float("nan"), None]})
    >>> take(rows, "day").filter(column="delay").select("rows", "nulls", "nans", "mean").row(0)
    (3, 1, 1, 1.0)
    """
    days, codes = _days(rows, time)
    if codes.size and np.any(codes[1:] < codes[:-1]):
        order = np.argsort(codes, kind="stable")
        rows, codes = rows[order], codes[order]
    cells = _Cells(days, rows.columns)
    for number, column in enumerate(rows):
        _take_column(cells, column, codes + number * len(days))
    return cells.frame(rows.schema)


def _days(rows: pl.DataFrame, time: str | None) -> tuple[list[Any], Places]:
    """Return the days there are, as numbers since 1970, the rows without one last as None, and the place of each row's among them."""
    none: tuple[list[Any], Places] = ([None], np.zeros(rows.height, dtype=np.intp))
    if time is None or rows.is_empty():
        return none if rows.height else ([], none[1])
    moments = rows[time]
    if isinstance(moments.dtype, pl.Datetime):
        moments = (moments.dt.convert_time_zone("UTC") if moments.dtype.time_zone else moments).dt.date()
    elif moments.dtype != pl.Date:
        return none
    numbers = moments.to_physical().cast(pl.Int64).fill_null(np.iinfo(np.int64).max).to_numpy()
    found, codes = np.unique(numbers, return_inverse=True)
    if found.size > MOST_DAYS:
        return none
    days = pl.Series(found).cast(pl.Int32, strict=False).cast(pl.Date).to_list() if _tellable(found) else None
    return (days if days is not None else none[0]), (codes.astype(np.intp) if days is not None else none[1])


def _tellable(days: npt.NDArray[np.int64]) -> bool:
    """Tell whether every day is of the years 1 to 9999, which is what a calendar here has."""
    known = days[days != np.iinfo(np.int64).max]
    return not known.size or bool(known.min() >= -719162 and known.max() <= 2932896)  # noqa: PLR2004  0001-01-01, 9999-12-31


class _Cells:
    """What is found, by cell: there is one for each column and day, those of a column beside each other."""

    def __init__(self, days: list[Any], columns: list[str]) -> None:
        self._days, self._columns = days, columns
        self.count = len(days) * len(columns)
        self._numbers: dict[str, tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]] = {}
        self._lists: dict[str, list[tuple[Places, pl.Series]]] = {}
        self._registers: list[bytes | None] = [None] * self.count

    def put(self, name: str, cells: Places, values: npt.NDArray[Any]) -> None:
        """Set one number of some cells."""
        kind = np.float64 if SCHEMA[name] == pl.Float64 else np.int64
        made, there = self._numbers.setdefault(name, (np.zeros(self.count, kind), np.zeros(self.count, np.bool_)))
        made[cells], there[cells] = values, True

    def tally(self, name: str, cells: Places) -> None:
        """Count the values of each cell, of which one is given for each value."""
        found = np.bincount(cells, minlength=self.count)
        self.put(name, np.flatnonzero(found), found[found > 0])

    def lay(self, name: str, cells: Places, values: pl.Series) -> None:
        """Add values to the lists of their cells."""
        self._lists.setdefault(name, []).append((cells, values))

    def register(self, cell: int, registers: bytes) -> None:
        """Set the registers of a cell."""
        self._registers[cell] = registers

    def frame(self, schema: pl.Schema) -> pl.DataFrame:
        """Return all of it, of ``SCHEMA``."""
        cells = np.arange(self.count, dtype=np.int64)
        each = len(self._days)
        known: dict[str, Any] = {_CELL: cells, "registers": pl.Series(self._registers, dtype=pl.Binary)}
        known["day"] = pl.Series(self._days * len(self._columns), dtype=pl.Date)
        known |= {f"{name} there": there for name, (_, there) in self._numbers.items()}
        known |= {name: made for name, (made, _) in self._numbers.items()}
        named = pl.DataFrame(
            {"place": range(len(self._columns)), "column": self._columns, "type": [str(kind) for kind in schema.values()]},
            schema={"place": pl.Int64, "column": pl.String, "type": pl.String},
        )
        found = pl.DataFrame(known).lazy().with_columns(place=pl.col(_CELL) // max(each, 1))
        found = found.with_columns(pl.when(pl.col(f"{name} there")).then(pl.col(name)).alias(name) for name in self._numbers)
        found = found.join(named.lazy(), on="place", how="left", maintain_order="left")
        for names in _LISTS:
            if names[0] in self._lists:
                lists = pl.DataFrame({_CELL: np.concatenate([cell for cell, _ in self._lists[names[0]]]).astype(np.int64)})
                lists = lists.with_columns(
                    pl.concat([values for _, values in self._lists[name]]).alias(name) for name in names
                )
                by_cell = lists.lazy().group_by(_CELL, maintain_order=True).agg(names)
                found = found.join(by_cell, on=_CELL, how="left", maintain_order="left")
        made = found.collect()
        lacking = [pl.lit(None, kind).alias(name) for name, kind in SCHEMA.items() if name not in made.columns]
        counts = [pl.col(name).fill_null(0) for name in ("rows", "nulls", "nans", "infinite")]
        return made.with_columns(lacking).with_columns(counts).select(SCHEMA.names()).cast(SCHEMA)


def _take_column(cells: _Cells, column: pl.Series, places: Places) -> None:
    cells.tally("rows", places)
    empty = column.is_null().to_numpy()
    if empty.any():
        cells.tally("nulls", places[empty])
        column, places = column.drop_nulls(), places[~empty]
    dtype = column.dtype
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        _take_texts(cells, column.cast(pl.String), places)
    elif dtype.is_float() or dtype.is_decimal():
        _take_numbers(cells, column.cast(pl.Float64).to_numpy().copy(), places, heavy=False)
    elif dtype.is_integer() or isinstance(dtype, _INTEGERS):
        if isinstance(dtype, pl.Datetime):
            column = column.dt.cast_time_unit("us")
        whole = column.to_physical().cast(pl.Int64).to_numpy().copy()
        _take_numbers(cells, whole, places, heavy=not isinstance(dtype, pl.Date | pl.Datetime))


def _take_numbers(cells: _Cells, values: npt.NDArray[Any], places: Places, *, heavy: bool) -> None:
    """Take the numbers (none null) of one column, which lie by cell; they are sorted in place."""
    kind = "int" if values.dtype == np.int64 else "float"
    if kind == "float":
        finite = np.isfinite(values)
        if not finite.all():
            strange = np.isnan(values)
            cells.tally("nans", places[strange])
            cells.tally("infinite", places[~finite & ~strange])
            values, places = values[finite], places[finite]
    if not values.size:
        return
    starts = np.flatnonzero(np.append(True, places[1:] != places[:-1]))
    counts = np.diff(np.append(starts, values.size))
    for start, size in zip(starts.tolist(), counts.tolist(), strict=True):
        values[start : start + size].sort()
    there = places[starts]
    cells.put(f"low_{kind}", there, values[starts])
    cells.put(f"high_{kind}", there, values[starts + counts - 1])
    _take_moments(cells, values, starts, there)
    _take_points(cells, f"points_{kind}", values, starts, there)
    runs = _runs(values, starts)
    _take_distinct(cells, hash_numbers(values[runs]), places[runs])
    if heavy:
        sizes = np.diff(np.append(runs, values.size))
        _take_heavy(cells, pl.Series(values[runs]), sizes, places[runs], ties=runs)


def _take_texts(cells: _Cells, column: pl.Series, places: Places) -> None:
    """Take the texts (none null) of one column, of which nothing but frequent ones is kept."""
    if column.is_empty():
        return
    # Polars' hash is another in its next version, and good enough to find equal texts; hash_texts is for ever.
    alike = column.hash().to_numpy()
    starts = np.flatnonzero(np.append(True, places[1:] != places[:-1]))
    order = np.concatenate(
        [start + _alike_beside(alike[start:end]) for start, end in pairwise([*starts.tolist(), alike.size])]
    )
    alike = alike[order]
    runs = _runs(alike, starts)
    texts, groups, sizes = column[order[runs]], places[runs], np.diff(np.append(runs, len(column)))
    lengths = texts.str.len_chars().to_numpy().astype(np.int64)
    starts = np.searchsorted(runs, starts)
    cells.put("low_int", groups[starts], np.minimum.reduceat(lengths, starts))
    cells.put("high_int", groups[starts], np.maximum.reduceat(lengths, starts))
    hashes = hash_texts(texts)
    _take_distinct(cells, hashes, groups)
    _take_heavy(cells, texts, sizes, groups, ties=hashes)


def _alike_beside(hashes: Hashes) -> Places:
    """Return an order in which equal hashes stand beside each other."""
    if hashes.size >= _PACKED:
        return np.argsort(hashes)
    # Numbers sort ten times as fast as their places do, so each takes its place along in its last bits.
    packed = (hashes & np.uint64(~(_PACKED - 1) & 0xFFFFFFFFFFFFFFFF)) | np.arange(hashes.size, dtype=np.uint64)
    packed.sort()
    return (packed & np.uint64(_PACKED - 1)).astype(np.intp)


def _runs(values: npt.NDArray[Any], starts: Places) -> Places:
    """Return where, among sorted values of groups that begin at ``starts``, another value begins."""
    fresh = np.append(True, values[1:] != values[:-1])
    fresh[starts] = True
    return np.flatnonzero(fresh)


def _take_moments(cells: _Cells, values: npt.NDArray[Any], starts: Places, there: Places) -> None:
    """Take the mean and the sum of squared differences of each cell, and the exact sum of integers."""
    sizes = np.diff(np.append(starts, values.size))
    with np.errstate(over="ignore", invalid="ignore"):
        if values.dtype == np.int64:
            upper, lower = np.add.reduceat(values >> 32, starts), np.add.reduceat(values & 0xFFFFFFFF, starts)
            cells.put("sum_upper", there, upper)
            cells.put("sum_lower", there, lower)
            mean = (upper * 2.0**32 + lower) / sizes
        else:
            mean = np.add.reduceat(values / np.repeat(sizes, sizes), starts)
        spread = np.add.reduceat((values - np.repeat(mean, sizes)) ** 2, starts)
    known = np.isfinite(mean)
    cells.put("mean", there[known], mean[known])
    known &= np.isfinite(spread)
    cells.put("spread", there[known], spread[known])


def _take_points(cells: _Cells, name: str, values: npt.NDArray[Any], starts: Places, there: Places) -> None:
    """Take of the n sorted values of each cell those at (i + 1/2) n / POINTS, all where they are few."""
    counts = np.diff(np.append(starts, values.size))
    sizes = np.minimum(counts, POINTS)
    number = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    many = np.repeat(counts, sizes)
    places = np.where(many <= POINTS, number, (2 * number + 1) * many // (2 * POINTS))
    cells.lay(name, np.repeat(there, sizes), pl.Series(values[np.repeat(starts, sizes) + places]))


def _take_distinct(cells: _Cells, hashes: Hashes, groups: Places) -> None:
    """Take the hashes of the different values of each cell: themselves where they are few, else as registers."""
    starts = np.flatnonzero(np.append(True, groups[1:] != groups[:-1]))
    sizes = np.diff(np.append(starts, groups.size))
    there = groups[starts]
    cells.put("distinct", there, sizes)
    few = np.repeat(sizes <= FEW, sizes)
    if few.any():
        order = np.lexsort((hashes[few], groups[few]))
        cells.lay("seen", groups[few], pl.Series(hashes[few][order]))
    large = np.flatnonzero(sizes > FEW)
    if large.size:
        place = np.repeat(np.arange(large.size), sizes[large])
        for cell, made in zip(there[large].tolist(), registers_of(hashes[~few], place, large.size), strict=True):
            cells.register(cell, made.tobytes())


def _take_heavy(
    cells: _Cells,
    values: pl.Series,
    sizes: npt.NDArray[np.int64],
    groups: Places,
    *,
    ties: npt.NDArray[Any],
) -> None:
    """Take the values that make more than their share of a cell, with their counts, and the greatest count of the others.

    Those of one count stand as ``ties`` do: in the order of values, or of their hashes.
    """
    starts = np.flatnonzero(np.append(True, groups[1:] != groups[:-1]))
    counts = np.add.reduceat(sizes, starts)
    heavy = sizes > np.repeat(counts, np.diff(np.append(starts, groups.size))) * HEAVY_SHARE
    if values.dtype == pl.String and heavy.any():
        found = np.flatnonzero(heavy)
        heavy[found] = (values[found].str.len_chars() <= LONGEST).to_numpy()
    cells.put("heavy_rest", groups[starts], np.maximum.reduceat(np.where(heavy, 0, sizes), starts))
    places = np.flatnonzero(heavy)
    if places.size:
        places = places[np.lexsort((ties[places], -sizes[places], groups[places]))]
        cells.lay("heavy", groups[places], values[places].cast(pl.String))
        cells.lay("heavy_counts", groups[places], pl.Series(sizes[places]))
