from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn import metrics
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import trimaran.data.declaration as tm
from trimaran.build import Rival, Source, TrainingSets, read_evidence, suggest
from trimaran.control.gates import judge_candidate
from trimaran.core.errors import InputError
from trimaran.data.profiles import read_profile

SPANS = ("early", "on time", "late")


def minutes(delay):
    return delay


def span(delay):
    return pl.when(delay < 5).then(pl.lit("early")).when(delay < 20).then(pl.lit("on time")).otherwise(pl.lit("late"))


NUMBER = {"label": (minutes, {"task": "regression"}), "mae": "<= 9", "r2": ">= 0.4"}
CLASSES = {"label": (span, {"classes": SPANS}), "accuracy": ">= 0.6", "macro_f1": ">= 0.5"}


def ridge(X, y, strength=1.0):
    return make_pipeline(SimpleImputer(), StandardScaler(), Ridge(alpha=strength)).fit(X.to_numpy(), y)


def logistic(X, y):
    return make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()).fit(X.to_numpy(), y)


@pytest.fixture
def made(make_yard):
    def make(fit, policies, **more):
        return make_yard(fit, **(policies | more))

    return make


def train(yard, live=None, **changes):
    return yard.trainer.train(yard.definition, yard.snapshot(), yard.job(**changes), live=live)


def rows_of(yard):
    return TrainingSets().make(yard.definition, yard.snapshot())


def test_a_number_is_trained_measured_and_judged_end_to_end(made):
    yard = made(ridge, NUMBER)
    found = train(yard)
    test = rows_of(yard).test
    scores = yard.trainer._compiled.load(yard.objects.get(found.version.compiled))(test.matrix())
    seen = {name: one.value for name, one in found.evidence.measures.items()}
    assert seen["mae"] == pytest.approx(metrics.mean_absolute_error(test.labels, scores))
    assert seen["rmse"] == pytest.approx(metrics.root_mean_squared_error(test.labels, scores))
    assert seen["r2"] == pytest.approx(metrics.r2_score(test.labels, scores))
    assert seen["pinball"] == pytest.approx(metrics.mean_pinball_loss(test.labels, scores, alpha=0.5))
    assert seen["bias"] == pytest.approx(float((scores - test.labels).mean()))
    evidence = read_evidence(yard.objects, found.run.artifacts["evidence"])
    assert evidence == found.evidence
    assert (evidence.task, evidence.goal, evidence.threshold, evidence.roc) == ("regression", "mae", None, [])
    assert max(evidence.importance, key=evidence.importance.get) == "gust"
    verdict = judge_candidate(yard.definition, evidence, found.version.native)
    assert verdict.outcome == "pass", verdict.reasons
    assert {finding.check for finding in verdict.findings} >= {"numerics", "parity", "mae <= 9", "r2 >= 0.4"}


def test_classes_are_trained_measured_and_judged_end_to_end(made):
    yard = made(logistic, CLASSES)
    found = train(yard)
    test = rows_of(yard).test
    scores = yard.trainer._compiled.load(yard.objects.get(found.version.compiled))(test.matrix())
    seen = {name: one.value for name, one in found.evidence.measures.items()}
    assert seen["accuracy"] == pytest.approx(metrics.accuracy_score(test.labels, scores.argmax(axis=1)))
    assert seen["macro_f1"] == pytest.approx(metrics.f1_score(test.labels, scores.argmax(axis=1), average="macro"))
    shares = scores / scores.sum(axis=1, keepdims=True)
    assert seen["log_loss"] == pytest.approx(metrics.log_loss(test.labels, shares), rel=1e-6)
    assert seen["auc"] == pytest.approx(metrics.roc_auc_score(test.labels, shares, multi_class="ovr"), rel=1e-6)
    assert seen["auc of late"] == pytest.approx(metrics.roc_auc_score(test.labels == 2, scores[:, 2]))
    assert (
        np.array(found.evidence.confusion).tolist() == metrics.confusion_matrix(test.labels, scores.argmax(axis=1)).tolist()
    )
    verdict = judge_candidate(yard.definition, found.evidence, found.version.native)
    assert verdict.outcome == "pass", verdict.reasons


@pytest.mark.parametrize(
    ("fit", "policies"),
    [
        (lambda X, y: HistGradientBoostingRegressor(max_iter=20).fit(X.to_numpy(), y), NUMBER),
        (lambda X, y: HistGradientBoostingRegressor(max_iter=20, loss="absolute_error").fit(X.to_numpy(), y), NUMBER),
        (lambda X, y: HistGradientBoostingClassifier(max_iter=20).fit(X.to_numpy(), y), CLASSES),
    ],
)
def test_boosted_trees_are_kept_compiled_and_proven_alike(made, fit, policies):
    found = train(made(fit, policies))
    assert found.version.compiled is not None, found.evidence.parity
    assert found.evidence.parity.difference < 1e-4


