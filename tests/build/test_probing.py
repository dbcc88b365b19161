import time

import numpy as np
import pytest

from trimaran.build.probing import TOLERANCE, compare_forms, importance_of, probe_numerics, time_scorer
from trimaran.core.tasks import GRADED, Ranking, YesOrNo

ROWS = np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32)


def logistic(rows):
    return 1 / (1 + np.exp(-(rows[:, 0].astype(np.float64) + 0.2 * rows[:, 1])))


def test_forms_that_answer_alike_hold():
    parity = compare_forms(logistic, lambda rows: logistic(rows) + 1e-7, ROWS, YesOrNo())
    assert parity.holds
    assert parity.difference == pytest.approx(1e-7, rel=1e-3)


@pytest.mark.parametrize("shift", [2 * TOLERANCE, float("nan")])
def test_forms_that_differ_on_one_row_do_not_hold(shift):
    def other(rows):
        scores = logistic(rows)
        scores[7] += shift
        return scores

    assert not compare_forms(logistic, other, ROWS, YesOrNo()).holds


def test_flipped_decisions_are_counted():
    assert compare_forms(logistic, lambda rows: 1 - logistic(rows), ROWS, YesOrNo()).flips == 1.0


def test_times_are_those_of_single_rows():
    seen = []

    def scorer(rows):
        seen.append(rows.shape)
        return logistic(rows)

    latency = time_scorer(scorer, ROWS, "onnx")
    assert set(seen) == {(1, 3)}
    assert 0 < latency.p50.value <= latency.p99.value
    assert latency.p99.n == len(seen) - 5


def spin(seconds):
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


def test_what_interrupts_a_call_now_and_then_is_not_the_models_time_but_a_slow_row_is():
    calls = []

    def interrupted(rows):
        calls.append(None)
        if len(calls) % 20 == 0:
            spin(0.005)
        return logistic(rows)

    def slow(rows):
        if rows[0, 0] > slowest:
            spin(0.005)
        return logistic(rows)

    rows = ROWS[:199]
    slowest = np.quantile(rows[:, 0], 0.97)
    assert time_scorer(interrupted, rows, "skops", calls=199).p99.value >= 0.005
    assert time_scorer(interrupted, rows, "skops", calls=199, rounds=5).p99.value < 0.005
    seen = time_scorer(slow, rows, "skops", calls=199, rounds=5)
    assert seen.p99.value >= 0.005 > seen.p50.value
    assert seen.p99.n == 199


def test_broken_scores_are_counted():
    def scorer(rows):
        return np.where(rows[:, 0] > 1, np.nan, logistic(rows))

    seen = probe_numerics(scorer, ROWS, scorer(ROWS), YesOrNo(), np.random.default_rng(0))
    assert seen.broken == (ROWS[:, 0] > 1).sum()


def test_a_score_that_hangs_on_its_batch_is_seen():
    def scorer(rows):
        return logistic(rows - rows.mean(axis=0))

    assert probe_numerics(scorer, ROWS, scorer(ROWS), YesOrNo(), np.random.default_rng(0)).alone > 0.1
    assert probe_numerics(logistic, ROWS, logistic(ROWS), YesOrNo(), np.random.default_rng(0)).alone < 1e-12


def test_a_model_that_cuts_between_equal_numbers_is_seen():
    def scorer(rows):
        return (rows[:, 0] > np.float32(1.0)).astype(float)

    rows = np.ones((400, 3), dtype=np.float32)
    assert probe_numerics(scorer, rows, scorer(rows), YesOrNo(), np.random.default_rng(0)).flips > 0.2
    assert probe_numerics(logistic, ROWS, logistic(ROWS), YesOrNo(), np.random.default_rng(0)).flips == 0


def test_importance_finds_the_feature_that_matters_and_is_the_same_again():
    labels = (logistic(ROWS) > np.random.default_rng(1).uniform(size=400)).astype(np.int64)
    first, second = (
        importance_of(
            logistic, ROWS, labels, ["strong", "weak", "idle"], np.random.default_rng(2), task=YesOrNo(), goal="auc"
        )
        for _ in range(2)
    )
    assert first == second
    assert next(iter(first)) == "strong"
    assert first["idle"] == 0


def test_the_importance_for_a_ranking_is_looked_at_in_whole_groups():
    number, size = 1500, 4
    groups = np.repeat(np.arange(number), size)
    generator = np.random.default_rng(3)
    rows = np.column_stack([groups, generator.normal(size=(number * size, 2))]).astype(np.float32)
    labels = np.empty(rows.shape[0], dtype=GRADED)
    labels["grade"], labels["group"] = np.clip(np.round(rows[:, 1]), 0, 3), groups
    seen = []

    def scorer(given):
        seen.append(given.copy())
        return given[:, 1].astype(np.float64)

    lost = importance_of(scorer, rows, labels, ["group", "good", "idle"], generator, task=Ranking(), goal="ndcg")
    assert seen[0].shape[0] == 2000
    assert set(np.unique(seen[0][:, 0], return_counts=True)[1]) == {size}
    assert max(lost, key=lost.get) == "good"
    assert lost["idle"] == lost["group"] == 0
