"""Models that were trained elsewhere join at the gate, get a release like any other, and say where they came from."""

import pickle
from datetime import UTC, datetime

import lightgbm
import numpy as np
import polars as pl
import pytest
import xgboost
from skl2onnx import to_onnx
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from trimaran.app.batch import BatchScorer
from trimaran.app.registry.adopting import adopt
from trimaran.app.reproduction import reproduce
from trimaran.app.running import run_once
from trimaran.app.steward import Steward
from trimaran.control.trust import trust
from trimaran.core.canon import digest
from trimaran.core.errors import InputError, NotFound, Refused
from trimaran.core.nouns import Run, Trust

UNTIL = datetime(2013, 1, 22, tzinfo=UTC)
MLMODEL = """
flavors:
  {flavour}:
    {key}: {file}
    code: null
  python_function:
    loader_module: mlflow.{flavour}
mlflow_version: 3.17.2
run_id: 0123abc
signature:
  inputs: '[{{"type": "float", "name": "wind_now", "required": true}}, {{"type": "double", "name": "trips_before", "required": true}}]'
"""


def mlflow_folder(place, flavour, file, data, key="data", text=MLMODEL):
    folder = place / f"mlflow-{flavour}"
    folder.mkdir()
    (folder / "MLmodel").write_text(text.format(flavour=flavour, file=file, key=key))
    (folder / file).write_bytes(data)
    return folder


@pytest.fixture(scope="session")
def fitted(known):
    features, labels = known
    return HistGradientBoostingClassifier(max_iter=10, early_stopping=False).fit(features.to_pandas(), labels)


@pytest.fixture(scope="session")
def booster(known):
    features, labels = known
    made = xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(features.to_pandas(), labels), 10)
    return bytes(made.save_raw("ubj"))


@pytest.fixture(scope="session")
def trees(known):
    features, labels = known
    settings = {"objective": "binary", "verbose": -1, "num_threads": 1}
    return lightgbm.train(settings, lightgbm.Dataset(features.to_pandas(), labels), 10).model_to_string().encode()


@pytest.fixture(scope="session")
def onnx_bytes(known):
    features, labels = known
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(features.to_numpy(), labels)
    return to_onnx(model, features.head(1).to_numpy()).SerializeToString()


def scores(workspace, version, count=50):
    rows = np.random.default_rng(0).normal(10, 3, (count, 2)).astype(np.float32)
    return workspace.scorer(version)(rows), rows


def test_an_estimator_is_adopted_tested_and_goes_live(life, fitted):
    state, verdict = adopt(life, fitted, trained_until=UNTIL)
    assert verdict.outcome == "pass"
    assert state.stage == "live"
    version = state.version
    assert version.origin.sort == "scikit-learn object"
    assert version.origin.trained_until == UNTIL
    assert version.origin.said["model_class"].endswith("HistGradientBoostingClassifier")
    assert version.origin.files["model.skops"] == version.native
    assert version.compiled is not None
    found, rows = scores(life.workspace, version)
    expected = fitted.predict_proba(pl.DataFrame(rows, schema=version.features).to_pandas())[:, 1]
    assert np.allclose(found, expected, atol=1e-5)
    run = life.ledger.read(version.run, Run)
    assert run.cause == "adopted: scikit-learn object HistGradientBoostingClassifier"
    assert run.metrics["auc"] > 0.6
    assert run.parameters == {}


def test_what_was_adopted_is_captured_watched_and_followed_by_one_trained_here(life, fitted, rides, quiet, place):
    from datetime import timedelta

    workspace = life.workspace
    adopt(life, fitted, trained_until=UNTIL)
    now = rides.begin + timedelta(days=1)
    asked = rides.histories()[0].filter(pl.col("planned").is_between(now - timedelta(hours=22), now + timedelta(hours=2)))
    workspace.clock.set(now - timedelta(hours=1))
    BatchScorer(workspace, "rides").score(asked.select("ride", "planned", "rider", "wind"))
    workspace.clock.set(now)
    rides.report(place, now)
    Steward(workspace, "rides", quiet, pytest.fail).round(watch=True)
    assert workspace.captures.frame("rides").height == asked.height
    assert life.state.versions[1].verdict("watch") is not None
    state, verdict = run_once(life)
    assert verdict.outcome in {"pass", "warn"}
    assert state.version.number == 2
    assert state.version.origin is None


