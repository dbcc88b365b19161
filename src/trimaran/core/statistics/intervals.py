"""Intervals around the two plainest estimates: a mean and a proportion."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

from trimaran.core.errors import Fault, InputError
from trimaran.core.nouns.judging import Measurement
from trimaran.core.statistics.clusters import clustered
from trimaran.core.statistics.samples import finite

if TYPE_CHECKING:
    import numpy.typing as npt

_ROUNDING = 1e-9
"""A standard error of clusters that is less than this share of the rows' own spread is what rounding leaves of none."""


def normal_quantile(level: float) -> float:
    """Return z such that a standard normal lies in [-z, z] with probability ``level``.

    Raises ``InputError`` unless 0 < level < 1.

    >>> round(normal_quantile(0.95), 4)
    1.96
    """
    if not 0 < level < 1:
        what = f"an interval at level {level:g} does not exist"
        raise InputError("level", [Fault(what=what, remedy="give a probability between 0 and 1, like 0.95")])
    return NormalDist().inv_cdf((1 + level) / 2)


def proportion(successes: int, n: int, level: float = 0.95) -> Measurement:
    """Return a proportion with its score interval (Wilson, JASA 1927), which holds near 0 and 1 and in small samples.

    >>> rate = proportion(0, 300)
    >>> rate.value, rate.low, round(rate.high, 4)
    (0.0, 0.0, 0.0126)
    """
    if not 0 <= successes <= n:
        remedy = "count each trial once, and each success as a trial"
        raise InputError("proportion", [Fault(what=f"{successes} successes in {n} trials", remedy=remedy)])
    z = normal_quantile(level)
    if n == 0:
        return Measurement(value=None, note="no rows")
    value = successes / n
    centre = (value + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(value * (1 - value) / n + z * z / (4 * n * n))
    # At the ends the two terms cancel exactly in theory and to 1e-17 in floating point.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Measurement(value=value, n=n, low=low, high=high, level=level)


def mean(
    values: npt.ArrayLike,
    level: float = 0.95,
    *,
    floor: float | None = None,
    ceiling: float | None = None,
    clusters: npt.ArrayLike | None = None,
) -> Measurement:
    """Return a mean with its interval by the central limit theorem, kept within [floor, ceiling] where they are known.

    A sample without any spread says nothing to that theorem: it gets Hoeffding's interval (JASA 1963) when both limits
    are known and none otherwise, never one of width zero. ``clusters`` (n,) names what each value shares with others, like
    its day: the variance is then that of the clusters' sums (Liang & Zeger, Biometrika 1986), with Student's t.

    >>> m = mean([1.0, 2.0, 3.0])
    >>> m.value, round(m.low, 2), round(m.high, 2)
    (2.0, 0.87, 3.13)
    >>> m = mean([1.0, 1.0, 3.0, 3.0], clusters=["mon", "mon", "tue", "tue"])
    >>> m.value, round(m.low, 2), m.note
    (2.0, -10.71, "only 2 clusters: a wide interval by Student's t")
    """
    array, z = finite(values, "values"), normal_quantile(level)
    if array.size == 0:
        return Measurement(value=None, note="no rows")
    value = float(array.mean())
    spread = float(array.std(ddof=1)) if array.size > 1 and array.min() < array.max() else 0.0
    half, apart, note = z * spread / math.sqrt(array.size), float(array.size), ""
    if clusters is not None:
        groups = clustered(clusters, array.size)
        apart, note = groups.equivalent, groups.note
        if groups.number == 1:
            return Measurement(value=value, n=array.size, note="no interval: all rows are of a single cluster")
        sums = groups.sums(array - value) / array.size
        error = math.sqrt(groups.number / (groups.number - 1) * float(sums @ sums))
        half = groups.quantile(level) * error if error > _ROUNDING * spread else 0.0
    if not half:
        if floor is None or ceiling is None:
            return Measurement(value=value, n=array.size, note="no spread in the sample: no interval")
        half = hoeffding(apart, level) * (ceiling - floor)
        note = "no spread in the sample: interval by Hoeffding's inequality"
    low = value - half if floor is None else max(floor, value - half)
    high = value + half if ceiling is None else min(ceiling, value + half)
    return Measurement(value=value, n=array.size, low=low, high=high, level=level, note=note)


def hoeffding(n: float, level: float) -> float:
    """Return how far the mean of ``n`` values in [0, 1] may lie from its expectation at a level (Hoeffding, JASA 1963).

    >>> round(hoeffding(1000, 0.95), 3)
    0.043
    """
    return math.sqrt(math.log(2 / (1 - level)) / (2 * n))
