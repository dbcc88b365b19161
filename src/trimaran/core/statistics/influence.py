"""An estimate with what each row adds to it: its interval, and that of the difference of two on the same rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import msgspec
import numpy as np

from trimaran.core.nouns.judging import Measurement
from trimaran.core.statistics.intervals import mean

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float64]


class Influence(msgspec.Struct, frozen=True):
    """An estimate from n rows: its value, and each row's influence on it, (n,), which are zero in the mean.

    The influence curve (Hampel, JASA 1974) turns any smooth statistic into a mean: value + influence of a row is its
    pseudo-value, so that the variance of the statistic is that of their mean, over rows or over whole clusters.
    """

    value: float
    rows: Floats

    @property
    def pseudo(self) -> Floats:
        """The pseudo-value of each row; their mean is the estimate."""
        return self.value + self.rows


def interval(
    seen: Influence,
    level: float = 0.95,
    *,
    floor: float | None = None,
    ceiling: float | None = None,
    clusters: npt.ArrayLike | None = None,
) -> Measurement:
    """Return an estimate with its interval; limits and ``clusters`` as in ``mean``.

    >>> seen = interval(Influence(2.0, np.array([-1.0, 0.0, 1.0])))
    >>> seen.value, round(seen.low, 2), round(seen.high, 2)
    (2.0, 0.87, 3.13)
    """
    found = mean(seen.pseudo, level, floor=floor, ceiling=ceiling, clusters=clusters)
    return msgspec.structs.replace(found, value=seen.value)


def positive_interval(seen: Influence, level: float = 0.95, *, clusters: npt.ArrayLike | None = None) -> Measurement:
    """Return an estimate that is above zero with the interval taken on the logarithm, where it is nearer to symmetric.

    >>> seen = positive_interval(Influence(2.0, np.array([-1.0, 0.0, 1.0])))
    >>> seen.value, round(seen.low, 2), round(seen.high, 2)
    (2.0, 1.14, 3.52)
    """
    if seen.value <= 0:
        return interval(seen, level, floor=0.0, clusters=clusters)
    found = mean(math.log(seen.value) + seen.rows / seen.value, level, clusters=clusters)
    low, high = (None if end is None else math.exp(end) for end in (found.low, found.high))
    return msgspec.structs.replace(found, value=seen.value, low=low, high=high)


def paired(
    first: Influence,
    second: Influence,
    level: float = 0.95,
    clusters: npt.ArrayLike | None = None,
    *,
    largest: float | None = None,
) -> Measurement:
    """Return first - second, two estimates from the same rows, with its paired interval.

    The influence of a row on a difference is the difference of its influences: what both err in alike cancels. Two that
    agree in every row have an interval only where the difference is known to be no larger than ``largest``.

    >>> first, second = Influence(3.0, np.array([-1.0, 0.0, 1.0])), Influence(2.0, np.array([-1.0, 0.5, 0.5]))
    >>> seen = paired(first, second)
    >>> seen.value, round(seen.low, 2), round(seen.high, 2)
    (1.0, 0.43, 1.57)
    """
    gap, floor = Influence(first.value - second.value, first.rows - second.rows), None if largest is None else -largest
    return interval(gap, level, floor=floor, ceiling=largest, clusters=clusters)
