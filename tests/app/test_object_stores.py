"""Where a workspace's objects are: chosen by its settings, with keys that only the environment says."""

import shutil
import sys
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import numpy as np
import polars as pl
import pytest

from trimaran.app.object_stores import CACHE, open_objects
from trimaran.app.settings import SETTINGS, ObjectsSettings, read_settings
from trimaran.app.workspace import Workspace
from trimaran.core.errors import InputError, NotFound
from trimaran.core.nouns import ModelVersion
from trimaran.doors.cli.main import run

TEXT = """
import trimaran as tm
from sklearn.linear_model import LogisticRegression

product = tm.Product("punctual", owner="ops-ml", predict_at="planned - 2h")
trips = product.table("trips.parquet", key="trip", time="planned", known={"late": "done"})


@product.feature(trips)
def wind_now(wind):
    return wind


@product.label(trips, wait="2d")
def is_late(late):
    return late > 15


@product.model()
def fit(X, y):
    return LogisticRegression().fit(X, y)


product.accept(out_of_time="10d", auc=">= 0.68")
product.release(approve=["risk"])
"""


@pytest.fixture(scope="module")
def product_folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("punctual")
    random, count = np.random.default_rng(13), 6000
    planned = [datetime(2013, 1, 1, tzinfo=UTC) + timedelta(minutes=7 * row) for row in range(count)]
    wind = random.normal(10, 3, count)
    late = (random.uniform(size=count) < 1 / (1 + np.exp(12 - wind))) * 20.0
    rows = {"trip": [f"t{row}" for row in range(count)], "planned": planned, "wind": wind, "late": late}
    pl.DataFrame(rows | {"done": [moment + timedelta(hours=3) for moment in planned]}).write_parquet(root / "trips.parquet")
    (root / "punctual.py").write_text(TEXT)
    return root


def say(root, text):
    root.mkdir(exist_ok=True)
    (root / SETTINGS).write_text(text)
    return root


@pytest.fixture
def keys(s3_server, monkeypatch):
    monkeypatch.setenv("TRIMARAN_S3_ACCESS_KEY", s3_server.access_key)
    monkeypatch.setenv("TRIMARAN_S3_SECRET_KEY", s3_server.secret_key)


def test_a_product_runs_with_its_objects_on_s3_and_another_machine_reads_them(
    product_folder, s3_server, keys, tmp_path, capsys
):
    prefix = uuid4().hex
    settings = f'[objects]\nurl = "s3://objects/{prefix}"\nendpoint = "{s3_server.url}"\n'
    root = say(tmp_path / "workspace", settings)
    assert run(["run", str(product_folder / "punctual.py"), "--workspace", str(root)]) == 0
    assert "punctual v1: waiting" in capsys.readouterr().out
    assert not (root / "objects").exists()
    shutil.rmtree(root / CACHE)  # what another machine with the same ledger has
    workspace = Workspace.existing(root)
    _, version = workspace.ledger.latest(ModelVersion, "punctual/v1")
    stored = set(workspace.objects.digests())
    assert {version.native, version.compiled, version.code} <= stored
    assert workspace.scorer(version) is not None
    assert workspace.definition(version).name == "punctual"
    assert any((root / CACHE).iterdir())
    assert run(["run", str(product_folder / "punctual.py"), "--workspace", str(tmp_path / "of-files")]) == 0
    assert version.code in set(Workspace(tmp_path / "of-files").objects.digests())


def test_what_another_machine_removed_is_gone_here_too(s3_server, keys, tmp_path):
    settings = ObjectsSettings(url=f"s3://objects/{uuid4().hex}", endpoint=s3_server.url)
    here, there = open_objects(tmp_path / "here", settings), open_objects(tmp_path / "there", settings)
    name = here.put(b"rows of a person")
    assert there.get(name) == b"rows of a person"
    here.remove([name])
    with pytest.raises(NotFound):
        there.get(name)
    assert b"rows of a person" not in {path.read_bytes() for path in (tmp_path / "there" / CACHE).iterdir()}


def test_without_a_cache_nothing_is_kept_here(s3_server, keys, tmp_path):
    store = open_objects(tmp_path, ObjectsSettings(url=f"s3://objects/{uuid4().hex}", endpoint=s3_server.url, cache_bytes=0))
    assert store.get(store.put(b"x")) == b"x"
    assert list(tmp_path.iterdir()) == []


def test_keys_that_the_environment_does_not_say_are_named_together(monkeypatch, tmp_path):
    monkeypatch.delenv("TRIMARAN_S3_ACCESS_KEY", raising=False)
    monkeypatch.delenv("TRIMARAN_S3_SECRET_KEY", raising=False)
    with pytest.raises(InputError) as caught:
        Workspace(say(tmp_path / "w", '[objects]\nurl = "s3://objects"')).objects  # noqa: B018
    assert [fault.where for fault in caught.value.faults] == ["TRIMARAN_S3_ACCESS_KEY", "TRIMARAN_S3_SECRET_KEY"]


def test_without_the_extra_the_error_says_what_to_install(monkeypatch, tmp_path, keys):
    monkeypatch.setitem(sys.modules, "obstore", None)
    for module in ("s3_objects", "s3_bucket"):
        monkeypatch.delitem(sys.modules, f"trimaran.backends.{module}", raising=False)
    with pytest.raises(Exception, match=r"pip install 'trimaran\[s3\]'"):
        open_objects(tmp_path, ObjectsSettings(url="s3://objects"))


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (
            'url = "s3://objects"\nsecret_key = "hunter2"\naccess_key = "hunter2"',
            {"objects.secret_key", "objects.access_key"},
        ),
        ('url = "s3://key:hunter2@objects"', {"objects.url"}),
        ('url = "s3://objects?secret=hunter2"', {"objects.url"}),
        ('url = "file:///etc"\nendpoint = "s3.example.com"', {"objects.url", "objects.endpoint"}),
        ('url = "s3://objects"\nendpoint = "https://key:hunter2@host"', {"objects.endpoint"}),
        ('url = "s3://objects"\ncache_bytes = -1\nreach = 3', {"objects.cache_bytes", "objects.reach"}),
        ('endpoint = "https://host"', {"objects.url"}),
        ('url = "s3://["', {"objects.url"}),
    ],
)
def test_faults_are_told_at_once_and_no_key_is_repeated(tmp_path, text, where):
    with pytest.raises(InputError) as caught:
        read_settings(say(tmp_path / "w", f"[objects]\n{text}"))
    assert {fault.where for fault in caught.value.faults} == where
    assert "hunter2" not in str(caught.value)