@pytest.mark.parametrize("flavour", ["xgboost", "lightgbm", "onnx"])
def test_an_mlflow_model_of_a_safe_flavour_is_adopted_as_it_came(life, place, flavour, booster, trees, onnx_bytes):
    file, data = {"xgboost": ("model.ubj", booster), "lightgbm": ("model.lgb", trees), "onnx": ("model.onnx", onnx_bytes)}[
        flavour
    ]
    folder = mlflow_folder(place, flavour, file, data)
    state, verdict = adopt(life, folder, trained_until=UNTIL)
    assert verdict.outcome in {"pass", "warn"}, verdict.reasons
    origin = state.version.origin
    assert origin.sort == f"MLflow model ({flavour})"
    assert origin.files[file] == state.version.native == digest(data)
    assert origin.said["run_id"] == "0123abc"
    assert (state.version.kept_as, state.version.compiled is None) == (flavour, flavour != "onnx")
    found, _ = scores(life.workspace, state.version)
    assert ((found >= 0) & (found <= 1)).all()


def test_a_pickle_is_refused_until_a_person_decides_and_then_serves_in_a_safe_form(life, place, fitted):
    data = pickle.dumps(fitted)
    folder = mlflow_folder(place, "sklearn", "model.pkl", data, key="pickled_model")
    before = life.ledger.store.head()
    with pytest.raises(Refused, match=f"sha256 {digest(data)}.*trimaran trust {digest(data)}"):
        adopt(life, folder)
    assert life.ledger.store.head() == before
    trust(life.ledger, digest(data), "ada", "made by our own team, checked the run")
    state, verdict = adopt(life, folder, trained_until=UNTIL)
    assert verdict.outcome == "pass"
    assert state.version.kept_as == "skops"
    assert state.version.origin.files["model.pkl"] == digest(data)
    found, rows = scores(life.workspace, state.version)
    expected = fitted.predict_proba(pl.DataFrame(rows, schema=state.version.features).to_pandas())[:, 1]
    assert np.allclose(found, expected, atol=1e-5)


def test_a_pickle_with_no_safe_form_serves_from_a_process_of_its_own_as_long_as_it_is_trusted(life, place, known):
    features, labels = known
    model = make_pipeline(FunctionTransformer(np.nan_to_num), LogisticRegression()).fit(features.to_numpy(), labels)
    data = pickle.dumps(model)
    (place / "model.pkl").write_bytes(data)
    trust(life.ledger, digest(data), "ada", "ours")
    state, verdict = adopt(life, place / "model.pkl", trained_until=UNTIL)
    assert verdict.outcome == "warn"
    assert (state.version.kept_as, state.version.native) == ("pickle", digest(data))
    found, rows = scores(life.workspace, state.version)
    assert np.allclose(found, model.predict_proba(rows)[:, 1])
    trust(life.ledger, digest(data), "bob", "its maker left", revoke=True)
    with pytest.raises(Refused, match="bob revoked the trust in it: its maker left"):
        life.workspace.scorer(state.version)
    assert [one.decision for _, one in life.ledger.history([Trust])] == ["trust", "revoke"]


def test_a_pickle_that_ends_its_process_or_needs_what_is_not_there_takes_nothing_down(life, place):
    class Killing:
        def __reduce__(self):
            import os

            return os._exit, (3,)

    for name, data, why in [
        ("killing", pickle.dumps(Killing()), r"exit code 3"),
        ("absent", b"cno_such_module\nThing\n.", "No module named 'no_such_module'"),
        ("cut", pickle.dumps([1, 2, 3])[:-2], "pickle data was truncated|ran out"),
        ("list", pickle.dumps([1]), "builtins.list, which has no predict"),
    ]:
        (place / f"{name}.pkl").write_bytes(data)
        trust(life.ledger, digest(data), "ada", "a test")
        with pytest.raises(Exception, match=why):
            adopt(life, place / f"{name}.pkl")
    assert life.state.versions == {}


