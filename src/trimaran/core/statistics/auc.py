"""The area under the ROC curve, its interval, and the difference of two of them on the same rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import msgspec
import numpy as np

from trimaran.core.nouns.judging import Measurement
from trimaran.core.statistics.clusters import clustered
from trimaran.core.statistics.intervals import hoeffding, normal_quantile
from trimaran.core.statistics.samples import labelled

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float64]

_ROUNDING = 1e-12
"""A standard error below this is what rounding leaves of none."""


def auc(
    labels: npt.ArrayLike, scores: npt.ArrayLike, level: float = 0.95, clusters: npt.ArrayLike | None = None
) -> Measurement:
    """Return the probability that a positive scores above a negative, a tie counting half, with its interval.

    The variance is DeLong's (Biometrics 1988) in O(n log n) (Sun & Xu, IEEE SPL 2014); the interval is taken on the logit
    scale, where it keeps its level near 1 (Qin & Hotilovac, SMMR 2008). Without any observed variance, as in perfect
    separation, disjoint pairs bound it. ``value`` is None when only one class is there; the note says so.

    ``clusters`` (n,) names what each row shares with others, like its day: the variance is then that of whole clusters
    (Obuchowski, Biometrics 1997: DeLong's components summed by cluster), with Student's t. Flights of a day share their
    weather, and an interval that takes them for independent is several times too short.

    >>> m = auc([0, 0, 1, 1, 1], [0.1, 0.4, 0.4, 0.8, 0.9])
    >>> round(m.value, 4), m.n
    (0.9167, 5)
    >>> auc([1, 1], [0.2, 0.3]).note
    'only one class: 2 positives and 0 negatives'
    >>> auc([0, 1, 0, 1, 0, 1], [1, 2, 3, 4, 6, 5], clusters=["mon", "mon", "tue", "tue", "wed", "wed"]).note
    "only 3 clusters: a wide interval by Student's t"
    """
    normal_quantile(level)
    truth, (ranked,) = labelled(labels, scores=scores)
    missing = _one_class(truth)
    if missing:
        return missing
    positive, negative = placements(truth, ranked)
    value = float(positive.mean())
    seen = _spread(truth, positive, negative, level, clusters)
    if seen.pairs <= 1:
        return Measurement(value=value, n=truth.size, note=seen.note)
    note = seen.note
    if seen.half > 0:
        low, high = _logit_interval(value, seen.half)
    else:
        low, high = _interval_without_variance(value, seen.pairs, level)
        note = "no variance in the sample: interval from disjoint pairs"
    return Measurement(value=value, n=truth.size, low=low, high=high, level=level, note=note)


def auc_difference(
    labels: npt.ArrayLike,
    scores_a: npt.ArrayLike,
    scores_b: npt.ArrayLike,
    level: float = 0.95,
    clusters: npt.ArrayLike | None = None,
) -> Measurement:
    """Return AUC(a) - AUC(b) on the same rows, with DeLong's paired interval (Biometrics 1988); ``clusters`` as in ``auc``.

    Two scores that rank every pair alike get the interval of the rule of three over disjoint pairs rather than one of
    width zero. ``value`` is None when only one class is there.

    >>> m = auc_difference([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6], [1, 4, 2, 3, 2, 6])
    >>> round(m.value, 4)
    0.1667
    """
    normal_quantile(level)
    truth, (first, second) = labelled(labels, scores_a=scores_a, scores_b=scores_b)
    missing = _one_class(truth)
    if missing:
        return missing
    positive_a, negative_a = placements(truth, first)
    positive_b, negative_b = placements(truth, second)
    positive, negative = positive_a - positive_b, negative_a - negative_b
    value = float(positive.mean())
    seen = _spread(truth, positive, negative, level, clusters)
    if seen.pairs <= 1:
        return Measurement(value=value, n=truth.size, note=seen.note)
    half, note = seen.half, seen.note
    if half == 0:
        alike = not positive.any() and not negative.any()
        # A pair judged differently with chance p stays unseen in m disjoint pairs with (1 - p)^m; |difference| <= p.
        half = 1 - (1 - level) ** (1 / seen.pairs) if alike else 2 * hoeffding(seen.pairs, level)
        note = "both rank every pair alike" if alike else "no variance in the sample: interval from disjoint pairs"
    return Measurement(
        value=value, n=truth.size, low=max(-1.0, value - half), high=min(1.0, value + half), level=level, note=note
    )


class _Spread(msgspec.Struct, frozen=True):
    """Half the width of an interval, 0 without variance, and how many independent pairs of both classes there are."""

    half: float
    pairs: int
    note: str = ""


def _one_class(truth: npt.NDArray[np.bool_]) -> Measurement | None:
    positives = int(np.count_nonzero(truth))
    negatives = truth.size - positives
    if positives and negatives:
        return None
    return Measurement(value=None, n=truth.size, note=f"only one class: {positives} positives and {negatives} negatives")


def placements(truth: npt.NDArray[np.bool_], scores: Floats) -> tuple[Floats, Floats]:
    """Return, for each positive, the share of negatives below it and, for each negative, the share of positives above."""
    positives, negatives = scores[truth], scores[~truth]
    above = _share_below(positives, np.sort(negatives))
    below = 1 - _share_below(negatives, np.sort(positives))
    return above, below


def _share_below(values: Floats, ordered: Floats) -> Floats:
    # Searching sorted values walks memory forward: 330,000 rows take a third of the time of an unsorted search.
    order = np.argsort(values)
    queries = values[order]
    share = np.empty(values.size)
    share[order] = np.searchsorted(ordered, queries, "left") + np.searchsorted(ordered, queries, "right")
    return share / (2 * ordered.size)


def _spread(
    truth: npt.NDArray[np.bool_], positive: Floats, negative: Floats, level: float, clusters: npt.ArrayLike | None
) -> _Spread:
    flat = np.ptp(positive) == 0 and np.ptp(negative) == 0
    if clusters is None:
        pairs = min(positive.size, negative.size)
        if pairs == 1:
            return _Spread(0.0, pairs, "no interval: one class has a single row")
        variance = 0.0 if flat else positive.var(ddof=1) / positive.size + negative.var(ddof=1) / negative.size
        return _Spread(normal_quantile(level) * math.sqrt(variance), pairs)
    groups = clustered(clusters, truth.size)
    of_positive, of_negative = groups.at(truth), groups.at(~truth)
    # Pairs drawn from clusters that no other pair touches are independent.
    pairs = min(of_positive.filled, of_negative.filled)
    if pairs == 1:
        return _Spread(0.0, pairs, "no interval: one class is in a single cluster")
    above = of_positive.sums(positive - positive.mean()) / positive.size
    below = of_negative.sums(negative - negative.mean()) / negative.size
    together = 2 * _inflation(groups.number) * float(above @ below)
    apart = _inflation(of_positive.filled) * float(above @ above) + _inflation(of_negative.filled) * float(below @ below)
    error = 0.0 if flat else math.sqrt(max(0.0, apart + together))
    return _Spread(groups.quantile(level) * error if error > _ROUNDING else 0.0, pairs, groups.note)


def _inflation(clusters: int) -> float:
    return clusters / (clusters - 1)


def _logit_interval(value: float, half: float) -> tuple[float, float]:
    logit, scaled = math.log(value / (1 - value)), half / (value * (1 - value))
    return _expit(logit - scaled), _expit(logit + scaled)


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else 1 - 1 / (1 + math.exp(x))


def _interval_without_variance(value: float, pairs: int, level: float) -> tuple[float, float]:
    """Bound the AUC by the ``pairs`` disjoint pairs of a positive and a negative, which are independent trials."""
    if value in (0, 1):
        bound = ((1 - level) / 2) ** (1 / pairs)
        return (bound, 1.0) if value == 1 else (0.0, 1 - bound)
    half = hoeffding(pairs, level)
    return max(0.0, value - half), min(1.0, value + half)
