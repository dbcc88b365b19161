"""How good the answers were, now that the labels are there: by window, against what was accepted, and where it leads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

import msgspec
import numpy as np
import polars as pl

from trimaran.core.checks import Rule, alarm
from trimaran.core.nouns import Finding, Measurement
from trimaran.core.statistics import Trend, ranked, trend
from trimaran.core.tasks import Kind, Task
from trimaran.monitor.rows import STANDARD_WINDOWS, Windows, between, labelled

DAY = 86400.0


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """The realised quality of the labelled answers with since <= event_at < until: each measure with its interval.

    ``n`` counts labelled rows, or the groups of them in which one order is better than another.
    The measures are those of the ``task``, by the names that rules use; ``value`` is the worth of the decisions by row, None
    where the product declares none. ``positives`` counts the labels that are yes.
    """

    since: datetime
    until: datetime
    n: int
    positives: int
    measures: dict[str, Measurement]
    task: Kind = "binary"


def quality(rows: pl.DataFrame, task: Task, since: datetime, until: datetime, level: float = 0.95) -> Quality:
    """Return the realised quality of answers in a window; rows without a label or without a sound score are left out.

    Rows of one day (UTC) are one cluster in every interval: they share their weather, and counting them as independent
    makes an interval several times too short. A group counts by those of its rows that have a label.
    """
    seen = labelled(between(rows, since, until), task)
    truth, scores = task.truths(seen), task.captured(seen)
    days = seen["event_at"].dt.epoch("d").to_numpy()
    return Quality(
        since=since,
        until=until,
        n=task.units(truth),
        positives=int(truth.sum()) if task.kind == "binary" else 0,
        measures={name: task.measure(name, truth, scores, level, days) for name in task.measures},
        task=task.kind,
    )


def trailing(rows: pl.DataFrame, until: datetime, task: Task, windows: Windows = STANDARD_WINDOWS) -> datetime:
    """Return where the newest window of quality begins: as short as ``windows`` allows and long enough to tell."""
    newest, oldest = until - windows.quality, until - windows.longest
    seen = labelled(between(rows, oldest, until), task).sort("event_at", descending=True)
    if seen.is_empty():
        return oldest
    counts = _counted(seen, task)
    told = counts >= windows.enough(task.kind)
    if task.kind == "binary":
        positives = seen["label"].cum_sum().to_numpy()
        told &= np.minimum(positives, counts - positives) >= windows.of_each_class
    enough = np.flatnonzero(told)
    if not enough.size:
        return oldest
    moment: datetime = seen["event_at"][int(enough[0])]
    return min(newest, moment)


def _counted(newest: pl.DataFrame, task: Task) -> np.ndarray:
    """Return how many observations the rows up to each are, newest first; a group is one from its oldest row on."""
    if task.unit != "groups":
        return np.arange(1, newest.height + 1)
    labels = task.truths(newest)
    ends = ranked(labels["grade"], labels["group"]).last
    return np.cumsum(np.bincount(ends, minlength=newest.height))


def judge(rule: Rule, point: Quality, accepted: Measurement | None, windows: Windows = STANDARD_WINDOWS) -> Finding:
    """Return the finding "decay": the declared rule as an alarm on the realised quality.

    ``accepted`` is the version's value of the rule's measure when it was accepted, "live" in the rule. It was measured on
    finitely many rows too, so the interval is widened by its uncertainty (the method of variance estimates recovery, Zou
    & Donner, Stat. Med. 2008): without decay one look raises a false alarm with at most half of 1 - level, even with a
    margin of zero; a measure without an interval (ece) warns at most. Windows of successive days overlap, so that their looks err together rather than one by one.
    """
    seen = point.measures.get(rule.measure)
    if seen is None:
        reason = f"{rule.measure} is not a quality of answers; choose one of: {', '.join(point.measures)}"
        return Finding(check="decay", outcome="unknown", reason=reason)
    fewest = min(point.positives, point.n - point.positives)
    if point.task == "binary" and point.n >= windows.labelled and fewest < windows.of_each_class:
        reason = f"only {fewest} rows of the rarer class, at least {windows.of_each_class} are needed"
        return Finding(check="decay", outcome="unknown", reason=reason, measurement=seen)
    if rule.against_live and accepted is not None:
        seen = _widened(seen, accepted)
    live = None if accepted is None else accepted.value
    finding = alarm(rule, seen, live=live, minimum=windows.enough(point.task), check="decay")
    reason = f"{finding.reason}, answers of {point.since:%Y-%m-%d} to {point.until:%Y-%m-%d}"
    outcome = finding.outcome
    if outcome == "fail" and (seen.low is None or seen.high is None):
        # Without an interval nobody can say how often such an alarm is false.
        outcome, reason = "warn", f"{reason}; {rule.measure} has no interval, so that it warns at most"
    return msgspec.structs.replace(finding, outcome=outcome, reason=reason)


def series(rows: pl.DataFrame, task: Task, until: datetime, every: str = "1w", level: float = 0.95) -> list[Quality]:
    """Return the realised quality by calendar window, oldest first: ``every`` is a Polars duration like ``1w`` or ``1mo``.

    Windows without a labelled row are left out; the newest one ends at ``until``, the settled moment.
    """
    seen = labelled(rows, task).filter(pl.col("event_at") < until)
    begins = pl.col("event_at").dt.truncate(every)
    windows = seen.select(since=begins).unique().sort("since").with_columns(until=pl.col("since").dt.offset_by(every))
    return [quality(seen, task, since, min(end, until), level) for since, end in windows.iter_rows()]


def forecast(points: Sequence[Quality], rule: Rule, accepted: float | None = None, minimum: int = 300) -> Measurement:
    """Return in how many days from the end of the newest window a straight line through the windows meets the rule's bound.

    The bound of a rule like ``auc < live - 0.03`` is a floor, that of ``brier > 0.2`` a ceiling. ``value`` is None, and
    the note says why, unless the line heads there significantly; low and high are Fieller's (see ``core.statistics.trend``).
    """
    bound = rule.limit(accepted)
    if bound is None:
        return Measurement(value=None, note="unknown: there is no accepted value to compare with")
    line = course(points, rule, minimum)
    if line is None:
        told = sum(_usable(point, rule, minimum) is not None for point in points)
        return Measurement(value=None, n=told, note=f"unknown: {told} windows of {rule.measure}, 3 are needed")
    found = line.days_until_below(upright(rule) * bound)
    if found.value is None or found.low is None or found.high is None:
        return found
    ahead = points[-1].until.timestamp() / DAY - line.last_day
    value, low, high = (max(0.0, day - ahead) for day in (found.value, found.low, found.high))
    return msgspec.structs.replace(found, value=value, low=low, high=high)


def course(points: Sequence[Quality], rule: Rule, minimum: int = 300) -> Trend | None:
    """Return the straight line through the windows that have ``minimum`` rows and an interval; None where they are too few.

    Its days are those since 1970, and its values ``upright``: of a measure with a ceiling the negative.
    """
    days, values, weights = [], [], []
    for point in points:
        seen = _usable(point, rule, minimum)
        if seen is not None:
            days.append((point.since.timestamp() + point.until.timestamp()) / 2 / DAY)
            values.append(upright(rule) * seen)
            # Not the interval's own width: that of a week's seven days is itself too uncertain to weigh by.
            weights.append(point.n)
    return trend(days, values, weights)


def upright(rule: Rule) -> float:
    """Return 1 where a rule's bound is a floor, -1 where it is a ceiling: the floor of the measure upside down."""
    return 1.0 if rule.operator in {"<", "<="} else -1.0


def _usable(point: Quality, rule: Rule, minimum: int) -> float | None:
    seen = point.measures.get(rule.measure)
    if seen is None or seen.low is None or seen.high is None or point.n < minimum:
        return None
    return seen.value


def _widened(seen: Measurement, accepted: Measurement) -> Measurement:
    if seen.value is None or seen.low is None or seen.high is None:
        return seen
    if accepted.value is None or accepted.low is None or accepted.high is None:
        return seen
    low = seen.value - math.hypot(seen.value - seen.low, accepted.high - accepted.value)
    high = seen.value + math.hypot(seen.high - seen.value, accepted.value - accepted.low)
    note = "; ".join(filter(None, [seen.note, "interval widened by that of the accepted value"]))
    return msgspec.structs.replace(seen, low=low, high=high, note=note)
