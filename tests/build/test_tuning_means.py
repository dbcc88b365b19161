"""How a tuning is done: in batches, by several processes, kept as runs, cut short and begun again, within a budget."""

import os
import signal
import sys

import cloudpickle
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import trimaran.data.declaration as tm
from trimaran.backends.process_tasks import ProcessExecutor
from trimaran.backends.sqlite_metrics import SqliteMetrics
from trimaran.build import Means, Objective, TrainingSets, TrialRuns, tune
from trimaran.build.pruning import bars_of
from trimaran.core.errors import DefinitionError, Unavailable, UserCodeError
from trimaran.core.nouns import Tracked

# The functions of a product file belong to no module that could be imported elsewhere; those here shall not either.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

SPACE = {"weight": tm.log(0.01, 10)}


def weighted(X, y, weight=1.0):
    return make_pipeline(SimpleImputer(), LogisticRegression(C=weight)).fit(X, y)


def stepwise(X, y, weight=1.0, report=None):
    for step in range(1, 4):
        model = make_pipeline(SimpleImputer(), LogisticRegression(C=weight, max_iter=100 * step)).fit(
            X, 1 - y if weight < 0.3 else y
        )
        report(step, model)
    return model


@pytest.fixture
def bench(make_yard, kit, tmp_path):
    class Bench:
        def __init__(self, fit=weighted, trials=10, **model):
            self.yard = make_yard(fit, tune=SPACE, trials=trials, **model)
            self.model = self.yard.definition.model
            self.train = TrainingSets().make(self.yard.definition, self.yard.snapshot()).train
            self.objective = Objective(self.yard.definition.task, self.yard.definition.goal)
            self.metrics = SqliteMetrics(tmp_path / "metrics.db")
            self.diary = TrialRuns(self.yard.ledger, self.yard.trainer._clock, "parcels/run-1", "auc", lambda: self.metrics)

        def tune(self, **means):
            return tune(self.model, self.train, self.objective, seed=3, progress=kit.Quiet(), means=Means(**means))

        def kept(self):
            return [record for _, record in self.yard.ledger.history((Tracked,))]

    return Bench


def asked(found):
    return [trial.parameters for trial in found.trials]


def test_the_same_parameters_are_tried_by_one_process_and_by_several(bench):
    one = bench()
    alone, together = one.tune(), one.tune(executor=ProcessExecutor(2))
    assert asked(alone) == asked(together)
    assert [trial.value for trial in alone.trials] == [trial.value for trial in together.trials]
    assert alone.parameters == together.parameters


def test_every_trial_is_a_run_and_a_part_of_its_training(bench):
    made = bench(trials=5)
    found = made.tune(diary=made.diary)
    kept = made.kept()
    assert [record.parameters for record in kept] == asked(found)
    assert [record.metrics["auc"].number for record in kept] == [trial.value for trial in found.trials]
    assert {record.parent for record in kept} == {"parcels/run-1"}
    assert [record.tags["trial"] for record in kept] == list("01234")


def test_a_tuning_that_was_cut_short_goes_on_where_it_was(bench):
    made, fits = bench(), []
    whole = made.tune()

    def counting(X, y, weight=1.0):
        fits.append(weight)
        if len(fits) == 7:
            raise KeyboardInterrupt
        return weighted(X, y, weight)

    cut = bench(counting)
    cut.diary = made.diary
    with pytest.raises(KeyboardInterrupt):
        cut.tune(diary=made.diary)
    assert len(made.kept()) == 6
    fits.clear()
    again = bench(lambda X, y, weight=1.0: fits.append(weight) or weighted(X, y, weight)).tune(diary=made.diary)
    assert len(fits) == 4
    assert asked(again) == asked(whole)
    assert again.parameters == whole.parameters
    assert len(made.kept()) == 10


def test_a_trial_that_kills_its_process_has_failed_and_the_others_go_on(bench):
    def deadly(X, y, weight=1.0):
        if weight < 0.1:
            os.kill(os.getpid(), signal.SIGKILL)
        return weighted(X, y, weight)

    made = bench(deadly, trials=12)
    found = made.tune(executor=ProcessExecutor(2), diary=made.diary)
    dead = [trial for trial in found.trials if trial.error]
    assert dead
    assert all(trial.parameters["weight"] < 0.1 and "its process was killed" in trial.error for trial in dead)
    assert len(found.trials) == 12
    assert {record.status for record in made.kept()} == {"finished", "failed"}