def test_trials_are_compared_on_the_first_required_measure_and_less_error_wins(made):
    yard = made(ridge, NUMBER, tune={"strength": [1e6, 1.0]}, trials=4)
    assert yard.definition.goal == "mae"
    assert train(yard).run.parameters == {"strength": 1.0}


@pytest.mark.parametrize(("fit", "policies", "goal"), [(ridge, NUMBER, "mae"), (logistic, CLASSES, "accuracy")])
def test_against_live_tells_the_paired_difference_of_the_measure(made, fit, policies, goal):
    yard = made(
        fit,
        policies,
        against_live="+0.1" if goal == "mae" else "-0.05",
        worst_slice=("depot", "mae <= 12" if goal == "mae" else "accuracy >= 0.5"),
    )
    first = train(yard)
    scorer = yard.trainer._native.load(yard.objects.get(first.version.native))
    second = train(yard, live=Rival(1, yard.definition, scorer), key="second", seed=3)
    seen = second.evidence.live.differences[goal]
    assert seen.low <= 0 <= seen.high
    assert seen.high - seen.low < (0.01 if goal == "mae" else 1.5)
    verdict = judge_candidate(yard.definition, second.evidence, second.version.native)
    (against,) = [finding for finding in verdict.findings if finding.check.startswith("against live")]
    assert against.check == ("against live: mae <= live + 0.1" if goal == "mae" else "against live: accuracy >= live - 0.05")
    assert "interval" in against.reason
    assert verdict.outcome == "pass", verdict.reasons


@pytest.mark.parametrize(("fit", "policies"), [(ridge, NUMBER), (logistic, CLASSES)])
def test_shuffled_labels_do_not_pass_the_gate(made, fit, policies):
    yard = made(fit, policies)
    found = train(yard, shuffled=True)
    assert judge_candidate(yard.definition, found.evidence, found.version.native).outcome == "fail"


def test_the_profile_of_a_number_counts_its_labels_and_claims_no_calibration(made):
    yard = made(ridge, NUMBER)
    found = train(yard)
    profile = read_profile(yard.objects, found.version.profile)
    labels = rows_of(yard).train.labels
    assert profile.calibration is None
    assert profile.spread == pytest.approx(labels.std())
    assert profile.label_histogram.n == labels.size


def test_the_profile_of_classes_counts_each_and_calibrates_the_likeliest(made):
    yard = made(logistic, CLASSES)
    profile = read_profile(yard.objects, train(yard).version.profile)
    assert profile.label_histogram.counts == np.bincount(rows_of(yard).train.labels).tolist()
    assert 0 < sum(profile.positives) < profile.scores.n


def test_automated_features_are_proposed_for_a_number_too(made, kit):
    yard = made(ridge, NUMBER, suggest=("parcels", "weather", "vans"))
    found = suggest(yard.definition, yard.snapshot(), TrainingSets(), seed=0, progress=kit.Quiet())
    assert found.tried
    assert all(gain.low > 0 for gain in found.gains.values())


def test_a_model_of_another_task_is_refused_with_what_is_asked_for(made):
    with pytest.raises(InputError, match="answers classes where a number is asked for"):
        train(made(lambda X, y: LogisticRegression().fit(np.nan_to_num(X.to_numpy()), y > 10), NUMBER))
    with pytest.raises(InputError, match="has no predict_proba"):
        train(made(ridge, CLASSES))


def test_a_class_without_a_training_row_is_named(made):
    yard = made(logistic, CLASSES, label=(span, {"classes": (*SPANS, "lost")}))
    with pytest.raises(InputError, match="none of class lost"):
        train(yard)


def test_numbers_in_a_yes_or_no_label_are_refused_and_not_cut_off(made):
    yard = made(logistic, {}, label=(minutes, {}))
    with pytest.raises(InputError, match="neither 0 nor 1"):
        train(yard)


def test_a_test_of_the_specification_is_given_the_probability_of_each_class(made):
    yard = made(logistic, CLASSES)

    def sure(model, row):
        answer = model(row)
        assert list(answer) == list(SPANS)
        assert sum(answer.values()) == pytest.approx(1, abs=1e-6)

    definition = replace(yard.definition, tests=(tm.ModelTest("sure", sure),))
    found = yard.trainer.train(definition, yard.snapshot(), yard.job(source=Source("text")))
    assert found.evidence.tests[0].passed, found.evidence.tests[0].failure
