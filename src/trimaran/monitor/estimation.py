"""How good the answers probably are while their labels are still out, held against the truth once it is in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

import msgspec
import polars as pl

from trimaran.core.checks import Rule, alarm
from trimaran.core.nouns import Finding, Measurement, Outcome
from trimaran.core.statistics import Calibration, estimate_quality
from trimaran.core.tasks import Kind, Task
from trimaran.monitor.decay import Quality, quality
from trimaran.monitor.rows import between, labelled, sound

BLIND = "it holds while a score means what it meant in training: it sees drift of the data, none of the concept"


TOLD: dict[Kind, tuple[str, ...]] = {
    "binary": ("auc", "accuracy", "brier"),
    "multiclass": ("accuracy",),
    "regression": (),
    "ranking": (),
}
"""What can be estimated of each kind of answer, the measure that is held against the truth first."""

NO_NUMBER = "the quality of a number, or of an order, cannot be estimated without labels: nothing in an answer says how far off it is"


class Estimated(msgspec.Struct, frozen=True, kw_only=True):
    """The quality to expect of the answers with since <= event_at < until, from their scores alone.

    ``measures`` go by the names that rules use, the one that is held against the truth first; none of a number.
    """

    since: datetime
    until: datetime
    measures: dict[str, Measurement]

    @property
    def first(self) -> Measurement:
        """The measure that is held against the truth."""
        return next(iter(self.measures.values()), Measurement(value=None, note=NO_NUMBER))


class Reconciled(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of one window (AUC, or accuracy of several classes), estimated and realised; None while labels are out.

    ``inside`` says whether the two differ by no more than both intervals together allow (each side by the method of
    variance estimates recovery, Zou & Donner, Stat. Med. 2008), as they do in at least ``level`` of the windows while the
    concept stands. The estimate's own interval knows the chance of each row but not that rows of a day err together; the
    realised one does.
    """

    since: datetime
    until: datetime
    estimated: Measurement
    realised: Measurement | None = None
    inside: bool | None = None


def estimate(
    rows: pl.DataFrame,
    calibration: Calibration | None,
    task: Task,
    since: datetime,
    until: datetime,
    level: float = 0.95,
) -> Estimated:
    """Return the quality to expect of the answers in a window (CBPE, see ``core.statistics.estimate_quality``).

    It is blind to concept drift: when the same rows come to have other outcomes, the scores do not know. Of several classes
    it is the accuracy: the mean calibrated probability of the likeliest class (Guillory et al., ICCV 2021).
    """
    measures: dict[str, Measurement] = {}
    if calibration is not None:
        seen = sound(between(rows, since, until), task)["score"].to_numpy()
        # Each row of several classes is called by its likeliest one, whatever its probability.
        found = estimate_quality(calibration, seen, threshold=task.threshold or 0.0, level=level)
        measures = {name: getattr(found, name) for name in TOLD[task.kind]}
    return Estimated(since=since, until=until, measures=measures)


def against(rows: pl.DataFrame, calibration: Calibration | None, task: Task, point: Quality) -> Reconciled:
    """Return a realised quality beside the estimate for the same labelled rows."""
    estimated = estimate(labelled(rows, task), calibration, task, point.since, point.until)
    return _reconciled(estimated, next((point.measures[name] for name in estimated.measures), None))


def reconcile(
    rows: pl.DataFrame,
    calibration: Calibration | None,
    task: Task,
    settled: datetime,
    every: str = "1w",
) -> list[Reconciled]:
    """Return the estimated and realised measure by calendar window, oldest first: two lines of one chart.

    A window that ends by ``settled`` is estimated on the very rows whose labels came; a younger one on all its rows, and
    has no realised value yet.
    """
    begins = pl.col("event_at").dt.truncate(every)
    windows = (
        sound(rows, task).select(since=begins).unique().sort("since").with_columns(until=pl.col("since").dt.offset_by(every))
    )
    result = []
    for since, until in windows.iter_rows():
        if until <= settled:
            result.append(against(rows, calibration, task, quality(rows, task, since, until)))
        else:
            result.append(_reconciled(estimate(rows, calibration, task, since, until), None))
    return result


def judge(
    estimated: Estimated,
    checked: Sequence[Reconciled],
    rule: Rule | None,
    accepted: Measurement | None,
    minimum: int = 500,
) -> Finding:
    """Return the finding "estimate": it warns at most, since an estimate is no evidence of decay.

    It warns when the whole estimated interval lies on the alarming side of the decay rule, and when the estimates that
    could be checked were wrong: then the concept moved, and the estimate of today is not worth much either.
    """
    held = rule if rule is not None and rule.measure in estimated.measures else None
    name = held.measure if held is not None else next(iter(estimated.measures), "")
    seen = estimated.measures.get(name, estimated.first)
    if seen.value is None or seen.n < minimum:
        reason = seen.note if seen.value is None else f"only {seen.n} answers, at least {minimum} are needed"
        return Finding(check="estimate", outcome="unknown", reason=reason, measurement=seen)
    outcome: Outcome = "pass"
    bound = None
    reason = f"{name} is estimated at {seen.value:.4g}{_interval(seen)}"
    if held is not None:
        judged = alarm(held, seen, live=None if accepted is None else accepted.value, minimum=minimum)
        bound = judged.bound
        if judged.outcome == "unknown":
            outcome = "unknown"
            reason = f"{reason}, but {judged.reason}"
        elif judged.outcome == "fail":
            outcome = "warn"
            reason = f"{reason}, beyond the alarm at {held}"
    missed = [
        (point.since, point.realised.value) for point in checked if point.realised is not None and point.inside is False
    ]
    if missed:
        outcome = "warn" if outcome == "pass" else outcome
        since, truth = missed[-1]
        reason += f"; the estimate from {since:%Y-%m-%d} on missed the truth ({truth:.4g}), as one in twenty does by chance, or the concept moved"
    return Finding(
        check="estimate", outcome=outcome, reason=f"{reason}; {BLIND}", value=seen.value, bound=bound, measurement=seen
    )


def _reconciled(estimated: Estimated, realised: Measurement | None) -> Reconciled:
    inside = None if realised is None else _agree(estimated.first, realised)
    return Reconciled(
        since=estimated.since, until=estimated.until, estimated=estimated.first, realised=realised, inside=inside
    )


def _agree(estimated: Measurement, realised: Measurement) -> bool | None:
    expected, low, high = estimated.value, estimated.low, estimated.high
    seen = realised.value
    if expected is None or low is None or high is None or seen is None:
        return None
    # Without an interval of its own a realised value is taken as sure.
    least, most = (seen if end is None else end for end in (realised.low, realised.high))
    above, below = math.hypot(high - expected, seen - least), math.hypot(expected - low, most - seen)
    return -below <= seen - expected <= above


def _interval(seen: Measurement) -> str:
    return "" if seen.low is None or seen.high is None else f" ({seen.low:.4g} to {seen.high:.4g}, n {seen.n})"