def test_what_a_fit_reports_is_measured_on_rows_it_does_not_see_and_bad_trials_are_given_up(bench):
    made = bench(stepwise, trials=16, prune="median")
    found = made.tune(diary=made.diary)
    pruned = [trial for trial in found.trials if trial.pruned]
    assert pruned
    assert all(trial.value is None and trial.error is None and len(trial.curve) < 3 for trial in pruned)
    assert not any(trial.pruned for trial in found.trials[:4])
    assert found.parameters["weight"] >= 0.3
    subject = next(record.subject for record in made.kept() if record.points == 3)
    assert made.metrics.points(subject)["step"].to_list() == [1, 2, 3]
    again = made.tune(diary=made.diary)
    assert again.trials == found.trials


def test_a_fit_that_reports_is_called_without_tuning_too(bench):
    made = bench(stepwise, trials=4)
    job = made.yard.job(parameters={"weight": 1.0})
    assert made.yard.trainer.train(made.yard.definition, made.yard.snapshot(), job).run.error is None


def test_the_bars_are_the_median_or_the_best_third():
    class Told:
        def __init__(self, value):
            self.curve = [(1, value), (2, value)]

    told = [Told(value) for value in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)]
    assert bars_of(told, "median") == {1: 0.75, 2: 0.75}
    assert bars_of(told, "halving") == {1: 0.9}
    assert bars_of(told[:3], "median") == {}
    assert bars_of(told, "") == {}
    assert bars_of(told, "halving", -1.0) == {1: -0.6}


def test_a_spent_budget_begins_no_more_trials(bench):
    made = bench(trials=40, budget="1us")
    found = made.tune(diary=made.diary)
    assert len(found.trials) == 4
    assert found.stopped == "the budget of 1us was spent after 4 of 40 trials"
    assert len(made.tune(exactly=6).trials) == 6


def test_the_choice_is_explained(bench):
    found = bench().tune()
    best = max(found.trials, key=lambda trial: trial.value)
    assert found.choice.number == best.number
    assert found.choice.low <= best.value <= found.choice.high
    assert found.choice.default == found.trials[0].value
    assert f"trial {best.number} is the best of 10: auc {best.value:.4f}" in str(found.choice)
    assert found.choice.equals == sum(trial.value >= best.low for trial in found.trials) - 1


def test_no_trial_sees_a_row_of_the_out_of_time_window_in_any_process(bench, tmp_path):
    folder = tmp_path / "seen"
    folder.mkdir()

    def watching(X, y, weight=1.0):
        (folder / f"{os.getpid()}-{weight}.txt").write_text("\n".join(map(repr, X["far"].to_list())), encoding="utf-8")
        return weighted(X, y, weight)

    made = bench(watching, trials=4)
    hidden = {
        repr(value)
        for value in TrainingSets().make(made.yard.definition, made.yard.snapshot()).test.features["far"].to_list()
    }
    made.tune(executor=ProcessExecutor(2))
    seen = [set(file.read_text(encoding="utf-8").splitlines()) for file in folder.iterdir()]
    assert len(seen) == 4
    assert not any(hidden & rows for rows in seen)


def test_when_every_trial_fails_the_record_says_so_of_each(bench):
    def broken(X, y, weight=1.0):
        raise ValueError("never works")

    made = bench(broken, trials=3)
    with pytest.raises(UserCodeError, match="every one of 3 trials failed"):
        made.tune(diary=made.diary)
    assert ["never works" in record.error for record in made.kept()] == [True] * 3


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"budget": "soon"}, "'soon' is no budget; write a time like 10min"),
        ({"prune": "often"}, "prune is 'often'; choose from: median, halving"),
        ({"prune": "median"}, "prune is given, but fit.. reports nothing on its way; give it a parameter report=None"),
        ({"tune": {}}, "the space to tune in is empty; name a parameter"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_declared(product, tmp_path, model, said):
    declaration = product()
    declaration._draft.models.clear()
    declaration.model(**model)(weighted)
    with pytest.raises(DefinitionError, match=said):
        declaration.freeze(tmp_path)


def test_a_place_of_work_that_is_not_there_ends_the_tuning_and_fails_no_trial(bench):
    class Away:
        def map(self, act, tasks):
            raise Unavailable("the cluster does not answer")

    made = bench()
    with pytest.raises(Unavailable, match="does not answer"):
        made.tune(executor=Away(), diary=made.diary)
    assert made.kept() == []
