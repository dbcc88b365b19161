"""Latency is judged by what the gate required, and only when it is sure."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from trimaran.core.checks import parse_rule
from trimaran.monitor.latency import judge, latencies, quantile

DAY = timedelta(days=1)
RULE = parse_rule("p99 < 10ms")


def answers(seconds, version=1, mode="http"):
    return pl.DataFrame({"seconds": seconds}).with_columns(version=pl.lit(version), mode=pl.lit(mode))


def test_the_interval_of_a_quantile_holds_it_at_its_level():
    rng = np.random.default_rng(3)
    truth = -np.log(0.01)
    held = 0
    for _ in range(400):
        seen = quantile(rng.exponential(1.0, 1000), 0.99)
        held += seen.low <= truth <= seen.high
    assert held >= 0.93 * 400


def test_versions_and_modes_are_told_apart():
    rows = pl.concat([answers([0.001] * 3), answers([0.004], version=2), answers([9.0], mode="batch")])
    seen = latencies(rows, DAY)
    assert [(one.version, one.mode, one.n, one.p50.value) for one in seen] == [
        (1, "batch", 1, 9.0),
        (1, "http", 3, 0.001),
        (2, "http", 1, 0.004),
    ]
    assert seen[1].throughput == pytest.approx(3 / 86400)


@pytest.mark.parametrize(("slow", "outcome"), [(0, "pass"), (12, "warn"), (60, "fail")])
def test_a_slow_tail_fails_when_it_is_sure(slow, outcome):
    seconds = [0.002] * (1000 - slow) + [0.05] * slow
    finding = judge(RULE, latencies(answers(seconds), DAY), 1)
    assert (finding.check, finding.outcome) == ("p99", outcome)


def test_few_or_no_answers_are_unknown():
    assert judge(RULE, latencies(answers([0.5] * 99), DAY), 1).outcome == "unknown"
    assert judge(RULE, latencies(answers([0.5] * 500, mode="batch"), DAY), 1).outcome == "unknown"
    assert judge(RULE, [], 1).outcome == "unknown"


def test_a_sample_too_small_for_a_bound_has_none():
    seen = quantile(np.array([1.0, 2.0, 3.0]), 0.5)
    assert (seen.value, seen.low, seen.high) == (2.0, None, None)
    assert quantile(np.array([]), 0.5).value is None
