"""Model formats: the port's laws on the models people use, and files that must not be trusted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import onnx
import pytest
import skops.io as sio
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_info, threadpool_limits
from xgboost import XGBClassifier, XGBRegressor

from trimaran.backends.onnx_format import OnnxFormat
from trimaran.backends.skops_format import SkopsFormat
from trimaran.core.errors import InputError
from trimaran.core.ports import ModelFormat
from trimaran.testing import formats_kit

GENERATOR = np.random.default_rng(7)
ROWS = GENERATOR.normal(size=(400, 4)).astype(np.float32)
TRUTH = (ROWS[:, 0] + GENERATOR.normal(size=400) > 0).astype(int)
ROWS[GENERATOR.random(ROWS.shape) < 0.1] = np.nan


def boosting(**settings: Any) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(max_iter=10, random_state=0, **settings)


def light(**settings: Any) -> LGBMClassifier:
    return LGBMClassifier(n_estimators=10, n_jobs=1, random_state=0, verbosity=-1, **settings)


def extreme(**settings: Any) -> XGBClassifier:
    return XGBClassifier(n_estimators=10, n_jobs=1, random_state=0, **settings)


FITS: dict[str, Callable[[], Any]] = {
    "boosting": lambda: boosting().fit(ROWS, TRUTH),
    "logistic": lambda: make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()).fit(ROWS, TRUTH),
    "lightgbm": lambda: light().fit(ROWS, TRUTH),
    "xgboost": lambda: extreme().fit(ROWS, TRUTH),
    "lightgbm, calibrated": lambda: CalibratedClassifierCV(light(), cv=2).fit(ROWS, TRUTH),
    "xgboost, calibrated": lambda: CalibratedClassifierCV(extreme(), cv=2).fit(ROWS, TRUTH),
}
FORMATS: tuple[ModelFormat, ...] = (OnnxFormat(), SkopsFormat())


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    with threadpool_limits(1):  # threads that wait for each other on a busy machine take seconds
        yield


@cache
def fitted(name: str) -> Any:
    return FITS[name]()


@pytest.mark.parametrize("law", formats_kit.LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("model", FITS)
@pytest.mark.parametrize("format_", FORMATS, ids=lambda format_: format_.name)
def test_it_keeps_the_laws_of_a_model_format(format_: ModelFormat, model: str, law: Callable[..., None]) -> None:
    law(format_, fitted(model), ROWS)


@pytest.mark.parametrize("format_", FORMATS, ids=lambda format_: format_.name)
def test_a_model_fitted_again_alike_gives_the_same_bytes(format_: ModelFormat) -> None:
    names = ["a", "b", "c", "d"]
    assert format_.dump(boosting().fit(ROWS, TRUTH), names) == format_.dump(fitted("boosting"), names)


def test_skops_scores_on_one_thread_and_leaves_the_threads_of_others_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    used = []

    def openmp() -> int:
        return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "openmp"}.pop()

    def predict_proba(model: HistGradientBoostingClassifier, rows: np.ndarray) -> np.ndarray:
        used.append(openmp())
        return np.full((len(rows), 2), 0.5)

    model = fitted("boosting")
    monkeypatch.setattr(HistGradientBoostingClassifier, "predict_proba", predict_proba)
    scorer = SkopsFormat().load(SkopsFormat().dump(model, list("abcd")))
    with threadpool_limits(2, user_api="openmp"):
        scorer(ROWS)
        assert (used, openmp()) == ([1], 2)


LATER = """
import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_info
from trimaran.backends.skops_format import SkopsFormat
rows, truth, form = np.eye(40, 2, dtype=np.float32), np.arange(40) % 2, SkopsFormat()
form.load(form.dump(LogisticRegression().fit(rows, truth), ["a", "b"]))(rows)
from lightgbm import LGBMClassifier
used = []
data = form.dump(LGBMClassifier(n_estimators=2, verbose=-1).fit(rows, truth), ["a", "b"])
LGBMClassifier.predict_proba = lambda model, rows: used.extend(threadpool_info()) or np.full((len(rows), 2), 0.5)
form.load(data)(rows)
print([each["num_threads"] for each in used if each["user_api"] == "openmp"])
"""


def test_threads_of_a_library_that_was_loaded_later_are_one_too() -> None:
    done = subprocess.run([sys.executable, "-c", LATER], check=True, capture_output=True, text=True)
    assert set(json.loads(done.stdout)) == {1}


def test_onnx_refuses_the_categorical_splits_it_would_compile_wrongly() -> None:
    rows = np.column_stack([GENERATOR.integers(0, 5, 400), ROWS[:, 1]])
    model = boosting(categorical_features=[0])
    for whole in (model, make_pipeline(FunctionTransformer(), CalibratedClassifierCV(model, cv=2))):
        with pytest.raises(InputError, match="categorical"):
            OnnxFormat().dump(whole.fit(rows, TRUTH), ["a", "b"])


WHOLE = np.nan_to_num(ROWS)
NUMBER = WHOLE[:, 0] * 30 + 1000
CLASSES = np.digitize(WHOLE[:, 0], [-0.5, 0.5])


@pytest.mark.parametrize("rows", [ROWS, WHOLE], ids=["with missing values", "without"])
@pytest.mark.parametrize("model", [LGBMRegressor(n_jobs=1, verbosity=-1), XGBRegressor(n_jobs=1)], ids=["light", "extreme"])
def test_boosters_of_numbers_compile_with_every_row_as_they_answer_it(model: Any, rows: np.ndarray) -> None:
    model.fit(rows, NUMBER)
    scorer = OnnxFormat().load(OnnxFormat().dump(model, ["a", "b", "c", "d"]))
    # On rows with holes too where there were none in training: what is missing goes its own way in each library.
    assert np.abs(scorer(ROWS) - model.predict(ROWS)).max() < 1e-4 * NUMBER.std()


@pytest.mark.parametrize(
    "model",
    [light(), extreme(), CalibratedClassifierCV(light(), cv=2), CalibratedClassifierCV(extreme(), cv=2)],
    ids=["light", "extreme", "light, calibrated", "extreme, calibrated"],
)
def test_boosters_of_several_classes_compile_with_the_probability_of_each(model: Any) -> None:
    model.fit(ROWS, CLASSES)
    scorer = OnnxFormat().load(OnnxFormat().dump(model, ["a", "b", "c", "d"]))
    assert np.abs(scorer(ROWS) - model.predict_proba(ROWS)).max() < formats_kit.TOLERANCE


def test_a_split_between_two_floats_divides_rows_as_the_booster_does() -> None:
    edges = np.array([0.1, 0.3, 0.7, 1.1], dtype=np.float32)
    beside = np.stack([np.nextafter(edges, np.float32(-9)), edges, np.nextafter(edges, np.float32(9))]).reshape(-1, 1)
    rows = np.repeat(beside, 40, axis=0)
    model = light(min_child_samples=1, max_bin=255, min_data_in_bin=1).fit(rows, (np.arange(len(rows)) // 40 % 2))
    scorer = OnnxFormat().load(OnnxFormat().dump(model, ["a"]))
    assert len(np.unique(model.predict_proba(beside)[:, 1])) > 2, "it tells neighbours among floats apart"
    assert np.abs(scorer(beside) - model.predict_proba(beside)[:, 1]).max() < formats_kit.TOLERANCE


@pytest.mark.parametrize(
    "model",
    [
        LGBMRegressor(objective="poisson", n_jobs=1, verbosity=-1),
        LGBMRegressor(linear_tree=True, n_jobs=1, verbosity=-1),
        LGBMRegressor(boosting_type="rf", bagging_freq=1, bagging_fraction=0.5, n_jobs=1, verbosity=-1),
        XGBRegressor(objective="count:poisson", n_jobs=1),
        XGBRegressor(booster="dart", n_jobs=1),
    ],
    ids=["light of counts", "light with lines", "light forest", "extreme of counts", "extreme dart"],
)
def test_boosters_that_are_more_than_sums_of_trees_are_kept_and_not_compiled(model: Any) -> None:
    model.fit(WHOLE, np.abs(NUMBER))
    with pytest.raises(InputError, match="a booster does not compile to ONNX"):
        OnnxFormat().dump(model, ["a", "b", "c", "d"])
    kept = SkopsFormat().load(SkopsFormat().dump(model, ["a", "b", "c", "d"]))
    assert np.abs(kept(WHOLE) - model.predict(WHOLE)).max() == 0


def test_onnx_refuses_weights_in_another_file() -> None:
    model = onnx.load_from_string(OnnxFormat().dump(fitted("logistic"), ["a", "b", "c", "d"]))
    tensor = model.graph.initializer.add(name="w", data_type=1, dims=[1], data_location=onnx.TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../etc/passwd")
    with pytest.raises(InputError):
        OnnxFormat().load(model.SerializeToString())


ARRAYS: dict[str, np.ndarray] = {
    "structured": np.array([(1.5, 2), (2.5, 3)], dtype=[("value", "<f8"), ("left", "<u4")]),
    "of no dimension": np.array(3.0),
    "a table": np.arange(12.0).reshape(3, 4),
    "empty": np.empty((0, 8), dtype=np.uint32),
    "by column": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "every second": np.arange(12)[::2],
    "texts": np.array(["a", "ü"]),
    "objects": np.array(["a", None], dtype=object),
    "masked": np.ma.masked_array([1.0, 2.0], mask=[True, False]),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_a_model_are_kept_as_numpy_writes_them(name: str) -> None:
    model = LogisticRegression().fit(ROWS[:, :1] > 0, TRUTH)
    model.extra_ = ARRAYS[name]
    kept = BytesIO(SkopsFormat().dump(model, ["a"]))
    with ZipFile(BytesIO(sio.dumps(model))) as theirs, ZipFile(kept) as ours:
        assert {ours.read(each) for each in ours.namelist() if each.endswith(".npy")} == {
            theirs.read(each) for each in theirs.namelist() if each.endswith(".npy")
        }
    assert sio.loads(kept.getvalue()).extra_.tolist() == ARRAYS[name].tolist()


def test_skops_refuses_a_function_of_the_author_inside_the_model() -> None:
    model = make_pipeline(FunctionTransformer(author_function), boosting()).fit(ROWS, TRUTH)
    with pytest.raises(InputError, match="author_function is not on the reviewed list"):
        SkopsFormat().dump(model, ["a", "b", "c", "d"])


def author_function(rows: np.ndarray) -> np.ndarray:
    return rows


def test_skops_lists_every_type_it_does_not_know_before_it_runs_any() -> None:
    data = SkopsFormat().dump(fitted("logistic"), ["a", "b", "c", "d"])
    schema = json.loads(ZipFile(BytesIO(data)).read("schema.json"))
    steps = schema["content"]["content"]["steps"]["content"]
    for step, name in zip(steps, ("system", "popen"), strict=False):
        step["content"][1] |= {"__module__": "os", "__class__": name}
    with pytest.raises(InputError, match=r"os\.popen") as caught:
        SkopsFormat().load(with_schema(data, schema))
    assert [fault.what.split()[1] for fault in caught.value.faults] == ["os.popen", "os.system"]


def with_schema(data: bytes, schema: dict[str, Any]) -> bytes:
    buffer = BytesIO()
    with ZipFile(BytesIO(data)) as old, ZipFile(buffer, "w") as new:
        for item in old.infolist():
            new.writestr(item, json.dumps(schema) if item.filename == "schema.json" else old.read(item))
    return buffer.getvalue()


def test_skops_refuses_a_file_that_unpacks_to_too_much() -> None:
    data = SkopsFormat().dump(fitted("logistic"), ["a", "b", "c", "d"])
    with pytest.raises(InputError, match="more than 1000"):
        SkopsFormat(largest=1000).load(data)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_a_booster_whose_library_is_not_installed_says_what_to_install(name: str, tmp_path: Path) -> None:
    (tmp_path / "model.skops").write_bytes(SkopsFormat().dump(fitted(name), ["a", "b", "c", "d"]))
    lines = [
        "import sys, pathlib",
        f"sys.modules[{name!r}] = None",
        "from trimaran.backends.skops_format import SkopsFormat",
        "from trimaran.core.errors import Unavailable",
        "try:",
        "    SkopsFormat().load(pathlib.Path('model.skops').read_bytes())",
        "except Unavailable as error:",
        "    print(error)",
    ]
    call = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert f"a model of {name} needs a library that is not installed: run `pip install {name}" in done.stdout
