"""Rankings are watched by group: realised NDCG in windows of enough groups, decay, and no estimate without labels."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from trimaran.core.checks import parse_rule
from trimaran.core.nouns import Measurement
from trimaran.core.tasks import Ranking
from trimaran.monitor import estimate, quality
from trimaran.monitor.decay import judge, trailing
from trimaran.monitor.estimation import judge as judge_estimate
from trimaran.monitor.rows import Windows

NOW = datetime(2013, 7, 1, tzinfo=UTC)
DAYS, SHOWN = 28, 5
TASK = Ranking()
ACCEPTED = Measurement(value=0.85, low=0.84, high=0.86, n=2000)


def answers(groups, noise, seed=0, lost=0.0):
    """Groups of five over four weeks, oldest first, scored by how they are liked and by noise."""
    rng = np.random.default_rng(seed)
    n = groups * SHOWN
    liking = rng.normal(size=n)
    label = np.clip(np.round(liking), 0, 3)
    at = [NOW - timedelta(days=DAYS) + timedelta(days=DAYS) * (place // SHOWN / groups) for place in range(n)]
    return pl.DataFrame(
        {
            "event_at": pl.Series(at, dtype=pl.Datetime("us", "UTC")),
            "group": [f"g{place // SHOWN}" for place in range(n)],
            "score": liking + rng.normal(0, noise, n),
            "label": pl.Series(np.where(rng.random(n) < lost, None, label).tolist(), dtype=pl.Float64),
        }
    )


def test_the_realised_quality_is_ndcg_over_groups_of_what_has_a_label():
    rows = answers(1000, 0.5, lost=0.2)
    seen = quality(rows, TASK, NOW - timedelta(days=DAYS), NOW)
    assert seen.task == "ranking"
    assert seen.n == seen.measures["ndcg"].n
    assert 500 < seen.n < 1000
    assert seen.positives == 0
    assert seen.measures["ndcg"].low < seen.measures["ndcg"].value < 1


def test_an_order_that_got_worse_is_decay_and_one_that_did_not_is_none():
    rule = parse_rule("ndcg < live - 0.03")
    for noise, outcome in ((0.3, "pass"), (4.0, "fail")):
        finding = judge(rule, quality(answers(1000, noise), TASK, NOW - timedelta(days=DAYS), NOW), ACCEPTED)
        assert finding.outcome == outcome, finding.reason


def test_a_window_grows_until_it_holds_enough_groups_and_not_enough_rows():
    rows = answers(500, 0.5)
    since = trailing(rows, NOW, TASK, Windows(groups=200))
    held = quality(rows, TASK, since, NOW).n
    assert NOW - timedelta(days=DAYS) < since < NOW - timedelta(days=7)
    assert 198 <= held <= 202
    few = judge(parse_rule("ndcg < 0.5"), quality(answers(100, 0.5), TASK, NOW - timedelta(days=DAYS), NOW), None)
    assert few.outcome == "unknown"
    assert "at least 200 are needed" in few.reason


def test_the_quality_of_an_order_is_not_estimated_without_labels():
    found = estimate(answers(500, 0.5), None, TASK, NOW - timedelta(days=7), NOW)
    assert found.measures == {}
    finding = judge_estimate(found, [], parse_rule("ndcg < 0.5"), None)
    assert finding.outcome == "unknown"
    assert "cannot be estimated without labels" in finding.reason
