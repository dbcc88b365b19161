"""A training done again: the same bytes from the record alone, and what can explain others."""

import os
import platform
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_file
from trimaran.app.product import Product
from trimaran.app.progress import progress
from trimaran.app.reproduction import reproduce
from trimaran.app.reproduction.surroundings import Package, checked_out, moved, packages, rebuilt
from trimaran.app.running import run_once
from trimaran.app.shown import ShownReproduction, shown
from trimaran.app.workspace import Workspace
from trimaran.build import track_code
from trimaran.build.tracking import Source
from trimaran.core.clock import ManualClock
from trimaran.core.errors import InputError, Unavailable, UserCodeError
from trimaran.core.nouns import Code, Environment, Run
from trimaran.doors.cli.main import run as trimaran
from trimaran.testing import MemoryObjects

START = datetime(2024, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=40)
TEXT = """
import os
from sklearn.ensemble import RandomForestClassifier
import trimaran as tm

product = tm.Product("lifts", owner="ops", predict_at="due - 1h")
lifts = product.table("lifts.parquet", key="lift", time="due", known={"late": "done"})

@product.feature(lifts)
def weight(load):
    return load

@product.feature(lifts, by="shaft", window="1d")
def usual(late):
    return late.mean()

@product.label(lifts, wait="1d")
def is_late(late):
    return late > 5

@product.model()
def fit(X, y):
    return RandomForestClassifier(10, max_depth=4, random_state=SEED).fit(X.to_numpy(), y)

product.accept(out_of_time="7d", auc=">= 0.5")
product.value(true_positive=1, false_positive=-1)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lifts")
    random = np.random.default_rng(5)
    due = [START + timedelta(minutes=20 * n) for n in range(2_500)]
    load = random.uniform(0, 10, len(due))
    frame = pl.DataFrame(
        {
            "lift": [f"l{n}" for n in range(len(due))],
            "due": due,
            "shaft": random.choice(["north", "south"], len(due)),
            "load": load,
            "late": load + random.normal(0, 2, len(due)),
            "done": [moment + timedelta(minutes=30) for moment in due],
        }
    )
    frame.write_parquet(folder / "lifts.parquet")
    return folder


@pytest.fixture
def trained(data, tmp_path):
    """Train a product of some text once, and take its file and its data away."""

    def train(seed):
        place = tmp_path / "place"
        shutil.copytree(data, place)
        file = place / "lifts.py"
        file.write_text(TEXT.replace("SEED", seed))
        workspace = Workspace(tmp_path / "workspace", clock=ManualClock(NOW))
        workspace.data_root = place
        with progress() as shown:
            run_once(Lifecycle(workspace, load_file(file), shown, path=file))
        shutil.rmtree(place)
        return workspace

    return train


def test_a_training_comes_out_the_same_from_the_record_alone(trained):
    workspace = trained("1")
    head = workspace.ledger.store.head()
    found = reproduce(workspace, "v1")
    assert found.same
    assert {one.name for one in found.made} == {"native", "compiled", "profile", "features", "rows"}
    assert found.packages == found.reasons == []
    assert found.notes[0] == "in the environment of this process"
    assert workspace.ledger.store.head() == head
    assert trimaran(["reproduce", found.run, "--workspace", str(workspace.root)]) == 0
    seen = shown(ShownReproduction, found)
    assert repr(seen).startswith("v1 came out the same, to the last bit, in the environment of this process")
    assert "<th>native</th><td>the same</td>" in seen._repr_html_()


def test_a_fit_that_draws_on_chance_is_found_out(trained):
    workspace = trained("int.from_bytes(os.urandom(3), 'big')")
    found = reproduce(workspace, "lifts/v1")
    product = Product("lifts", owner="ops", predict_at="due - 1h")
    assert not found.same
    assert {one.name: one.same for one in found.made} == {
        "native": False,
        "compiled": False,
        "profile": False,
        "features": True,
        "rows": True,
    }
    assert found.reasons == [
        "code, data, packages and seed are the same: the author's fit draws on something that is none of them"
    ]
    again = product.reproduce("v1", workspace.root)
    assert not again.same
    assert "can explain it" in repr(again)
    assert trimaran(["reproduce", "v1", "--json", "--workspace", str(workspace.root)]) == 1


def test_a_run_that_failed_says_so(trained, tmp_path):
    with pytest.raises(UserCodeError):
        trained("1 / 0")
    workspace = Workspace.existing(tmp_path / "workspace")
    ((_, run),) = workspace.ledger.history((Run,))
    with pytest.raises(InputError, match="ZeroDivisionError"):
        reproduce(workspace, run.name)


def test_packages_that_moved_are_named():
    was, now = packages("numpy==2.4.1\nskops==0.16\n"), packages("numpy==2.4.2\npolars==2.1\n")
    assert moved(was, now) == [
        Package(name="numpy", was="2.4.1", now="2.4.2"),
        Package(name="polars", was=None, now="2.1"),
        Package(name="skops", was="0.16", now=None),
    ]
    assert moved(was, was) == []


def wheel(folder, name, version):
    """Write a wheel of one module that says its version."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)


