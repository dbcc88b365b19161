"""Whether a column's values moved away from a reference sample: two-sample tests, effect sizes, and a judgement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec
import numpy as np
from scipy import special

from trimaran.core.errors import Fault, InputError
from trimaran.core.nouns.judging import Outcome
from trimaran.core.statistics.histogram import Histogram, aligned
from trimaran.core.statistics.multiplicity import adjusted_p_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float64]

Effect = Literal["distance", "psi", "jensen_shannon"]

SMALLEST_CELL = 5.0
"""The least expected count of a cell at which the chi-square approximation holds (Cochran, AMS 1952)."""


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """How two samples of one column differ: the test that saw most, its p-value, and effect sizes free of sample size.

    ``distance`` is the largest difference of the two cumulative distributions for numbers (Kolmogorov-Smirnov), the
    total variation for categories, both in [0, 1]; ``psi`` the population stability index (at least 0);
    ``jensen_shannon`` the distance of that name to base 2, in [0, 1]. All but the first are taken over cells pooled as for
    the chi-square test, so that noise in rare cells does not pass for an effect. Missing values are a cell of their own.
    """

    test: Literal["kolmogorov-smirnov", "chi-square"]
    statistic: float
    p_value: float
    distance: float
    psi: float
    jensen_shannon: float
    n_reference: int
    n_current: int


class DriftRule(msgspec.Struct, frozen=True, kw_only=True):
    """When a set of columns has drifted.

    ``rate``: the false discovery rate over all columns; without any drift, the chance of a single alarm is at most that.
    ``minimum_effect``: the least ``effect`` worth an alarm, however significant. ``minimum_sample``: rows that each
    sample needs before anything is said.
    """

    rate: float = 0.05
    effect: Effect = "distance"
    minimum_effect: float = 0.05
    minimum_sample: int = 200

    def __post_init__(self) -> None:
        faults = []
        if not 0 < self.rate < 1:
            faults.append(
                Fault(what=f"a false discovery rate of {self.rate:g}", remedy="give one between 0 and 1, like 0.05")
            )
        if not self.minimum_effect >= 0:
            faults.append(Fault(what=f"a minimum effect of {self.minimum_effect:g}", remedy="give 0 or more"))
        if self.minimum_sample < 1:
            faults.append(Fault(what=f"a minimum sample of {self.minimum_sample} rows", remedy="give at least 1"))
        if faults:
            raise InputError("drift rule", faults)


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """One column judged among others: ``fail`` has drifted, ``pass`` has not, ``unknown`` has too few rows.

    ``p_adjusted`` is the p-value adjusted for the number of columns judged, None when the column is unknown.
    """

    feature: str
    outcome: Outcome
    reason: str
    effect: float
    p_adjusted: float | None
    shift: Shift


def compare(reference: Histogram, current: Histogram) -> Shift:
    """Test whether two samples, both finite, come from one distribution, from their counts in the same cells.

    Categories: chi-square test of homogeneity, small cells pooled. Numbers: that test, which sees any change of shape,
    and the two-sample Kolmogorov-Smirnov test on the cells, which is sharper on a change of place; the smaller p-value
    counts twice (Bonferroni). Cells from quantiles of the reference keep the chi-square law, since the chances of such
    cells vary as multinomial shares do; the Kolmogorov-Smirnov test errs on the careful side.

    >>> from trimaran.core.statistics.histogram import histogram, count_like
    >>> reference = histogram(np.arange(1000.0))
    >>> shift = compare(reference, count_like(reference, np.arange(1000.0) + 200))
    >>> shift.test, round(shift.distance, 2), shift.p_value < 1e-10
    ('chi-square', 0.2, True)
    """
    reference, current = aligned(reference, current)
    before, after = _cells(reference), _cells(current)
    numeric = reference.kind == "numeric"
    pooled = _pooled(np.array([before, after]), ordered=numeric)
    p, q = _shares(pooled[0]), _shares(pooled[1])
    chi_square, p_value = _chi_square(pooled)
    shift = Shift(
        test="chi-square",
        statistic=chi_square,
        p_value=p_value,
        distance=float(np.abs(p - q).sum()) / 2,
        psi=_stability_index(*pooled),
        jensen_shannon=_jensen_shannon(p, q),
        n_reference=reference.n,
        n_current=current.n,
    )
    if not numeric:
        return shift
    gap = float(np.abs(np.cumsum(_shares(before) - _shares(after))).max())
    p_gap = _kolmogorov(gap, reference.n, current.n)
    shift = msgspec.structs.replace(shift, distance=gap, p_value=min(1.0, 2 * min(p_value, p_gap)))
    if p_gap >= p_value:
        return shift
    return msgspec.structs.replace(shift, test="kolmogorov-smirnov", statistic=gap)


def judge_drift(samples: Mapping[str, tuple[Histogram, Histogram]], rule: DriftRule | None = None) -> list[Drift]:
    """Judge columns, each given as (reference, current), together: an alarm is significant among all and large enough.

    The p-values of columns with enough rows are controlled together by Benjamini-Hochberg.

    >>> from trimaran.core.statistics.histogram import histogram, count_like
    >>> calm = histogram(np.arange(1000.0))
    >>> moved = count_like(calm, np.arange(1000.0) + 200)
    >>> [(drift.feature, drift.outcome) for drift in judge_drift({"wind": (calm, moved), "rain": (calm, calm)})]
    [('wind', 'fail'), ('rain', 'pass')]
    """
    held = rule or DriftRule()
    shifts = {feature: compare(reference, current) for feature, (reference, current) in samples.items()}
    known = [name for name, shift in shifts.items() if min(shift.n_reference, shift.n_current) >= held.minimum_sample]
    adjusted = dict(zip(known, adjusted_p_values([shifts[name].p_value for name in known]).tolist(), strict=True))
    return [_judged(feature, shift, adjusted.get(feature), held) for feature, shift in shifts.items()]


def _judged(feature: str, shift: Shift, p_adjusted: float | None, rule: DriftRule) -> Drift:
    effect = {"distance": shift.distance, "psi": shift.psi, "jensen_shannon": shift.jensen_shannon}[rule.effect]
    outcome: Outcome = "pass"
    if p_adjusted is None:
        outcome = "unknown"
        reason = f"{shift.n_reference} and {shift.n_current} rows, {rule.minimum_sample} of each needed"
    elif p_adjusted > rule.rate:
        reason = f"chance explains the difference (adjusted p {p_adjusted:.2g} > {rule.rate:g})"
    elif effect < rule.minimum_effect:
        reason = f"significant but small: {rule.effect} {effect:.3f} < {rule.minimum_effect:g}"
    else:
        outcome = "fail"
        bounds = f"{rule.effect} {effect:.3f} >= {rule.minimum_effect:g}, adjusted p {p_adjusted:.2g} <= {rule.rate:g}"
        reason = f"drifted by {shift.test}: {bounds}"
    return Drift(feature=feature, outcome=outcome, reason=reason, effect=effect, p_adjusted=p_adjusted, shift=shift)


def homogeneity(first: npt.ArrayLike, second: npt.ArrayLike, *, ordered: bool) -> tuple[float, float]:
    """Return the chi-square statistic and p-value of the hypothesis that two samples fill cells with equal chances.

    Neighbouring cells are pooled until each expects ``SMALLEST_CELL`` rows of the smaller sample; unordered cells are
    first put in order of their joint size, so that rare ones are pooled with rare ones. With fewer than two cells left
    there is nothing to test: (0, 1).

    >>> statistic, p_value = homogeneity([30, 70], [50, 50], ordered=False)
    >>> round(statistic, 3), round(p_value, 4)
    (8.333, 0.0039)
    """
    return _chi_square(_pooled(np.array([first, second], dtype=np.float64), ordered=ordered))


def _chi_square(table: Floats) -> tuple[float, float]:
    cells = table.shape[1]
    if cells < 2:  # noqa: PLR2004  one pool leaves no difference to see
        return 0.0, 1.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return statistic, float(special.chdtrc(cells - 1, statistic))


def _pooled(table: Floats, *, ordered: bool) -> Floats:
    """Return the two samples' counts in pools of cells, none too small for the chi-square law; no pool if one is empty."""
    sizes, joint = table.sum(axis=1), table.sum(axis=0)
    if not sizes.all():
        return np.zeros((2, 0))
    if not ordered:
        # Size in both samples and, in a tie, place alone: an order that favoured one sample would bend the level.
        order = np.argsort(-joint, kind="stable")
        table, joint = table[:, order], joint[order]
    starts = _pools(joint, SMALLEST_CELL * sizes.sum() / sizes.min())
    return np.add.reduceat(table, starts, axis=1) if starts else table.sum(axis=1, keepdims=True)