def test_everything_in_which_a_model_does_not_agree_is_said_at_once_and_nothing_is_written(life, known):
    features, labels = known
    other = features.rename({"wind_now": "gust"}).to_pandas()
    names = np.array(["on time", "late"])[labels]
    with pytest.raises(InputError) as caught:
        adopt(life, LogisticRegression().fit(other, names))
    said = [str(fault) for fault in caught.value.faults]
    assert len(said) == 3
    assert "takes 'gust', which is no feature of the product" in said[0]
    assert "has the feature 'wind_now', which the model does not take" in said[1]
    assert "tells apart ['late', 'on time']" in said[2]
    turned = features.select("trips_before", "wind_now").to_pandas()
    with pytest.raises(InputError, match="another order: input 1 is 'trips_before', feature 1 is 'wind_now'"):
        adopt(life, LogisticRegression().fit(turned, labels))
    with pytest.raises(InputError, match="is a regressor, and the product asks for a yes or no"):
        adopt(life, LinearRegression().fit(features.to_pandas(), labels))
    with pytest.raises(InputError, match="takes 1 inputs, the product has 2 features: wind_now, trips_before"):
        adopt(life, LogisticRegression().fit(features.to_numpy()[:, :1], labels))
    assert life.ledger.store.head() == 0


def test_a_signature_of_texts_is_refused(life, place, booster):
    text = MLMODEL.replace('"double", "name": "trips_before"', '"string", "name": "trips_before"')
    folder = mlflow_folder(place, "xgboost", "model.ubj", booster, text=text)
    with pytest.raises(InputError, match="its signature takes 'trips_before' as string, and features are numbers"):
        adopt(life, folder)


def test_what_is_no_model_says_so(life, place, booster):
    (place / "empty").mkdir()
    (place / "notes.txt").write_text("hello")
    (place / "model.onnx").write_bytes(b"not onnx")
    (place / "cut.ubj").write_bytes(booster[: len(booster) // 2])
    (place / "model.h5").write_bytes(b"x")
    strange = mlflow_folder(place, "prophet", "model.pr", b"x")
    outside = mlflow_folder(place, "xgboost", "x", b"x", text=MLMODEL.replace("{file}", "../notes.txt"))
    broken = mlflow_folder(place, "lightgbm", "y", b"x", text="{{ : [")
    for model, why in [
        (place / "empty", "is no MLflow model directory: it has no file MLmodel"),
        (place / "gone", "there is no .*gone"),
        (place / "model.h5", "no file of a model that is known; bring a directory"),
        (place / "notes.txt", "no model in text"),
        (place / "model.onnx", "it is no ONNX model that can be run"),
        (place / "cut.ubj", "no model in JSON or UBJSON"),
        (strange, "none of its flavours is known here: it has prophet, python_function"),
        (outside, "'../notes.txt' is not in the directory"),
        (broken, "is no YAML"),
        (object(), "a object is no model that can be adopted"),
    ]:
        with pytest.raises(InputError, match=why):
            adopt(life, model)
    assert life.ledger.store.head() == 0


def test_a_model_that_has_seen_the_window_is_refused_and_one_of_which_nobody_says_is_told_of(life, fitted):
    state, verdict = adopt(life, fitted, trained_until=datetime(2013, 2, 10, tzinfo=UTC))
    assert (verdict.outcome, state.stage) == ("fail", "refused")
    (reason,) = [reason for reason in verdict.reasons if reason.startswith("trained before the window")]
    assert "it has seen some of them" in reason
    _, verdict = adopt(life, fitted)
    assert verdict.outcome == "warn"
    assert "nobody said on rows up to when" in next(
        one.reason for one in verdict.findings if one.check == "trained before the window"
    )


def test_a_worse_model_from_elsewhere_is_stopped_at_the_gate(life, known):
    features, labels = known
    shuffled = np.random.default_rng(1).permutation(labels)
    state, verdict = adopt(life, LogisticRegression().fit(features.to_numpy(), shuffled), trained_until=UNTIL)
    assert (verdict.outcome, state.stage) == ("fail", "refused")
    assert any(reason.startswith("auc") for reason in verdict.reasons)


def test_a_tampered_file_is_not_served(life, place, booster):
    (place / "model.ubj").write_bytes(booster)
    state, _ = adopt(life, place / "model.ubj", trained_until=UNTIL)
    stored = next(path for path in (life.workspace.root / "objects").rglob("*") if state.version.native[4:] in path.name)
    stored.chmod(0o644)
    stored.write_bytes(booster[:-1] + b"x")
    with pytest.raises(Exception, match=r"digest|does not"):
        life.workspace.scorer(state.version)


def test_what_was_trained_elsewhere_cannot_be_trained_again_here(life, fitted):
    adopt(life, fitted, trained_until=UNTIL)
    with pytest.raises(InputError, match=r"v1 was trained elsewhere \(scikit-learn object"):
        reproduce(life.workspace, "v1")
    with pytest.raises(NotFound):
        reproduce(life.workspace, "champion")
