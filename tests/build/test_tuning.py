import time

import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import trimaran.data.declaration as tm
from trimaran.build import Objective, TrainingSets, tune
from trimaran.core.errors import UserCodeError


@pytest.fixture
def tuned(make_yard, kit):
    def run(fit, tune_, trials, seed=0):
        yard = make_yard(fit, tune=tune_, trials=trials)
        made = TrainingSets().make(yard.definition, yard.snapshot())
        return tune(
            yard.definition.model, made.train, Objective(yard.definition.task, "auc"), seed=seed, progress=kit.Quiet()
        )

    return run


def weighted(X, y, weight=1.0, wrong=0):
    model = make_pipeline(SimpleImputer(), LogisticRegression(C=weight))
    return model.fit(X, 1 - y if wrong else y)


def test_the_best_trial_wins_and_every_trial_is_kept(tuned):
    found = tuned(weighted, {"wrong": [1, 0]}, 6)
    assert found.parameters == {"weight": 1.0, "wrong": 0}
    assert len(found.trials) == 6
    assert max(trial.value for trial in found.trials) > 0.7
    assert {trial.value < 0.3 for trial in found.trials if trial.parameters["wrong"]} <= {True}


def test_the_authors_defaults_are_tried_first(tuned):
    found = tuned(weighted, {"weight": tm.log(0.1, 10)}, 3)
    assert found.trials[0].parameters["weight"] == 1.0


def test_the_same_seed_tries_the_same_parameters(tuned):
    first, second, other = (tuned(weighted, {"weight": tm.log(0.1, 10)}, 4, seed) for seed in (1, 1, 2))
    assert [trial.parameters for trial in first.trials] == [trial.parameters for trial in second.trials]
    assert [trial.parameters for trial in first.trials] != [trial.parameters for trial in other.trials]


def test_a_trial_that_raises_is_recorded_and_the_rest_goes_on(tuned):
    def picky(X, y, depth=2):
        if depth == 3:
            raise ValueError("three is too deep")
        return weighted(X, y)

    found = tuned(picky, {"depth": [2, 3]}, 8)
    failed = [trial for trial in found.trials if trial.error]
    assert failed
    assert all(trial.value is None and "three is too deep" in trial.error for trial in failed)
    assert found.parameters == {"depth": 2}


def test_when_every_trial_raises_the_author_sees_where(tuned):
    def broken(X, y, depth=2):
        raise ValueError("never works")

    with pytest.raises(UserCodeError, match="every one of 2 trials failed") as caught:
        tuned(broken, {"depth": [2, 3]}, 2)
    assert 'raise ValueError("never works")' in str(caught.value)


def test_no_row_of_the_out_of_time_window_is_ever_seen(make_yard, kit):
    seen = []

    def watching(X, y, depth=2):
        seen.append(X)
        return weighted(X, y)

    yard = make_yard(watching, tune={"depth": [2, 3]}, trials=3)
    made = TrainingSets().make(yard.definition, yard.snapshot())
    tune(yard.definition.model, made.train, Objective(yard.definition.task, "auc"), seed=0, progress=kit.Quiet())
    hidden = set(made.test.features["far"])
    assert seen
    assert not any(hidden & set(rows["far"]) for rows in seen)


def test_a_trial_is_fitted_only_on_labels_that_were_final_before_its_validation(yard):
    train = TrainingSets().make(yard.definition, yard.snapshot()).train
    older, newer = train.newest(0.2)
    assert older.final_at.max() <= newer.predict_at.min()
    assert len(newer) == pytest.approx(0.2 * len(train), abs=2)


def test_seconds_are_measured(tuned):
    def slow(X, y, depth=2):
        stop = time.perf_counter() + 0.01
        while time.perf_counter() < stop:
            pass
        return weighted(X, y)

    assert all(trial.seconds >= 0.01 for trial in tuned(slow, {"depth": [2, 3]}, 2).trials)
