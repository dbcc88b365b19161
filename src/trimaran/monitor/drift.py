"""Whether what the model is asked, and what it answers, still looks like what it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec
import numpy as np

from trimaran.core.nouns import Finding, Measurement, Outcome
from trimaran.core.statistics import Drift, DriftRule, Histogram, count_like, judge_drift
from trimaran.data.profiles import Profile

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float64]

Kind = Literal["feature", "score", "label"]

STANDARD_RULE = DriftRule(rate=0.05, effect="psi", minimum_effect=0.2, minimum_sample=500)
"""A population stability index of 0.2 is where the field speaks of a shift worth acting on; below some 500 rows noise
alone comes near it, since the index of two equal samples is about cells / rows."""

_NAMED = 3


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """How far one column is from the profile, with what a chart needs.

    ``reference`` and ``current`` are shares by cell: of missing values first, then of the cells that ``edges`` or
    ``categories`` part, as in ``Histogram``. ``p_value`` is adjusted for the number of columns, None when unknown.
    """

    column: str
    kind: Kind
    outcome: Outcome
    reason: str
    psi: float
    p_value: float | None
    n: int
    edges: list[float]
    categories: list[str]
    reference: list[float]
    current: list[float]

    @property
    def flagged(self) -> bool:
        """Whether the column drifted."""
        return self.outcome == "fail"


def movements(
    profile: Profile,
    names: Sequence[str],
    features: Floats,
    scores: Floats,
    labels: Floats,
    rule: DriftRule = STANDARD_RULE,
) -> list[Movement]:
    """Return how far each column of a window moved from the profile: every feature, the score and the label rate.

    ``features`` is (n, k) in the order of ``names``, NaN for missing; ``scores`` (n,) may hold fewer rows, where the
    version failed; ``labels`` those known. All columns are judged together: without any drift the chance of a single
    alarm is at most ``rule.rate`` (Benjamini-Hochberg) for rows that are independent. Rows of a week are not quite (a
    storm is one storm for all its flights), which is why ``rule.minimum_effect`` must be met as well.
    """
    samples: dict[tuple[Kind, str], tuple[Histogram, Histogram]] = {}
    for place, name in enumerate(names):
        reference = profile.features[name].histogram
        samples["feature", name] = (reference, count_like(reference, features[:, place]))
    samples["score", "score"] = (profile.scores, count_like(profile.scores, scores))
    positives = round(profile.label_rate * profile.rows)
    rates = Histogram(kind="numeric", edges=[0.5], counts=[profile.rows - positives, positives])
    samples["label", "label"] = (rates, count_like(rates, labels))
    # A feature may be called "score": the kind keeps the names apart.
    drifts = judge_drift({f"{kind} {name}": pair for (kind, name), pair in samples.items()}, rule)
    return [_movement(kind, name, *pair, drift) for ((kind, name), pair), drift in zip(samples.items(), drifts, strict=True)]


def judge(moved: Sequence[Movement], rule: DriftRule = STANDARD_RULE) -> Finding:
    """Return the finding "drift": it fails when any column drifted, and names those that moved most.

    It is unknown when a feature or the scores have too few rows; labels come late, so that too few of them leave the
    finding open to the others. Windows that overlap fail day after day on one and the same drift.
    """
    most = sorted((m for m in moved if m.outcome != "unknown"), key=lambda m: -m.psi)
    drifted = [m for m in most if m.flagged]
    known = len(most)
    unknown = next((m for m in moved if m.outcome == "unknown" and m.kind != "label"), None)
    how = f"false discovery rate {rule.rate:.0%}, {rule.effect} at least {rule.minimum_effect:g}"
    if drifted:
        named = ", ".join(f"{m.column} (PSI {m.psi:.2f})" for m in drifted[:_NAMED])
        rest = f" and {len(drifted) - _NAMED} more" if len(drifted) > _NAMED else ""
        outcome: Outcome = "fail"
        reason = f"{len(drifted)} of {known} columns drifted: {named}{rest}; {how}"
    elif unknown is not None:
        outcome = "unknown"
        reason = f"{unknown.column}: {unknown.reason}"
    else:
        outcome = "pass"
        reason = f"none of {known} columns drifted; {how}"
        if most:
            reason = f"{reason}; {most[0].column} moved most (PSI {most[0].psi:.2f})"
    shown = (drifted or most)[:1]
    value = shown[0].psi if shown else None
    return Finding(
        check="drift",
        outcome=outcome,
        reason=reason,
        value=value,
        bound=rule.minimum_effect,
        measurement=Measurement(value=value, n=max((m.n for m in moved), default=0), note=shown[0].column if shown else ""),
    )


def _movement(kind: Kind, name: str, reference: Histogram, current: Histogram, drift: Drift) -> Movement:
    return Movement(
        column=name,
        kind=kind,
        outcome=drift.outcome,
        reason=drift.reason,
        psi=drift.shift.psi,
        p_value=drift.p_adjusted,
        n=current.n,
        edges=reference.edges,
        categories=reference.categories,
        reference=_shares(reference),
        current=_shares(current),
    )


def _shares(sample: Histogram) -> list[float]:
    total = max(1, sample.n)
    return [count / total for count in (sample.missing, *sample.counts)]
