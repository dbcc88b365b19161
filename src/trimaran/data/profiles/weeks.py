"""How far each week of a window was from the rest of it: what a column does while nothing is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from trimaran.core.statistics import Histogram, compare, count_like

Places = npt.NDArray[np.intp]

WEEK = timedelta(days=7)


def full_weeks(moments: pl.Series) -> list[Places]:
    """Return the places of the rows of each full week, oldest first; weeks are counted back from the newest moment.

    A week that lacks less than a day at the window's beginning counts as full. Weeks without a row are left out, and there
    is no week at all unless the window holds two to compare.

    >>> from datetime import UTC, datetime
    >>> days = pl.datetime_range(datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 1, 16, tzinfo=UTC), "1d", eager=True)
    >>> [week.size for week in full_weeks(days)]
    [7, 7]
    """
    if moments.is_empty():
        return []
    newest = moments.max()
    age = (pl.lit(newest) - pl.col("moment")).dt.total_microseconds()
    ages = moments.to_frame("moment").select(age=age)["age"].to_numpy()
    week = WEEK // timedelta(microseconds=1)
    number = int((ages.max() + week // 7) // week)
    if number < 2:  # noqa: PLR2004  a lone week has no rest to differ from
        return []
    codes = number - 1 - ages // week
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(number + 1))
    return [order[start:end] for start, end in pairwise(starts.tolist()) if end > start]


def week_distances(whole: Histogram, values: npt.NDArray[np.floating], weeks: Sequence[Places]) -> list[float]:
    """Return the population stability index of each week against the rest of its window, in the window's own cells.

    ``values`` (n,) are the numbers that ``whole`` counts.

    >>> from trimaran.core.statistics import histogram
    >>> values = np.tile(np.arange(50.0), 4)
    >>> week_distances(histogram(values), values, [np.arange(100), np.arange(100, 200)])
    [0.0, 0.0]
    """
    found = (count_like(whole, values[places]) for places in weeks)
    return [compare(_without(whole, week), week).psi for week in found]


def _without(whole: Histogram, part: Histogram) -> Histogram:
    counts = [all_rows - some for all_rows, some in zip(whole.counts, part.counts, strict=True)]
    return msgspec.structs.replace(whole, counts=counts, missing=whole.missing - part.missing)