def _pools(joint: Floats, least: float) -> list[int]:
    """Return where each pool of neighbours starts; a rest too small for a pool joins the last one."""
    starts, held = [0], 0.0
    for index, count in enumerate(joint.tolist()):
        if held >= least:
            starts.append(index)
            held = 0.0
        held += count
    if held < least:
        starts.pop()
    return starts


def _kolmogorov(gap: float, n_first: int, n_second: int) -> float:
    if not (n_first and n_second):
        return 1.0
    root = np.sqrt(n_first * n_second / (n_first + n_second))
    # Stephens' correction (JRSS B 1970) makes the limit law good from a handful of rows on.
    return float(special.kolmogorov((root + 0.12 + 0.11 / root) * gap))


def _cells(sample: Histogram) -> Floats:
    # The missing come first: a change of their share then moves the cumulative distribution too.
    return np.array([sample.missing, *sample.counts], dtype=np.float64)


def _shares(cells: Floats) -> Floats:
    total = cells.sum()
    return cells / total if total else cells


def _stability_index(before: Floats, after: Floats) -> float:
    # Half a row in each cell keeps an empty one from making the index infinite.
    p, q = _shares(before + 0.5), _shares(after + 0.5)
    return float(((q - p) * np.log(q / p)).sum())


def _jensen_shannon(p: Floats, q: Floats) -> float:
    middle = (p + q) / 2
    divergence = (special.rel_entr(p, middle).sum() + special.rel_entr(q, middle).sum()) / (2 * np.log(2))
    return float(np.sqrt(max(0.0, divergence)))
