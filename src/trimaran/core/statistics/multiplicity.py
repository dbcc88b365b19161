"""Looking at many things at once without raising many false alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trimaran.core.statistics.samples import finite, probabilities

if TYPE_CHECKING:
    import numpy.typing as npt


def adjusted_p_values(p_values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return, for each hypothesis, the smallest false discovery rate at which it is rejected (its q-value).

    >>> adjusted_p_values([0.01, 0.02, 0.9]).tolist()
    [0.03, 0.03, 0.9]
    """
    given = probabilities(finite(p_values, "p-values"), "p-values")
    falling = np.argsort(given)[::-1]
    rank = np.arange(given.size, 0, -1)
    adjusted = np.empty(given.size)
    adjusted[falling] = np.minimum.accumulate(np.minimum(1.0, given[falling] * given.size / rank))
    return adjusted


def benjamini_hochberg(p_values: npt.ArrayLike, rate: float) -> npt.NDArray[np.bool_]:
    """Return which hypotheses to reject so that the expected share of false ones among them is at most ``rate``.

    Holds for independent and for positively dependent p-values (Benjamini & Hochberg, JRSS B 1995; Benjamini &
    Yekutieli, AoS 2001). When nothing is true, the chance of any rejection is at most ``rate``.

    >>> benjamini_hochberg([0.01, 0.02, 0.9], rate=0.05).tolist()
    [True, True, False]
    """
    return adjusted_p_values(p_values) <= rate
