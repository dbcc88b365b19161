"""Whether the numbers are whole: answers that failed, inputs that are missing or infinite, scores that stick or stray."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import msgspec
import numpy as np

from trimaran.core.nouns import Finding, Measurement, Outcome
from trimaran.core.statistics import Histogram, adjusted_p_values, homogeneity, proportion
from trimaran.data.profiles import Profile

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float64]


class NumericsRule(msgspec.Struct, frozen=True, kw_only=True):
    """What is out of order: shares above these bounds.

    ``failed`` and ``saturated`` are held against the lower end of Wilson's interval, so that one bad answer in a handful
    is none; ``missing`` is how far the share of a feature's non-finite values may rise above the profile's in a day, and
    counts only where it is significant at the false discovery ``rate`` over all features. It is not small, since gaps come
    in spells: a weather station that is silent for two hours leaves a tenth of a day's rows without wind.
    """

    failed: float = 0.01
    saturated: float = 0.05
    missing: float = 0.15
    rate: float = 0.05
    minimum: int = 100


STANDARD_RULE = NumericsRule()

SAME_NUMBER = 0.5
"""The share of answers that may be one and the same number, unless the profile allows for more."""


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """The share of one feature's values that are missing or infinite, in the profile and now."""

    feature: str
    reference: float
    current: float
    p_value: float
    flagged: bool


class Numerics(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted over ``n`` asked rows; ``outside`` is how many scores are not in [0, 1].

    ``saturated`` is the share of scores at exactly 0 or 1, of numbers that of the most frequent one, and ``expected`` the
    largest share that the profile allows for: a forest answers so often.
    """

    n: int
    failed: Measurement
    saturated: Measurement
    expected: float
    outside: int
    missing: list[Missing]
    numbers: bool = False


def count(
    profile: Profile,
    names: Sequence[str],
    features: Floats,
    scores: Floats,
    rule: NumericsRule = STANDARD_RULE,
    *,
    numbers: bool = False,
) -> Numerics:
    """Return the state of the numbers: ``features`` (n, k) as captured, ``scores`` (n,) with NaN where there is none.

    ``numbers`` says that scores are no probabilities: then none lies outside, and none is saturated.

    The share of missing values of each feature is held against the profile's by a chi-square test, all together by
    Benjamini-Hochberg.
    """
    given = scores[np.isfinite(scores)]
    if numbers:
        stuck = int(np.unique(given, return_counts=True)[1].max()) if given.size else 0
        expected = max(SAME_NUMBER, max(profile.scores.counts, default=0) / max(1, profile.scores.n))
        outside = 0
    else:
        stuck = int(np.count_nonzero((given == 0) | (given == 1)))
        expected = _share_at(profile.scores, 0.0) + _share_at(profile.scores, 1.0)
        outside = int(np.count_nonzero((given < 0) | (given > 1)))
    return Numerics(
        n=scores.size,
        failed=proportion(scores.size - given.size, scores.size),
        saturated=proportion(stuck, given.size),
        expected=expected,
        outside=outside,
        missing=_missing(profile, names, features, rule),
        numbers=numbers,
    )


def judge(numbers: Numerics, rule: NumericsRule = STANDARD_RULE) -> Finding:
    """Return the finding "numerics": it fails on any fault and names them all; unknown below the minimum of rows.

    A single score outside [0, 1] is a fault however few the rows, since no probability lies there.
    """
    faults = []
    if numbers.outside:
        faults.append(f"{numbers.outside} scores lie outside 0 to 1")
    enough = numbers.n >= rule.minimum
    if enough and _above(numbers.failed, rule.failed):
        faults.append(f"{numbers.failed.value:.1%} of requests got no answer, {rule.failed:.1%} are allowed")
    if enough and _above(numbers.saturated, max(rule.saturated, numbers.expected)):
        what = "the same number" if numbers.numbers else "exactly 0 or 1"
        faults.append(f"{numbers.saturated.value:.1%} of scores are {what}")
    if enough:
        risen = sorted((m for m in numbers.missing if m.flagged), key=lambda m: m.reference - m.current)
        faults += [f"{m.feature} is missing in {m.current:.1%}, in training in {m.reference:.1%}" for m in risen]
    outcome: Outcome = "pass"
    reason = f"{numbers.n} requests, {numbers.failed.value or 0:.2%} without an answer, every number in order"
    if faults:
        outcome = "fail"
        reason = "; ".join(faults)
    elif not enough:
        outcome = "unknown"
        reason = f"only {numbers.n} requests, at least {rule.minimum} are needed"
    return Finding(
        check="numerics",
        outcome=outcome,
        reason=reason,
        value=numbers.failed.value,
        bound=rule.failed,
        measurement=numbers.failed,
    )


def _missing(profile: Profile, names: Sequence[str], features: Floats, rule: NumericsRule) -> list[Missing]:
    rows = features.shape[0]
    absent = np.count_nonzero(~np.isfinite(features), axis=0).tolist()
    known = [round(profile.features[name].missing * profile.rows) for name in names]
    tested = [
        homogeneity([before, profile.rows - before], [now, rows - now], ordered=True)[1]
        for before, now in zip(known, absent, strict=True)
    ]
    result = []
    for name, now, p_value in zip(names, absent, adjusted_p_values(tested).tolist(), strict=True):
        reference, current = profile.features[name].missing, now / max(1, rows)
        flagged = p_value <= rule.rate and current - reference > rule.missing
        result.append(Missing(feature=name, reference=reference, current=current, p_value=p_value, flagged=flagged))
    return result


def _share_at(scores: Histogram, value: float) -> float:
    """Return the share of the cell that holds a value: no smaller share of the reference can be at the value."""
    place = int(np.searchsorted(scores.edges, value, "left"))
    return scores.counts[place] / max(1, scores.n)


def _above(share: Measurement, bound: float) -> bool:
    return share.low is not None and share.low > bound
