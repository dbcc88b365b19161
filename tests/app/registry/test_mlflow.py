"""A real MLflow opens what is handed out and answers the same; what it saves is adopted and answers the same."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from lightgbm import LGBMClassifier
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_file
from trimaran.app.registry.adopting import adopt
from trimaran.app.registry.exporting import export_model
from trimaran.app.running import run_once
from trimaran.app.workspace import Workspace
from trimaran.control.trust import trust
from trimaran.core.canon import digest
from trimaran.core.clock import ManualClock
from trimaran.core.errors import Conflict, NotFound, Refused

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".mlflow" / "bin" / "python"
PROGRAM = Path(__file__).with_name("through_mlflow.py")
UNTIL = datetime(2013, 1, 22, tzinfo=UTC)

needs_mlflow = pytest.mark.skipif(
    not PYTHON.exists(),
    reason="NO MLFLOW: there is no .mlflow; `make mlflow` makes it, and these tests exchange models with it",
)


def run(place, *words):
    done = subprocess.run([PYTHON, PROGRAM, *words], cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def asked(workspace, version, count=300):
    generator = np.random.default_rng(5)
    rows = np.column_stack([generator.normal(10, 4, count), generator.integers(0, 60, count)]).astype(np.float32)
    rows[::7, 0] = np.nan
    return pl.DataFrame(rows, schema=version.features), workspace.scorer(version)(rows)


def told(place, folder, rows):
    rows.fill_nan(None).write_csv(place / "rows.csv")
    run(place, "predict", folder, place / "rows.csv", place / "out.json")
    found = json.loads((place / "out.json").read_text())
    assert found["ours"] == []
    return found


@needs_mlflow
@pytest.mark.slow
def test_mlflow_opens_a_trained_version_and_answers_the_same(life, place):
    version = run_once(life)[0].version
    written = export_model(life.workspace, "v1", place / "out")
    assert written.flavour == "onnx"
    rows, expected = asked(life.workspace, version)
    found = told(place, place / "out", rows)
    assert (found["columns"], found["inputs"]) == (["score"], ["wind_now", "trips_before"])
    assert np.abs(np.array(found["answers"])[:, 0] - expected).max() < 1e-6
    assert len(found["example"]) == 1


@needs_mlflow
@pytest.mark.slow
def test_mlflow_saves_every_flavour_and_each_is_adopted_answers_the_same_and_goes_back(life, place, known):
    features, labels = known
    features.with_columns(late=pl.Series(labels)).write_csv(place / "known.csv")
    models = place / "models"
    models.mkdir()
    run(place, "save", models, place / "known.csv")
    answers = json.loads((models / "answers.json").read_text())
    with pytest.raises(Refused, match=r"model.pkl \(sha256"):
        adopt(life, models / "pickle")
    trust(life.ledger, digest((models / "pickle" / "model.pkl").read_bytes()), "ada", "a test")
    for number, (name, expected) in enumerate(answers.items(), 1):
        state, verdict = adopt(life, models / name, trained_until=UNTIL)
        assert verdict.outcome in {"pass", "warn"}, (name, verdict.reasons)
        assert state.version.number == number
        found = life.workspace.scorer(state.version)(features.head(100).to_numpy())
        assert np.abs(found - np.array(expected)).max() < 1e-5, name
        written = export_model(life.workspace, f"v{number}", place / f"back-{name}")
        assert written.flavour == (name if name in {"xgboost", "lightgbm"} else "onnx")
        rows, ours = asked(life.workspace, state.version) if name != "onnx" else (features.head(100), np.array(expected))
        back = np.array(told(place, place / f"back-{name}", rows)["answers"]).reshape(len(rows), -1)[:, -1]
        assert np.abs(back - ours).max() < 1e-5, name


@needs_mlflow
@pytest.mark.slow
def test_numbers_classes_and_models_that_do_not_compile_are_handed_out_too(place, rides, quiet, known):
    features, labels = known
    for kind, declared in {
        "number": rides.text.replace('wait="1d")', 'wait="1d", task="regression")').replace(
            "return late > 15", "return late"
        ),
        "classes": rides.text.replace(
            'wait="1d")', 'wait="1d", task="multiclass", classes=["early", "so so", "late"])'
        ).replace(
            "def is_late(late):\n    return late > 15",
            "def is_late(late, wind):\n    import polars as pl\n\n"
            "    return pl.when(late > 15).then(pl.lit('late')).when(wind > 10).then(pl.lit('so so')).otherwise(pl.lit('early'))",
        ),
    }.items():
        text = declared.replace('auc=">= 0.6"', 'mae="< 50"' if kind == "number" else 'accuracy=">= 0.1"')
        (place / f"{kind}.py").write_text(text)
        workspace = Workspace(place / kind, clock=ManualClock(rides.begin), actor="ada")
        workspace.data_root = place
        life = Lifecycle(workspace, load_file(place / f"{kind}.py"), quiet)
        targets = labels * 20.0 if kind == "number" else np.digitize(features["wind_now"].to_numpy(), [8, 12])
        if kind == "number":
            model = HistGradientBoostingRegressor(max_iter=5).fit(features.to_pandas(), targets)
        else:
            model = make_pipeline(SimpleImputer(), LogisticRegression(max_iter=500)).fit(features.to_numpy(), targets)
        state, _ = adopt(life, model, trained_until=UNTIL)
        export_model(workspace, "v1", place / f"out-{kind}")
        rows, expected = asked(workspace, state.version)
        found = told(place, place / f"out-{kind}", rows)
        assert found["columns"] == (["score"] if kind == "number" else ["early", "so so", "late"])
        assert np.abs(np.array(found["answers"]).reshape(expected.shape) - expected).max() < 1e-4


@needs_mlflow
@pytest.mark.slow
def test_a_version_without_a_compiled_form_is_handed_out_as_skops(life, place, known):
    features, labels = known
    model = make_pipeline(SimpleImputer(), RBFSampler(n_components=10), LogisticRegression(max_iter=500))
    state, _ = adopt(life, model.fit(features.to_numpy(), labels), trained_until=UNTIL)
    assert state.version.compiled is None
    written = export_model(life.workspace, "v1", place / "out")
    assert written.flavour == "sklearn"
    rows, expected = asked(life.workspace, state.version)
    found = np.array(told(place, place / "out", rows)["answers"])[:, 1]
    assert np.abs(found - expected).max() < 1e-6


def test_a_booster_within_a_model_of_scikit_learn_is_named_among_what_to_install(life, place, known):
    features, labels = known
    booster = LGBMClassifier(n_estimators=5, n_jobs=1, verbosity=-1)
    # Random features do not compile, so that the native form is what is handed out.
    model = make_pipeline(SimpleImputer(), RBFSampler(n_components=10, random_state=0), booster)
    adopt(life, model.fit(features.to_numpy(), labels), trained_until=UNTIL)
    assert export_model(life.workspace, "v1", place / "out").flavour == "sklearn"
    assert "\nlightgbm==" in (place / "out" / "requirements.txt").read_text()


def test_what_is_handed_out_is_whole_or_not_there_and_replaces_nothing(life, place, known):
    features, labels = known
    adopt(
        life,
        make_pipeline(SimpleImputer(), PolynomialFeatures(), LogisticRegression(max_iter=500)).fit(
            features.to_pandas(), labels
        ),
        trained_until=UNTIL,
    )
    written = export_model(life.workspace, "rides/v1", place / "out")
    assert {"MLmodel", "model.onnx", "requirements.txt", "conda.yaml", "python_env.yaml", "input_example.json"} <= set(
        written.files
    )
    assert {path.name for path in (place / "out").iterdir()} == set(written.files)
    again = export_model(life.workspace, "v1", place / "again")
    assert again.files == written.files
    with pytest.raises(Conflict, match="is there already and is not replaced"):
        export_model(life.workspace, "v1", place / "out")
    with pytest.raises(NotFound, match="no version"):
        export_model(life.workspace, "champion", place / "other")
    assert not (place / "other").exists()
