"""How old the newest row is that the model was proven on."""

from __future__ import annotations

from datetime import datetime, timedelta

from trimaran.core.durations import format_duration
from trimaran.core.nouns import Finding, Measurement

DAY = timedelta(days=1)


def judge(tested_to: datetime, stale: timedelta, now: datetime) -> Finding:
    """Return the finding "stale": it fails when the newest row a version was tested on is older than ``stale``, in days.

    It counts from the tested rows and not from those trained on: an out-of-time window lies between, as long as the policy
    asks, so that a version would be born stale. Up to the newest tested row it has shown what it can do.

    >>> from datetime import UTC
    >>> judge(datetime(2013, 1, 1, tzinfo=UTC), timedelta(days=30), datetime(2013, 3, 1, tzinfo=UTC)).reason
    'the newest row it was proven on is 59.0 days old, more than 30d'
    """
    age, bound = (now - tested_to) / DAY, stale / DAY
    old = age > bound
    than = "more than" if old else "at most"
    return Finding(
        check="stale",
        outcome="fail" if old else "pass",
        reason=f"the newest row it was proven on is {age:.1f} days old, {than} {format_duration(stale)}",
        value=age,
        bound=bound,
        measurement=Measurement(value=age),
    )
