"""How old the newest row is that the model was trained on."""

from __future__ import annotations

from datetime import datetime, timedelta

from trimaran.core.durations import format_duration
from trimaran.core.nouns import Finding, Measurement

DAY = timedelta(days=1)


def judge(trained_to: datetime, stale: timedelta, now: datetime) -> Finding:
    """Return the finding "stale": it fails when the newest training row is older than ``stale``; values are in days.

    >>> from datetime import UTC
    >>> judge(datetime(2013, 1, 1, tzinfo=UTC), timedelta(days=30), datetime(2013, 3, 1, tzinfo=UTC)).reason
    'the newest training row is 59.0 days old, more than 30d'
    """
    age, bound = (now - trained_to) / DAY, stale / DAY
    old = age > bound
    than = "more than" if old else "at most"
    return Finding(
        check="stale",
        outcome="fail" if old else "pass",
        reason=f"the newest training row is {age:.1f} days old, {than} {format_duration(stale)}",
        value=age,
        bound=bound,
        measurement=Measurement(value=age),
    )
