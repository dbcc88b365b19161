"""How fast each version answers, and how much it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec
import numpy as np
import polars as pl
from scipy import special

from trimaran.core.checks import Rule, alarm
from trimaran.core.checks.rules import Operator
from trimaran.core.nouns import Finding, Measurement

MINIMUM = 100
QUANTILES: Mapping[str, float] = {"p50": 0.50, "p99": 0.99}
_BROKEN: Mapping[Operator, Operator] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from request to answer of one version in one mode, with intervals, and its answers a second of the window."""

    version: int
    mode: str
    n: int
    p50: Measurement
    p99: Measurement
    throughput: float


def quantile(seconds: np.ndarray, share: float, level: float = 0.95) -> Measurement:
    """Return a quantile with its interval from order statistics, which holds for any distribution.

    The ranks are those of the binomial law (Hahn & Meeker, Statistical Intervals, 1991, ch. 5); ``low`` or
    ``high`` is None where the sample has no row far enough out.

    >>> seen = quantile(np.arange(1.0, 1001.0), 0.99)
    >>> seen.value, seen.low, seen.high
    (990.0, 983.0, 997.0)
    """
    n = seconds.size
    if not n:
        return Measurement(value=None, note="no answers")
    ordered = np.sort(seconds)
    chance = special.bdtr(np.arange(n), n, share)
    low = int(np.searchsorted(chance, (1 - level) / 2)) - 1
    high = int(np.searchsorted(chance, (1 + level) / 2))
    return Measurement(
        value=float(ordered[min(n, int(np.ceil(share * n))) - 1]),
        n=n,
        low=float(ordered[low]) if low >= 0 else None,
        high=float(ordered[high]) if high < n else None,
        level=level,
    )


def latencies(rows: pl.DataFrame, span: timedelta) -> list[Latency]:
    """Return the latency of each version and mode that answered in ``rows``, which cover ``span``; failed answers count."""
    result = []
    for (version, mode), part in sorted(rows.group_by("version", "mode"), key=lambda group: group[0]):
        seconds = part["seconds"].to_numpy()
        p50, p99 = (quantile(seconds, share) for share in QUANTILES.values())
        throughput = seconds.size / span.total_seconds()
        result.append(Latency(version=version, mode=mode, n=seconds.size, p50=p50, p99=p99, throughput=throughput))
    return result


def judge(rule: Rule, seen: list[Latency], version: int) -> Finding:
    """Return the finding "p50" or "p99": it fails when the whole interval breaks what the gate required.

    Only answers over HTTP count: a batch is not waited for row by row.
    """
    found = next((one for one in seen if (one.version, one.mode) == (version, "http")), None)
    measured = None if found is None else {"p50": found.p50, "p99": found.p99}[rule.measure]
    broken = msgspec.structs.replace(rule, operator=_BROKEN[rule.operator])
    return alarm(broken, measured, minimum=MINIMUM, check=rule.measure)
