"""A table alone becomes a product file: readable, clean, runnable, and honest about what it cannot know."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from begun import begun, clean, run, table
from sklearn import datasets

from trimaran.app.loading import load_file
from trimaran.app.starting import Asked, start
from trimaran.core.errors import Conflict, InputError

MORNING = datetime(2024, 1, 1, 6, tzinfo=UTC)


def bundled(name):
    held = getattr(datasets, f"load_{name}")(as_frame=True).frame
    return pl.DataFrame({column: held[column].to_numpy() for column in held.columns})


def rides(n=3000, seed=0):
    """Rides whose minutes hang on distance and driver; what is known only afterwards; and columns good for nothing."""
    generator = np.random.default_rng(seed)
    at = [MORNING + timedelta(minutes=30 * place) for place in range(n)]
    driver = generator.integers(0, 60, n)
    distance = generator.uniform(1, 20, n)
    minutes = 3 * distance + driver / 3 + generator.normal(0, 5, n)
    return pl.DataFrame(
        {
            "ride": [f"r{place}" for place in range(n)],
            "at": at,
            "done": [moment + timedelta(minutes=20) for moment in at],
            "driver": [f"d{one:02d}" for one in driver],
            "zone": generator.choice(["north", "south"], n),
            "distance": distance,
            "fare": 2 * minutes + 1,
            "city": ["here"] * n,
            "remark": [f"text {place}" for place in range(n)],
            "minutes": minutes,
        }
    )


def test_a_table_with_a_time_becomes_a_gated_model(tmp_path):
    started = begun(tmp_path, rides(), "minutes", time="at", key="ride")
    path = tmp_path / "rides.py"
    assert (started.task, started.labelled, started.file) == ("regression", 3000, str(path))
    clean(path)
    state, verdict = run(path, tmp_path)
    assert verdict.outcome == "pass", verdict.reasons
    assert "outcome_by_driver" in state.version.features
    assert state.version.trained_to < state.version.tested_from
    found = {finding.check: finding.value for finding in verdict.findings}
    assert found[next(check for check in found if check.startswith("r2"))] > 0.8


def test_what_leaks_identifies_or_says_nothing_is_left_out_with_the_reason(tmp_path):
    left_out = begun(tmp_path, rides(), "minutes", time="at", key="ride").left_out
    assert set(left_out) == {"done", "fare", "city", "remark"}
    assert "hardly known by then" in left_out["done"]
    assert "almost alone (R²" in left_out["fare"]
    assert left_out["city"] == "always 'here'"
    assert "identifier or a free text" in left_out["remark"]
    text = (tmp_path / "rides.py").read_text()
    assert all(f"# left out: {name}, {reason}" in text for name, reason in left_out.items())


def test_a_column_that_tells_much_is_kept_and_asked_about(tmp_path):
    begun(tmp_path, rides(), "minutes", time="at", key="ride")
    assert "# DECIDE: distance, alone it tells minutes with R² 0." in (tmp_path / "rides.py").read_text()


@pytest.mark.parametrize(
    ("name", "task", "measure", "least"),
    [
        ("diabetes", "regression", "r2", 0.2),
        ("iris", "multiclass", "accuracy", 0.8),
        ("breast_cancer", "binary", "auc", 0.95),
    ],
)
def test_real_tables_without_a_time_become_gated_models_and_say_what_that_is_worth(tmp_path, name, task, measure, least):
    started = begun(tmp_path, bundled(name), "target", name="bundled.csv")
    assert started.task == task
    path = tmp_path / "rides.py"
    clean(path)
    assert "drawn by a hash of their place" in path.read_text()
    _, verdict = run(path, tmp_path)
    assert verdict.outcome == "pass", verdict.reasons
    assert next(one.value for one in verdict.findings if one.check.startswith(measure)) > least


def test_what_is_installed_is_compared_and_the_file_says_why(tmp_path):
    started = begun(tmp_path, rides(), "minutes", time="at", key="ride")
    assert started.models == ["linear", "boosted", "lightgbm"]
    text = (tmp_path / "rides.py").read_text()
    assert "LightGBM was installed; XGBoost too." in text
    assert "# Where LightGBM is not, strike it here" in text
    assert "xgboost" not in text


@pytest.mark.parametrize(
    ("said", "installed", "models", "told"),
    [
        ({"booster": "xgboost"}, ["lightgbm", "xgboost"], ["linear", "boosted", "xgboost"], "XGBoost was asked for."),
        ({}, ["xgboost"], ["linear", "boosted", "xgboost"], "XGBoost was installed."),
        ({"booster": "none"}, ["lightgbm"], ["linear", "boosted"], "No other was wanted."),
        ({}, [], ["linear", "boosted"], "Neither LightGBM nor\n# XGBoost was installed."),
    ],
)
def test_only_a_library_that_is_used_is_imported(tmp_path, said, installed, models, told):
    asked = Asked(table(tmp_path, rides()), "zone", "at", "ride", **said)
    assert start("rides", asked, tmp_path, "ana", installed=installed).models == models
    text = (tmp_path / "rides.py").read_text()
    assert f" {told}" in text
    assert [name for name in ("lightgbm", "xgboost") if f"from {name} import" in text] == models[2:]
    clean(tmp_path / "rides.py")


@pytest.mark.parametrize(
    ("booster", "installed", "told"),
    [
        ("catboost", ["xgboost"], "'catboost' is no booster; install it, or choose from: xgboost, none"),
        ("lightgbm", ["xgboost"], "lightgbm is not installed here; install it, or choose from: xgboost, none"),
    ],
)
def test_a_booster_that_is_not_there_is_refused_with_the_choices(tmp_path, booster, installed, told):
    with pytest.raises(InputError) as raised:
        start("rides", Asked(table(tmp_path, rides()), "zone", booster=booster), tmp_path, "ana", installed=installed)
    assert told in str(raised.value)
    assert not (tmp_path / "rides.py").exists()


@pytest.mark.parametrize("booster", ["lightgbm", "xgboost"])
@pytest.mark.parametrize(
    ("name", "measure", "least"), [("diabetes", "r2", 0.15), ("wine", "accuracy", 0.8), ("breast_cancer", "auc", 0.95)]
)
def test_a_booster_learns_real_tables_and_serves_compiled_once_parity_is_shown(tmp_path, booster, name, measure, least):
    begun(tmp_path, bundled(name), "target", booster=booster)
    path = tmp_path / "rides.py"
    alone = (
        path.read_text().replace(f'["linear", "boosted", "{booster}"]', f'["{booster}"]').replace("trials=12", "trials=3")
    )
    path.write_text(alone)
    state, verdict = run(path, tmp_path)
    assert verdict.outcome == "pass", verdict.reasons
    assert state.version.compiled is not None
    found = {finding.check: finding for finding in verdict.findings}
    assert "the compiled form gives the native model's answers" in found["parity"].reason
    assert next(one.value for one in verdict.findings if one.check.startswith(measure)) > least


def test_a_series_is_forecast_by_its_lags(tmp_path):
    days = [MORNING + timedelta(days=day) for day in range(200)]
    level = {"a": 100.0, "b": 300.0}
    generator = np.random.default_rng(1)
    walk = {shop: level[shop] + generator.normal(0, 12, 200).cumsum() for shop in level}
    frame = pl.concat(pl.DataFrame({"day": days, "shop": [shop] * 200, "sold": walk[shop]}) for shop in level)
    begun(tmp_path, frame, "sold", time="day", key="shop")
    clean(tmp_path / "rides.py")
    state, verdict = run(tmp_path / "rides.py", tmp_path)
    assert {"outcome_of_1d_by_shop", "outcome_of_7d_by_shop", "outcome_of_28d_by_shop"} <= set(state.version.features)
    assert next(one.value for one in verdict.findings if one.check.startswith("r2")) > 0.8


def test_a_file_that_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "rides.py").write_text("mine")
    with pytest.raises(Conflict, match="is there already"):
        begun(tmp_path, rides(), "minutes")
    assert (tmp_path / "rides.py").read_text() == "mine"


def test_every_column_that_is_missing_is_told_with_the_nearest_names(tmp_path):
    with pytest.raises(InputError) as raised:
        begun(tmp_path, rides(), "minuts", time="att", key="rid")
    assert [fault.what.split(" ")[0] for fault in raised.value.faults] == ["--label", "--time", "--key"]
    assert "did you mean 'minutes'" in raised.value.faults[0].remedy


@pytest.mark.parametrize(
    ("frame", "label", "said", "told"),
    [
        (lambda: rides().with_columns(minutes=pl.lit(3.0)), "minutes", {}, "3.0 in every row"),
        (lambda: rides().with_columns(minutes=pl.lit(None, dtype=pl.Float64)), "minutes", {}, "no value in any row"),
        (lambda: rides(40), "minutes", {}, "40 rows have a label, at least 60"),
        (lambda: rides().with_columns(minutes=pl.concat_list("minutes")), "minutes", {}, "is List"),
        (rides, "minutes", {"time": "zone"}, "--time names 'zone', which is String"),
        (rides, "ride", {}, "only none of the values of 'ride' has 10 rows"),
        (rides, "zone", {"task": "regression"}, "no number for a regression"),
        (rides, "driver", {}, "has 60 values, at most 20 classes"),
    ],
)
def test_a_label_that_cannot_be_predicted_is_refused_with_the_reason(tmp_path, frame, label, said, told):
    with pytest.raises(InputError, match=told):
        begun(tmp_path, frame(), label, **said)
    assert not (tmp_path / "rides.py").exists()


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    for name, content, told in (("a.parquet", b"no", "cannot be read"), ("a.xlsx", b"", "is none of")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=told):
            start("rides", Asked(tmp_path / name, "minutes"), tmp_path, "ana")
    with pytest.raises(InputError, match="there is no file"):
        start("rides", Asked(tmp_path / "never.csv", "minutes"), tmp_path, "ana")


def test_names_that_python_cannot_say_are_mapped(tmp_path):
    frame = rides().rename({"distance": "distance (km)", "zone": "class"})
    begun(tmp_path, frame, "minutes", time="at", key="ride")
    text = (tmp_path / "rides.py").read_text()
    assert '"distance (km)": "distance_km"' in text
    clean(tmp_path / "rides.py")
    load_file(tmp_path / "rides.py")
