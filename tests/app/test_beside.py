"""Modules beside a product file: imported for it alone, kept with its text, and the same feature in every product."""

import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from trimaran.app.beside import bind, unbind
from trimaran.app.catalogue import Catalogue
from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_file, load_product, load_text
from trimaran.app.running import run_once
from trimaran.app.workspace import Workspace
from trimaran.core.clock import ManualClock
from trimaran.core.errors import DefinitionError, UserCodeError
from trimaran.core.nouns import ModelVersion

RUN = datetime(2013, 2, 14, tzinfo=UTC)
RIDES = """
import trimaran as tm
from sklearn.linear_model import LogisticRegression

product = tm.Product("rides", owner="ops-ml", predict_at="planned - 2h")
rides = product.table("rides.parquet", key="ride", time="planned", known={"late": "done"})


@product.feature(rides)
def wind_now(wind):
    return wind


@product.label(rides, wait="1d")
def is_late(late):
    return late > 15


@product.model()
def fit(X, y):
    return LogisticRegression().fit(X, y)


product.accept(out_of_time="10d", auc=">= 0.6")
"""
WEATHER = '''"""Features that every product of the airport may use."""
import trimaran as tm
from knots import per_hour

shared = tm.Features(owner="weather-team")


@shared.feature()
def wind_squared(wind):
    """The wind's pressure, but for a constant."""
    return per_hour(wind) ** 2
'''
KNOTS = "FACTOR = 2\n\n\ndef per_hour(knots):\n    return knots * FACTOR\n"
USED = RIDES.replace("import trimaran as tm\n", "import trimaran as tm\nimport weather\n").replace(
    "@product.label", "product.use(weather.shared, weather.wind_squared)\n\n\n@product.label"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    random, count = np.random.default_rng(13), 5000
    planned = [RUN - timedelta(minutes=10 * row) for row in range(count)]
    wind = random.normal(10, 3, count)
    late = (random.uniform(size=count) < 1 / (1 + np.exp(12 - wind))) * 20.0
    rows = {"ride": [f"r{row}" for row in range(count)], "planned": planned, "wind": wind, "late": late}
    pl.DataFrame(rows | {"done": [moment + timedelta(hours=3) for moment in planned]}).write_parquet(
        folder / "rides.parquet"
    )
    return folder


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "weather.py").write_text(WEATHER)
    (tmp_path / "knots.py").write_text(KNOTS)
    (tmp_path / "rides.py").write_text(USED)
    return tmp_path


def feature(definition, name="wind_squared"):
    return next(feature for feature in definition.features if feature.name == name)


def value(definition):
    return pl.DataFrame({"wind": [3.0]}).select(feature(definition).expression).item()


def test_a_shared_feature_comes_with_its_owner_and_its_description(folder, data):
    found = feature(load_file(folder / "rides.py", root=data).definition)
    assert (found.owner, found.description) == ("weather-team", "The wind's pressure, but for a constant.")
    assert (found.table, found.kind, found.where) == ("rides", "row", "weather.py:8")


def test_the_text_that_is_kept_needs_the_modules_no_more(folder, data):
    loaded = load_file(folder / "rides.py", root=data)
    for name in ("weather.py", "knots.py"):
        (folder / name).unlink()
    again = load_product(loaded.text, root=data)
    assert value(again.definition) == value(loaded.definition) == 36
    assert again.text == loaded.text
    assert list(unbind(loaded.text).modules) == ["weather.py", "knots.py"]


def test_an_older_text_keeps_its_own_helpers_beside_a_newer_one(folder, data):
    before = load_file(folder / "rides.py", root=data)
    (folder / "knots.py").write_text(KNOTS.replace("2", "5"))
    after = load_file(folder / "rides.py", root=data)
    assert (value(before.definition), value(after.definition)) == (36, 225)
    assert value(load_text(before.text, root=data)) == 36
    assert {"weather", "knots"}.isdisjoint(sys.modules)


def test_a_product_that_imports_nothing_beside_it_is_kept_as_it_is(folder, data):
    (folder / "alone.py").write_text(RIDES)
    assert load_file(folder / "alone.py", root=data).text == RIDES


