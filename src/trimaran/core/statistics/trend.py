"""Where a quality is heading: a straight line through its windows, and the day it meets a floor."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from scipy import special

from trimaran.core.errors import Fault, InputError
from trimaran.core.nouns.judging import Measurement
from trimaran.core.statistics.samples import finite

if TYPE_CHECKING:
    import numpy.typing as npt

FEWEST_WINDOWS = 3
"""A line through two points has no error left to judge it by."""


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """A weighted straight line through (day, quality): value(day) = centre_value + slope * (day - centre_day).

    ``weight`` and ``spread`` are the sums of w and of w (day - centre_day)^2; ``noise`` is the variance of a window of
    weight one; ``quantile`` is Student's, two-sided at ``level``; ``last_day`` is the newest window.
    """

    slope: float
    centre_day: float
    centre_value: float
    last_day: float
    weight: float
    spread: float
    noise: float
    windows: int
    p_value: float
    quantile: float
    level: float

    @property
    def significant(self) -> bool:
        """Whether the slope differs from 0 at the level."""
        return self.p_value <= 1 - self.level

    @property
    def change(self) -> Measurement:
        """The slope in quality a day, with its interval."""
        half = self.quantile * math.sqrt(self.noise / self.spread)
        return Measurement(value=self.slope, n=self.windows, low=self.slope - half, high=self.slope + half, level=self.level)

    def at(self, day: float, weight: float | None = None) -> Measurement:
        """Return the quality to expect of a window of a weight (the average by default), with its prediction interval."""
        value = self.centre_value + self.slope * (day - self.centre_day)
        own = 1 / (self.weight / self.windows if weight is None else weight)
        line = 1 / self.weight + (day - self.centre_day) ** 2 / self.spread
        half = self.quantile * math.sqrt(self.noise * (own + line))
        return Measurement(value=value, n=self.windows, low=value - half, high=value + half, level=self.level)

    def days_until_below(self, floor: float) -> Measurement:
        """Return in how many days from the newest window the line meets a floor, with Fieller's interval (JRSS B 1954).

        0 when it is there already. ``value`` is None, and the note says why, unless the line falls significantly.

        >>> falling = trend([0, 1, 2, 3], [0.80, 0.79, 0.782, 0.77])
        >>> round(falling.days_until_below(0.70).value, 1)
        7.2
        >>> trend([0, 1, 2, 3], [0.80, 0.79, 0.80, 0.79]).days_until_below(0.70).note
        'unknown: the trend is not significant (p = 0.55)'
        """
        if not self.significant:
            note = f"unknown: the trend is not significant (p = {self.p_value:.2g})"
            return Measurement(value=None, n=self.windows, note=note)
        if self.slope > 0:
            return Measurement(value=None, n=self.windows, note="never: the quality rises")
        height, scale = self.centre_value - floor, self.quantile**2 * self.noise
        # The line's band meets the floor where (height + slope x)^2 = scale (1 / weight + x^2 / spread), x from the centre.
        square = self.slope**2 - scale / self.spread
        half = math.sqrt(max(0.0, scale * (height**2 / self.spread + square / self.weight)))
        start = self.centre_day - self.last_day
        days = [start - height / self.slope, *((-height * self.slope + sign * half) / square + start for sign in (-1, 1))]
        value, low, high = (max(0.0, day) for day in days)
        return Measurement(value=value, n=self.windows, low=low, high=high, level=self.level)


def trend(
    days: npt.ArrayLike, values: npt.ArrayLike, weights: npt.ArrayLike | None = None, level: float = 0.95
) -> Trend | None:
    """Fit a line through windows of quality by weighted least squares; None with fewer than three windows or one day only.

    ``weights`` are proportional to 1 / variance of each window: its number of rows, or 1 / standard error squared. The
    size of the noise is estimated from the windows themselves, so that only their proportion counts. Raises
    ``InputError`` for arrays of different lengths or a weight that is not positive.

    >>> line = trend([0, 1, 2, 3], [0.80, 0.79, 0.782, 0.77])
    >>> round(line.slope, 4), line.significant
    (-0.0098, True)
    """
    x, y = finite(days, "days"), finite(values, "values")
    w = np.ones(x.size) if weights is None else finite(weights, "weights")
    faults = []
    if not x.size == y.size == w.size:
        faults.append(Fault(what=f"{x.size} days, {y.size} values, {w.size} weights", remedy="give one of each per window"))
    if (w <= 0).any():
        faults.append(Fault(what="a weight is not positive", remedy="leave empty windows out"))
    if faults:
        raise InputError("trend", faults)
    if x.size < FEWEST_WINDOWS or x.min() == x.max():
        return None
    weight = float(w.sum())
    centre_day, centre_value = float((w * x).sum()) / weight, float((w * y).sum()) / weight
    spread = float((w * (x - centre_day) ** 2).sum())
    slope = float((w * (x - centre_day) * (y - centre_value)).sum()) / spread
    freedom = x.size - 2
    noise = float((w * (y - centre_value - slope * (x - centre_day)) ** 2).sum()) / freedom
    return Trend(
        slope=slope,
        centre_day=centre_day,
        centre_value=centre_value,
        last_day=float(x.max()),
        weight=weight,
        spread=spread,
        noise=noise,
        windows=x.size,
        p_value=_p_value(slope, math.sqrt(noise / spread), freedom),
        quantile=float(special.stdtrit(freedom, (1 + level) / 2)),
        level=level,
    )


def _p_value(slope: float, error: float, freedom: int) -> float:
    if error == 0:
        return 1.0 if slope == 0 else 0.0
    return float(2 * special.stdtr(freedom, -abs(slope) / error))
