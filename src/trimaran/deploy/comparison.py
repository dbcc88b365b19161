"""What a candidate showed beside the live version, in shadow or on a share of the traffic, and what that amounts to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import stats

from trimaran.core.checks import Rule, Rules, alarm, conclude
from trimaran.core.nouns import Finding, Measurement, Outcome, Verdict
from trimaran.core.statistics.drift import compare
from trimaran.core.statistics.histogram import count_like, histogram
from trimaran.core.statistics.intervals import proportion
from trimaran.core.statistics.sequential import RateTest, paired_difference
from trimaran.core.tasks import Task, YesOrNo

Floats: TypeAlias = npt.NDArray[np.float64]

_LOSSES = {
    "binary": ("brier", "the squared error"),
    "regression": ("capped error", "the error, in two standard deviations of the label and at most 1,"),
    "multiclass": ("half brier", "half the squared error of all classes"),
    "ranking": ("ndcg loss", "1 - NDCG of a group"),
}
"""What the loss of each task is called, in a check and in words."""

DECILES = 10
_LEVEL = 0.95
COMPARED = ("id", "version", "mode", "asked_at", "score", "seconds", "label", "known_at", "probabilities", "group")
"""The columns of captured rows that a comparison looks at."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """How much must be seen, and how much harm is tolerated.

    ``answers`` by the candidate, ``pairs`` of scores and ``labels`` on pairs; ``harm`` is how much larger the candidate's
    mean squared error may be, ``lost`` how much NDCG it may lose where rows are ranked, which varies more from group
    to group than a squared error from row to row; ``alpha`` is the chance of a wrong finding by each sequential test, however often one looks.
    """

    answers: int = 300
    pairs: int = 1000
    labels: int = 300
    harm: float = 0.005
    lost: float = 0.02
    alpha: float = 0.05


@dataclass(frozen=True)
class Comparison:
    """A candidate beside the live version, on what both captured.

    ``frame`` has the columns ``COMPARED`` of captured rows, from the start of the candidate's stage; reaching further back,
    to the start of its shadow, gives more pairs and is as valid. Batch rows count as answers, not in latencies. ``spread`` is
    the standard deviation of the labels that the live version was trained on: what an error in numbers is held against.
    """

    frame: pl.DataFrame
    candidate: int
    live: int
    rollback: Rules | None = None
    task: Task = field(default_factory=YesOrNo)
    spread: float = 1.0
    evidence: Evidence = field(default_factory=Evidence)

    def judge(self, policy: Literal["shadow", "canary"], about: str) -> Verdict:
        """Return the verdict about the candidate's model digest: the roll-back rules, and that it does no harm.

        Too little evidence is ``unknown``, which promotes nothing and rolls nothing back.
        """
        return conclude(policy, about, [*self.alarms(), self.no_harm()])

    def alarms(self) -> list[Finding]:
        """Return a finding for each roll-back rule: ``fail`` when it is shown that the rule holds."""
        return [self._alarm(rule) for rule in (self.rollback.any_of if self.rollback is not None else ())]

    def no_harm(self) -> Finding:
        """Return whether the candidate's errors are no worse than the live version's, on the same labelled rows.

        The mean difference of losses (the task's, in [0, 1]: squared errors of probabilities, capped errors of numbers, 1 -
        NDCG of groups) has a confidence sequence (Waudby-Smith & Ramdas, JRSS B 2024), valid at
        every look: ``pass`` once it lies below ``harm``, ``fail`` once it lies above 0 and its middle above ``harm``.
        Where rows are ranked a group is one loss, in the order in which groups become whole: it counts once the last of its
        labels is decided, so that what an earlier look saw of it never changes, and each look goes on where the last one stopped.
        """
        rows = self._decided()
        truth = self.task.truths(rows)
        worse, base = (self.task.losses(truth, self._scores(rows, of), self.spread) for of in ("", "_live"))
        seen = paired_difference(alpha=self.evidence.alpha).update(worse - base).measurement
        named, told_as = _LOSSES[self.task.kind]
        harm = self.evidence.lost if self.task.unit == "groups" else self.evidence.harm
        check = f"no harm: {named} - live {named} < {harm:g}"
        low, high = seen.low, seen.high
        if seen.value is None or low is None or high is None or seen.n < self.evidence.labels:
            unit = self.task.unit
            reason = f"only {seen.n} {unit} have both scores and a label, at least {self.evidence.labels} are needed"
            return Finding(check=check, outcome="unknown", reason=reason, measurement=seen)
        outcome: Outcome = "unknown"
        if high < harm:
            outcome = "pass"
        elif low > 0 and seen.value > harm:
            outcome = "fail"
        told = {"pass": "no harm is done", "fail": "it does harm", "unknown": "not yet decided"}[outcome]
        reason = f"{told}: {told_as} differs by {seen.value:+.4f}, always valid {low:+.4f} to {high:+.4f}, n {seen.n}"
        return Finding(check=check, outcome=outcome, reason=reason, value=seen.value, bound=harm, measurement=seen)

    def _alarm(self, rule: Rule) -> Finding:
        if rule.measure == "errors" and not rule.against_live and 0 < rule.bound < 1 and rule.operator in (">", ">="):
            return self._errors(rule)
        if rule.measure == "drift":
            return alarm(rule, self._drift(), minimum=self.evidence.pairs)
        if rule.measure in ("p50", "p99", "errors"):
            seen, base = self._of_answers(rule.measure, self.candidate), self._of_answers(rule.measure, self.live)
            return alarm(rule, seen, live=base.value, minimum=self.evidence.answers)
        seen, base = self._quality(rule.measure, ""), self._quality(rule.measure, "_live")
        return alarm(rule, seen, live=base.value, minimum=self.evidence.labels)

    def _errors(self, rule: Rule) -> Finding:
        """Judge the share of failed answers by a test that is valid at every look (Ramdas et al., Stat. Science 2023)."""
        failed = self._answers(self.candidate)["score"].is_null()
        test = RateTest(bound=rule.bound, alpha=self.evidence.alpha).update(int(failed.sum()), failed.len())
        seen = proportion(test.errors, test.n, _LEVEL)
        outcome: Outcome = "fail" if test.above else "pass" if test.below else "unknown"
        told = {"fail": "shown to be above", "pass": "shown to be below", "unknown": "not yet shown to be below"}[outcome]
        return Finding(
            check=str(rule),
            outcome=outcome,
            reason=f"{test.errors} of {test.n} answers failed, {told} {rule.bound:g}",
            value=test.rate,
            bound=rule.bound,
            measurement=seen,
        )

    def _drift(self) -> Measurement:
        """Return the population stability index of the candidate's scores against the live ones, in live deciles."""
        pairs = self._pairs()
        if pairs.is_empty():
            return Measurement(value=None, note="no row has a score of both versions")
        reference = histogram(pairs["score_live"].to_numpy(), cells=DECILES)
        shift = compare(reference, count_like(reference, pairs["score"].to_numpy()))
        return Measurement(value=shift.psi, n=pairs.height, note="psi over live deciles, on the same ids")

    def _of_answers(self, measure: str, number: int) -> Measurement:
        rows = self._answers(number)
        if measure == "errors":
            return proportion(int(rows["score"].is_null().sum()), rows.height, _LEVEL)
        seconds = np.sort(rows.filter(pl.col("mode") == "http")["seconds"].to_numpy())
        return _quantile(seconds, {"p50": 0.5, "p99": 0.99}[measure])

    def _quality(self, measure: str, of: str) -> Measurement:
        rows = self._known()
        if rows.is_empty():
            return Measurement(value=None, note="no labels yet")
        return self.task.measure(measure, self.task.truths(rows), self._scores(rows, of))

    def _known(self) -> pl.DataFrame:
        """Return the pairs whose label is known."""
        return self._pairs().filter(pl.col("label").is_not_null())

    def _decided(self) -> pl.DataFrame:
        """Return the pairs whose label is known in the order in which they count: groups when none of their labels is waited for."""
        if self.task.unit == "rows":
            return self._known().sort("known_at", "id")
        known_at = pl.col("known_at")
        whole = self._pairs().filter(known_at.is_not_null().all().over("group"))
        since = whole.with_columns(whole_at=known_at.max().over("group")).filter(pl.col("label").is_not_null())
        return since.sort("whole_at", "group", "known_at", "id")

    def _scores(self, rows: pl.DataFrame, of: str) -> Floats:
        """Return the scores of the candidate, or ``_live`` ones."""
        return self.task.captured(rows.select(score=f"score{of}", probabilities=f"probabilities{of}"))

    def _answers(self, number: int) -> pl.DataFrame:
        return self.frame.filter(pl.col("version") == number)

    def _pairs(self) -> pl.DataFrame:
        sides = [self._answers(number).filter(self.task.sound_row) for number in (self.candidate, self.live)]
        live = sides[1].select("id", score_live="score", probabilities_live="probabilities")
        return sides[0].join(live, on="id", how="inner", maintain_order="left")


def _quantile(ordered: Floats, share: float) -> Measurement:
    """Return a quantile of sorted values with its distribution-free interval from order statistics."""
    n = ordered.size
    if n == 0:
        return Measurement(value=None, note="no answers over HTTP")
    below, above = (int(stats.binom.ppf(tail, n, share)) for tail in ((1 - _LEVEL) / 2, (1 + _LEVEL) / 2))
    return Measurement(
        value=float(np.quantile(ordered, share)),
        n=n,
        low=float(ordered[max(0, below - 1)]),
        high=float(ordered[min(n - 1, above)]),
        level=_LEVEL,
    )