def test_packages_and_relative_imports_work_as_everywhere(folder, data):
    (folder / "lake").mkdir()
    (folder / "lake" / "__init__.py").write_text("from . import units\nfrom .sky import shared, wind_squared\n")
    (folder / "lake" / "sky.py").write_text(WEATHER.replace("from knots", "from .units"))
    (folder / "lake" / "units.py").write_text(KNOTS)
    text = USED.replace("import weather\n", "import lake.sky as weather\nimport lake\nassert lake.sky is weather\n")
    (folder / "rides.py").write_text(text)
    loaded = load_file(folder / "rides.py", root=data)
    assert value(loaded.definition) == 36
    assert set(unbind(loaded.text).modules) == {"lake/__init__.py", "lake/sky.py", "lake/units.py"}
    assert value(load_product(loaded.text, root=data).definition) == 36


def test_modules_of_python_are_never_looked_for_beside_the_product(folder, data):
    (folder / "json.py").write_text("raise RuntimeError('not this one')\n")
    (folder / "rides.py").write_text("import json\n" + USED)
    assert value(load_file(folder / "rides.py", root=data).definition) == 36


def test_a_line_that_only_looks_like_a_mark_is_the_authors():
    text = f"x = 1\n# kept beside it: y.py of 2 characters, SHA-256 {'0' * 64}\nz\n"
    assert unbind(text) == (text, {})
    whole = bind(text, {"a.py": "A = 1", "b/__init__.py": ""})
    assert unbind(whole) == (text, {"a.py": "A = 1\n", "b/__init__.py": "\n"})
    assert bind(*unbind(whole)) == whole


@pytest.mark.parametrize(
    ("module", "text", "error", "words"),
    [
        ("weather.py", WEATHER.replace("def ", "dfe "), DefinitionError, r"weather.py:9: not Python"),
        ("knots.py", "1 / 0\n", UserCodeError, r'File "knots.py", line 1'),
        ("weather.py", "import nowhere_at_all\n", UserCodeError, "No module named 'nowhere_at_all'"),
        ("weather.py", "import rides\n", DefinitionError, "weather|rides"),
        (
            "weather.py",
            WEATHER.replace("(wind)", "(windd)", 1),
            DefinitionError,
            r"'windd', which is not there.*did you mean 'wind'",
        ),
        ("weather.py", WEATHER.replace("shared.feature()", 'shared.feature(on="rider")'), DefinitionError, "has no table"),
        ("weather.py", WEATHER.replace("wind_squared", "wind_now"), UserCodeError, "no attribute 'wind_squared'"),
    ],
    ids=["syntax", "raises", "unknown module", "ring", "column", "table", "name"],
)
def test_a_fault_of_a_module_names_its_file_and_line(folder, data, module, text, error, words):
    (folder / module).write_text(text)
    with pytest.raises((DefinitionError, UserCodeError)) as found:
        load_file(folder / "rides.py", root=data)
    if words != "weather|rides":
        assert isinstance(found.value, error)
        found.match(f"(?s){words}")


def test_two_products_trained_on_a_shared_feature_are_one_line_of_the_catalogue(folder, data, tmp_path, quiet):
    clock = ManualClock(RUN)
    workspace = Workspace(tmp_path / "workspace", clock=clock)
    workspace.data_root = data
    (folder / "trips.py").write_text(
        USED.replace('"rides", owner="ops-ml"', '"trips", owner="crm"').replace("wind_now", "breeze")
    )
    for name in ("rides.py", "trips.py"):
        run_once(Lifecycle(workspace, load_file(folder / name, root=data), quiet))
    row = next(row for row in Catalogue.open(workspace).rows() if row.name == "wind_squared")
    assert (row.products, row.owner, row.versions) == (["rides", "trips"], "weather-team", 2)
    (view,) = Catalogue.open(workspace).views("wind_squared")
    assert view.source.startswith("@shared.feature()\ndef wind_squared(wind):")
    assert [use.training.rows > 1000 for use in view.uses] == [True, True]
    _, version = workspace.ledger.latest(ModelVersion, "rides/v1")
    (folder / "knots.py").unlink()
    assert value(workspace.definition(version)) == 36
