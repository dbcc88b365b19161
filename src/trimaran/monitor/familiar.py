"""How far a column may stand from its training data and still do no more than it did from week to week in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

FEWEST = 4
"""With fewer reference weeks a drift check warns at most: no margin makes its rate of false alarms bearable."""

_LEAST = 0.01
"""An index of a hundredth is noise in any sample a week long, so that standing out of less says nothing."""

_MARGIN = 6.0
"""Bounds are wider by this over the number of weeks. Chosen by simulation of 12 columns, each with an autoregressive effect
of the day (coefficient 0.5 or 0.8, up to 36% of its variance): a calm week then exceeds the bound of some column in 12 of
100 weeks at 4 reference weeks, in at most 7 at 6 to 26, where a minimum effect of 0.2 alone rings in 74 to 98. On a year of
flights and weather it rings on 3 of 100 days, the greatest of the reference weeks alone as a bound on 62."""


def familiar(weeks: Mapping[str, Sequence[float]], floor: float) -> dict[str, float | None]:
    """Return for each column the effect that a calm week seldom exceeds, at least ``floor``; None with too few weeks to say.

    ``weeks`` holds for each column the effects of the same reference weeks, each against the rest; ``floor`` is the least
    effect worth an alarm. A column's bound begins at the greatest of its weeks. A calm week, exchangeable with k reference
    weeks, exceeds that with a chance of 1 / (k + 1), but in some of many columns far more often: so the bounds of all
    columns are raised by one factor, the most by which any reference week stood out of the others in any column, which
    brings the chance of a single false alarm among all columns near 1 / (k + 1). A margin brings it lower.

    >>> familiar({"wind": [0.1, 0.3, 0.2, 0.6], "rain": [0.0, 0.01, 0.01, 0.01]}, floor=0.2)
    {'wind': 3.0, 'rain': 0.2}
    >>> familiar({"wind": [0.1, 0.3]}, floor=0.2)
    {'wind': None}
    """
    if not weeks:
        return {}
    effects = np.array(list(weeks.values()), dtype=np.float64)
    number = effects.shape[1]
    if number < FEWEST:
        return dict.fromkeys(weeks)
    ordered = np.sort(effects, axis=1)
    greatest, second = ordered[:, -1], ordered[:, -2]
    # Only the greatest week stands out of the others; one below the floor would be no alarm, so that it does not count.
    stood_out = max(1.0, float((greatest / np.maximum(max(floor, _LEAST), second)).max()))
    bounds = np.maximum(floor, (1 + _MARGIN / number) * stood_out * greatest)
    return dict(zip(weeks, bounds.tolist(), strict=True))
