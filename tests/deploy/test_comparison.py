"""What a candidate must have shown, and what it takes to call it harmful."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
import shop

from trimaran.core.checks import parse_rules
from trimaran.core.tasks import Number, OneOf, Value, YesOrNo
from trimaran.deploy import Comparison, Evidence

RULES = parse_rules("errors > 1% or drift > 0.25 or p99 > 50ms")


def captures(n, candidate, *, labelled=True, seed=1, failures=0, seconds=0.004, fair=False):
    """Return what both versions captured on the same ids; ``candidate`` gives its scores from the live ones and labels.

    The live scores are the truth, or, to be ``fair``, it lies half-way between the two.
    """
    rng = np.random.default_rng(seed)
    live = rng.beta(2, 5, n)
    label = (rng.random(n) < live).astype(float)
    scores = np.clip(candidate(live, label), 0, 1)
    if fair:
        label = (rng.random(n) < (live + scores) / 2).astype(float)
    known = shop.NOON + shop.HOUR
    common = {
        "id": [f"i{i}" for i in range(n)],
        "mode": ["http"] * n,
        "event_at": [shop.NOON + timedelta(seconds=i) for i in range(n)],
        "asked_at": [shop.NOON] * n,
        "notes": [[]] * n,
        "label": label if labelled else [None] * n,
        "known_at": [known if labelled else None] * n,
        "joined_at": [known if labelled else None] * n,
        "probabilities": [None] * n,
    }
    types = {
        "probabilities": pl.List(pl.Float64),
        "label": pl.Float64,
        "known_at": pl.Datetime("us", "UTC"),
        "joined_at": pl.Datetime("us", "UTC"),
    }
    parts = [
        pl.DataFrame(
            common | {"version": [1] * n, "role": ["live"] * n, "score": live, "seconds": [0.004] * n},
            schema_overrides=types,
        ),
        pl.DataFrame(
            common
            | {
                "version": [2] * n,
                "role": ["shadow"] * n,
                "score": [None] * failures + scores[failures:].tolist(),
                "seconds": [seconds] * n,
            },
            schema_overrides=types,
        ),
    ]
    return pl.concat(parts, how="diagonal")


def judged(frame, rules=RULES, policy="shadow", **how):
    verdict = Comparison(frame, candidate=2, live=1, rollback=rules, **how).judge(policy, shop.DIGEST)
    return verdict, {finding.check.split()[0]: finding for finding in verdict.findings}


def same(live, label):
    return live


def worse(live, label):
    return 1 - live


def test_a_candidate_like_the_live_version_passes():
    verdict, findings = judged(captures(2000, lambda live, _: live + 0.001))
    assert (verdict.outcome, verdict.policy, verdict.about) == ("pass", "shadow", shop.DIGEST)
    assert {name: finding.outcome for name, finding in findings.items()} == dict.fromkeys(
        ("errors", "drift", "p99", "no"), "pass"
    )


@pytest.mark.parametrize("n", [0, 10, 299])
def test_too_little_evidence_is_unknown(n):
    verdict, findings = judged(captures(n, same))
    assert verdict.outcome == "unknown"
    assert findings["no"].reason == f"only {n} rows have both scores and a label, at least 300 are needed"


def test_without_labels_no_harm_is_unknown():
    verdict, findings = judged(captures(2000, same, labelled=False))
    assert (verdict.outcome, findings["no"].outcome, findings["drift"].outcome) == ("unknown", "unknown", "pass")


def test_a_harmful_candidate_fails():
    verdict, findings = judged(captures(2000, worse), rules=None)
    assert (verdict.outcome, findings["no"].outcome) == ("fail", "fail")
    assert findings["no"].measurement.low > 0


def test_a_difference_that_is_not_decided_is_unknown():
    noise = np.random.default_rng(5)
    _, findings = judged(captures(400, lambda live, _: live + noise.normal(0, 0.06, live.size)), rules=None)
    assert findings["no"].outcome == "unknown"
    assert "not yet decided" in findings["no"].reason


def test_shifted_scores_are_drift():
    _, findings = judged(captures(2000, lambda live, _: live + 0.3))
    assert (findings["drift"].outcome, findings["drift"].bound) == ("fail", 0.25)


def test_failed_answers_are_errors():
    _, findings = judged(captures(2000, same, failures=60))
    assert findings["errors"].outcome == "fail"
    assert findings["errors"].reason == "60 of 2000 answers failed, shown to be above 0.01"


def test_few_answers_without_an_error_do_not_show_a_low_rate():
    _, findings = judged(captures(200, same))
    assert findings["errors"].outcome == "unknown"


def test_a_slow_candidate_fails_its_latency():
    _, findings = judged(captures(2000, same, seconds=0.2))
    assert (findings["p99"].outcome, findings["p99"].value) == ("fail", 0.2)


def test_rules_may_compare_with_the_live_version():
    rules = parse_rules("auc < live - 0.03 or brier > live + 0.05 or accuracy < live - 0.1 or errors > live + 0.5")
    frame = captures(3000, worse)
    _, findings = judged(frame, rules=rules, task=YesOrNo(Value(true_positive=1, false_positive=-1)))
    assert {name: finding.outcome for name, finding in findings.items()} == {
        "auc": "fail",
        "brier": "fail",
        "accuracy": "fail",
        "errors": "pass",
        "no": "fail",
    }


def test_value_and_the_other_measures_are_judged_too():
    rules = parse_rules("value < 0 or log_loss > 5 or ece > 0.9 or p50 > 1s or errors > 0")
    _, findings = judged(captures(3000, same), rules=rules, task=YesOrNo(Value(true_positive=1, true_negative=1)))
    assert {finding.outcome for finding in findings.values()} == {"pass"}


def test_ids_that_only_one_version_scored_are_no_pairs():
    frame = captures(1000, same)
    alone = frame.filter((pl.col("version") == 1) | (pl.col("id") == "i0"))
    assert Comparison(alone, candidate=2, live=1).no_harm().measurement.n == 1


def test_looking_often_rarely_calls_a_harmless_candidate_harmful():
    """Where neither version is better, the chance of ever a ``fail`` over many looks stays below alpha."""
    wrong = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        frame = captures(1000, lambda live, _, rng=rng: live + rng.choice([-0.1, 0.1], live.size), seed=seed, fair=True)
        looks = (frame.filter(pl.col("event_at") < shop.NOON + timedelta(seconds=n)) for n in range(300, 1001, 175))
        harm = Evidence(harm=0.0)
        wrong += any(Comparison(look, candidate=2, live=1, evidence=harm).no_harm().outcome == "fail" for look in looks)
    assert wrong <= 4  # 40 x 0.025, and room for chance


SPREAD = 10.0


def numbers(n, error, *, seed=0, bias=0.0):
    """Two versions' answers of a number that err much alike, the candidate's with a bias besides."""
    rng = np.random.default_rng(seed)
    label = rng.normal(50, SPREAD, n)
    live = label + rng.normal(0, error, n)
    candidate = live + rng.normal(0, error / 8, n) + bias
    frame = captures(n, same)
    truth = pl.Series(np.tile(label, 2))
    return frame.with_columns(score=pl.Series(np.concatenate([live, candidate])), label=truth)


def classed(n, blur, *, seed=0):
    """Two versions' probabilities of three classes, the candidate's blurred."""
    rng = np.random.default_rng(seed)
    chance = rng.dirichlet([1, 1, 1], n)
    label = (chance.cumsum(axis=1) > rng.uniform(size=(n, 1))).argmax(axis=1).astype(float)
    other = (1 - blur) * chance + blur / 3
    frame = captures(n, same)
    both = np.concatenate([chance, other])
    return frame.with_columns(
        score=pl.Series(both.max(axis=1)), label=pl.Series(np.tile(label, 2)), probabilities=pl.Series(both.tolist())
    )


TASKS = {
    "number": (Number(), lambda harm, n, seed: numbers(n, 4.0, seed=seed, bias=6.0 * harm), "mae > live + 1"),
    "classes": (OneOf(("a", "b", "c")), lambda harm, n, seed: classed(n, 0.8 * harm, seed=seed), "accuracy < live - 0.5"),
}


@pytest.mark.parametrize("name", TASKS)
def test_a_harmful_candidate_of_any_task_fails_and_a_like_one_passes(name):
    task, make, rule = TASKS[name]
    for harm, outcome in ((0, "pass"), (1, "fail")):
        comparison = Comparison(
            make(harm, 6000, 1), candidate=2, live=1, task=task, spread=SPREAD, rollback=parse_rules(rule)
        )
        finding = comparison.no_harm()
        assert finding.outcome == outcome, finding.reason
        (alarmed,) = comparison.alarms()
        assert alarmed.outcome == ("fail" if name == "number" and harm else "pass"), alarmed.reason


@pytest.mark.parametrize("name", TASKS)
def test_looking_often_rarely_calls_a_like_candidate_of_any_task_harmful(name):
    task, make, _ = TASKS[name]
    wrong = 0
    for seed in range(40):
        frame = make(0, 1500, seed)
        looks = (
            Comparison(
                frame.filter(pl.col("id").str.slice(1).cast(pl.Int32) < n), candidate=2, live=1, task=task, spread=SPREAD
            )
            for n in range(300, 1500, 300)
        )
        wrong += any(look.no_harm().outcome == "fail" for look in looks)
    assert wrong <= 3


def test_one_wild_error_does_not_decide_about_a_number():
    frame = numbers(3000, 4.0).with_columns(
        score=pl.when((pl.col("version") == 2) & (pl.col("id") == "i7")).then(1e9).otherwise(pl.col("score"))
    )
    assert Comparison(frame, candidate=2, live=1, task=Number(), spread=SPREAD).no_harm().outcome == "pass"
