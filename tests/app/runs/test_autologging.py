import inspect

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import trimaran as tm
from trimaran.core.errors import InputError

X = np.random.default_rng(1).normal(size=(80, 3))
Y = (X[:, 0] > 0).astype(int)


def kept(folder):
    (run,) = tm.runs("limit 1", workspace=folder)
    return run.row


def test_a_fit_of_scikit_learn_says_what_it_was_given_and_is_what_it_was(tmp_path):
    plain = LogisticRegression.fit
    with tm.autolog("sklearn"), tm.start_run(workspace=tmp_path):
        assert inspect.signature(LogisticRegression.fit) == inspect.signature(plain)
        model = LogisticRegression(C=0.5)
        assert model.fit(X, Y) is model
    assert LogisticRegression.fit is plain
    row = kept(tmp_path)
    assert row.parameters["C"] == 0.5
    assert row.tags == {"fitted LogisticRegression": "yes"}
    assert (row.metrics["fit_rows"], row.metrics["fit_columns"]) == (80, 3)
    assert row.metrics["n_iter"] > 0


def test_what_a_pipeline_fits_inside_is_its_own_affair_and_a_search_says_what_was_best(tmp_path):
    with tm.autolog("sklearn"), tm.start_run(workspace=tmp_path) as run:
        make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
        GridSearchCV(LogisticRegression(), {"C": [0.01, 1.0]}, cv=3).fit(X, Y)
    row = kept(tmp_path)
    assert set(row.tags) == {"fitted Pipeline", "fitted GridSearchCV", "fitted best"}
    assert row.parameters["C"] in {0.01, 1.0}
    assert 0.5 < row.metrics["best_score"] <= 1
    assert run.ended


def test_a_second_fit_with_other_values_is_told_apart(tmp_path):
    with tm.autolog("sklearn"), tm.start_run(workspace=tmp_path):
        for strength in (0.5, 0.7, 0.7):
            LogisticRegression(C=strength).fit(X, Y)
    parameters = kept(tmp_path).parameters
    assert (parameters["C"], parameters["LogisticRegression 2: C"]) == (0.5, 0.7)
    assert "LogisticRegression 3: C" not in parameters


def test_an_error_of_a_fit_comes_out_as_it_is_and_the_next_fit_is_logged(tmp_path):
    with tm.autolog("sklearn"), tm.start_run(workspace=tmp_path):
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            LogisticRegression().fit(X, Y[:3])
        MLPClassifier(max_iter=2000, random_state=1).fit(X, Y)
    assert "fitted MLPClassifier" in kept(tmp_path).tags


def test_outside_of_a_run_and_outside_of_the_block_nothing_is_logged(tmp_path):
    with tm.autolog("sklearn"):
        LogisticRegression().fit(X, Y)
    with tm.start_run(workspace=tmp_path):
        LogisticRegression().fit(X, Y)
    assert kept(tmp_path).parameters == {}


def test_xgboost_logs_each_round_and_returns_what_it_returns(tmp_path):
    xgboost = pytest.importorskip("xgboost")
    data = xgboost.DMatrix(X, label=Y)
    with tm.autolog("xgboost"), tm.start_run(workspace=tmp_path):
        booster = xgboost.train({"max_depth": 2}, data, num_boost_round=5, evals=[(data, "train")], verbose_eval=False)
        model = xgboost.XGBClassifier(n_estimators=3, max_depth=2)
        assert model.fit(X, Y, eval_set=[(X, Y)], verbose=False) is model
    assert isinstance(booster, xgboost.Booster)
    (run,) = tm.runs("limit 1", workspace=tmp_path)
    assert run.points("train/rmse")["step"].to_list() == [0, 1, 2, 3, 4]
    assert run.points("validation_0/logloss").height == 3
    assert run.row.parameters["max_depth"] == 2


def test_lightgbm_logs_each_round_and_returns_what_it_returns(tmp_path):
    lightgbm = pytest.importorskip("lightgbm")
    data = lightgbm.Dataset(X, label=Y)
    with tm.autolog("lightgbm"), tm.start_run(workspace=tmp_path):
        booster = lightgbm.train({"objective": "binary", "verbose": -1}, data, num_boost_round=5, valid_sets=[data])
        lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(X, Y, eval_X=(X,), eval_y=(Y,))
    assert isinstance(booster, lightgbm.Booster)
    (run,) = tm.runs("limit 1", workspace=tmp_path)
    assert run.points("training/binary_logloss").height >= 5
    assert run.points("valid_0/binary_logloss").height == 3 or run.points("training/binary_logloss").height == 8
    assert run.row.parameters["objective"] == "binary"


def test_torch_logs_losses_and_learning_rates_by_its_own_hooks(tmp_path):
    torch = pytest.importorskip("torch")
    layer, loss = torch.nn.Linear(3, 1), torch.nn.MSELoss()
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    with tm.autolog("torch"), tm.start_run(workspace=tmp_path):
        for _ in range(5):
            optimizer.zero_grad()
            loss(layer(torch.zeros(4, 3)), torch.ones(4, 1)).backward()
            optimizer.step()
    loss(layer(torch.zeros(4, 3)), torch.ones(4, 1))
    (run,) = tm.runs("limit 1", workspace=tmp_path)
    assert run.points("MSELoss").height == run.points("learning_rate").height == 5


def test_keras_logs_each_epoch(tmp_path):
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(loss="mse")
    with tm.autolog("keras"), tm.start_run(workspace=tmp_path):
        history = model.fit(X, Y, epochs=3, verbose=0)
    (run,) = tm.runs("limit 1", workspace=tmp_path)
    assert run.points("loss")["value"].to_list() == pytest.approx([float(loss) for loss in history.history["loss"]])


def test_a_library_that_is_not_known_or_not_there_is_refused():
    with pytest.raises(InputError, match="'prophet' is not known; choose from: sklearn, xgboost"), tm.autolog("prophet"):
        pass
