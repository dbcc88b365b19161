"""Whether what the model is asked, and what it answers, still looks like what it was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec
import numpy as np

from trimaran.core.nouns import Finding, Measurement, Outcome
from trimaran.core.statistics import Drift, DriftRule, Histogram, count_like, judge_drift
from trimaran.data.profiles import Profile
from trimaran.monitor.familiar import FEWEST, familiar

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
    ``weeks`` are the indices of the reference weeks and ``usual`` is the index up to which the column does no more than it
    did then (see ``familiar``), None where there are too few of them.
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
    weeks: list[float] = []
    usual: float | None = None

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
    version failed; ``labels`` those known. A column drifts only when three things hold. It is significant among all columns
    (Benjamini-Hochberg at ``rule.rate``), which would do if rows were independent; those of a day share their weather and
    those of a week their season, and that makes nearly every week significant. Its effect is at least
    ``rule.minimum_effect``. And the effect is more than the column is familiar with from the weeks of its own reference
    window. By rank alone a calm week passes all of k reference weeks with a chance of 1 / (k + 1) in each column;
    ``familiar`` holds all columns together to less than that, and tells how. Fewer than four weeks let a column warn at most.
    The window should be no shorter than a week, since shorter ones are further from the whole for no other reason.
    """
    # A feature may be called "score": the kind keeps the names apart.
    samples: dict[tuple[Kind, str], tuple[Histogram, Histogram]] = {}
    weeks: dict[tuple[Kind, str], list[float]] = {}
    for place, name in enumerate(names):
        column = profile.features[name]
        samples["feature", name] = (column.histogram, count_like(column.histogram, features[:, place]))
        weeks["feature", name] = column.weeks
    samples["score", "score"] = (profile.scores, count_like(profile.scores, scores))
    weeks["score", "score"] = profile.score_weeks
    rates = profile.label_histogram
    samples["label", "label"] = (rates, count_like(rates, labels))
    weeks["label", "label"] = profile.label_weeks
    drifts = judge_drift({f"{kind} {name}": pair for (kind, name), pair in samples.items()}, rule)
    usual = _usual(weeks, rule.minimum_effect)
    return [
        _movement(kind, name, *pair, drift, weeks[kind, name], usual[f"{kind} {name}"])
        for ((kind, name), pair), drift in zip(samples.items(), drifts, strict=True)
    ]


def judge(moved: Sequence[Movement], rule: DriftRule = STANDARD_RULE) -> Finding:
    """Return the finding "drift": it fails when any column drifted, and names those that moved most.

    It warns when a column moved and there are too few weeks of training to know what is usual. It is unknown when a feature or the scores have too few rows; labels come late, so that too few of them leave the
    finding open to the others. Windows that overlap fail day after day on one and the same drift.
    """
    most = sorted((m for m in moved if m.outcome != "unknown"), key=lambda m: -m.psi)
    drifted = [m for m in most if m.flagged]
    known = len(most)
    warned = [m for m in most if m.outcome == "warn"]
    unknown = next((m for m in moved if m.outcome == "unknown" and m.kind != "label"), None)
    how = f"false discovery rate {rule.rate:.0%}, {rule.effect} at least {rule.minimum_effect:g} and beyond the usual weeks"
    if drifted:
        outcome: Outcome = "fail"
        reason = f"{len(drifted)} of {known} columns drifted: {_named(drifted)}; {how}"
    elif unknown is not None:
        outcome = "unknown"
        reason = f"{unknown.column}: {unknown.reason}"
    elif warned:
        outcome = "warn"
        reason = f"{len(warned)} of {known} columns moved: {_named(warned)}, too few to call it a drift; {how}"
    else:
        outcome = "pass"
        reason = f"none of {known} columns drifted; {how}"
        if most:
            reason = f"{reason}; {most[0].column} moved most (PSI {most[0].psi:.2f})"
    shown = (drifted or warned or most)[:1]
    value = shown[0].psi if shown else None
    return Finding(
        check="drift",
        outcome=outcome,
        reason=reason,
        value=value,
        bound=rule.minimum_effect,
        measurement=Measurement(value=value, n=max((m.n for m in moved), default=0), note=shown[0].column if shown else ""),
    )


def _usual(weeks: Mapping[tuple[Kind, str], Sequence[float]], floor: float) -> dict[str, float | None]:
    # Columns of one window stood out in the same weeks; the scores have a window of their own.
    found: dict[str, float | None] = {}
    for of_scores in (False, True):
        family = {f"{kind} {name}": seen for (kind, name), seen in weeks.items() if (kind == "score") is of_scores}
        found |= familiar(family, floor)
    return found


def _movement(
    kind: Kind,
    name: str,
    reference: Histogram,
    current: Histogram,
    drift: Drift,
    weeks: list[float],
    usual: float | None,
) -> Movement:
    outcome, reason = drift.outcome, drift.reason
    if outcome == "fail":
        outcome, reason = _against_weeks(kind, drift, weeks, usual)
    return Movement(
        column=name,
        kind=kind,
        outcome=outcome,
        reason=reason,
        psi=drift.shift.psi,
        p_value=drift.p_adjusted,
        n=current.n,
        edges=reference.edges,
        categories=reference.categories,
        reference=_shares(reference),
        current=_shares(current),
        weeks=weeks,
        usual=usual,
    )


def _against_weeks(kind: Kind, drift: Drift, weeks: list[float], usual: float | None) -> tuple[Outcome, str]:
    psi, of_training = drift.shift.psi, _weeks(kind, len(weeks))
    if usual is None:
        return "warn", f"{drift.reason}; only {of_training} to compare with, {FEWEST} are needed"
    reached = f"psi reached {max(weeks):.3f} in the {of_training}, up to {usual:.3f} is usual"
    if psi <= usual:
        return "pass", f"significant but usual: psi {psi:.3f}, {reached}"
    return "fail", f"{drift.reason}; {reached}"


def _named(moved: Sequence[Movement]) -> str:
    named = ", ".join(f"{m.column} (PSI {m.psi:.2f}, {_rank(m)})" for m in moved[:_NAMED])
    return f"{named} and {len(moved) - _NAMED} more" if len(moved) > _NAMED else named


def _rank(moved: Movement) -> str:
    weeks = _weeks(moved.kind, len(moved.weeks))
    return f"only {weeks} to compare with" if moved.usual is None else f"more than in any of the {weeks}"


def _weeks(kind: Kind, number: int) -> str:
    return f"{number} weeks it was {'tested' if kind == 'score' else 'trained'} on"


def _shares(sample: Histogram) -> list[float]:
    total = max(1, sample.n)
    return [count / total for count in (sample.missing, *sample.counts)]