def ran(objects, lock, python=None):
    environment = Environment(python=python or platform.python_version(), platform="linux", lock=objects.put(lock.encode()))
    fields = {"cause": "asked", "code": Code(source="ab" * 32), "data": {}, "parameters": {}, "seed": 1, "seconds": 1.0}
    return Run(name="run-1", environment=environment, started=NOW, ended=NOW, **fields)


@pytest.mark.slow
def test_an_environment_is_rebuilt_with_the_packages_of_the_run_and_without_a_network(tmp_path, monkeypatch):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for version in ("1.0", "2.0"):
        wheel(wheels, "tmpenvone", version)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    objects = MemoryObjects()
    python = rebuilt(objects, ran(objects, "tmpenvone==1.0\ntrimaran==0.0.1\n"), tmp_path)
    asked = "import tmpenvone, trimaran, importlib.metadata as m; print(tmpenvone.VERSION, trimaran.__file__, m.version('trimaran'))"
    found, place, version = subprocess.run(
        [python, "-c", asked], check=True, capture_output=True, text=True, cwd=tmp_path, env={}
    ).stdout.split()
    assert (found, version) == ("1.0", metadata.version("trimaran"))
    assert Path(place).is_relative_to(tmp_path / "environment")
    listed = "import importlib.metadata as m; print(*sorted(each.name for each in m.distributions()))"
    names = subprocess.run([python, "-c", listed], check=True, capture_output=True, text=True, env={}).stdout.split()
    assert names == ["tmpenvone", "trimaran"]
    (tmp_path / "again").mkdir()
    with pytest.raises(Unavailable, match=r"packages of the run could not be installed: .*tmpenvone==3.0"):
        rebuilt(objects, ran(objects, "tmpenvone==3.0\n"), tmp_path / "again")


def test_a_python_that_is_not_here_is_named(tmp_path):
    objects = MemoryObjects()
    with pytest.raises(Unavailable, match=r"run-1 ran on Python 3.2.1, and no python3.2 is here"):
        rebuilt(objects, ran(objects, "", python="3.2.1"), tmp_path)


def git(folder, *words):
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", "-C", folder, *who, *words], check=True, capture_output=True)


def test_the_repository_is_checked_out_as_it_was_uncommitted_changes_included(tmp_path):
    repository = tmp_path / "repository"
    repository.mkdir()
    git(repository, "init")
    helper = repository / "helper.py"
    helper.write_text("LIMIT = 1\n")
    git(repository, "add", ".")
    git(repository, "commit", "-m", "one")
    helper.write_text("LIMIT = 2\n")
    objects = MemoryObjects()
    code = track_code(objects, Source("text", repository / "product.py"))
    git(repository, "commit", "-am", "three")
    helper.write_text("LIMIT = 4\n")
    (tmp_path / "scratch").mkdir()
    copy = checked_out(objects, code, repository, tmp_path / "scratch")
    assert (copy / "helper.py").read_text() == "LIMIT = 2\n"
    assert helper.read_text() == "LIMIT = 4\n"


def test_a_commit_that_is_not_here_is_no_error(tmp_path):
    code = track_code(MemoryObjects(), Source("text"))
    assert checked_out(MemoryObjects(), code, tmp_path, tmp_path) is None
