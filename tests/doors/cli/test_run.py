"""trimaran run on a real product file: from a Parquet file to a version at the gate."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

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
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("punctual")
    random, count = np.random.default_rng(13), 9000
    planned = [datetime(2013, 1, 1, tzinfo=UTC) + timedelta(minutes=7 * row) for row in range(count)]
    wind = random.normal(10, 3, count)
    late = (random.uniform(size=count) < 1 / (1 + np.exp(12 - wind))) * 20.0
    rows = {"trip": [f"t{row}" for row in range(count)], "planned": planned, "wind": wind, "late": late}
    pl.DataFrame(rows | {"done": [moment + timedelta(hours=3) for moment in planned]}).write_parquet(root / "trips.parquet")
    (root / "punctual.py").write_text(TEXT)
    (root / "strict.py").write_text(TEXT.replace("0.68", "0.999"))
    return root


def test_a_version_is_made_judged_and_waits_for_its_people(folder, tmp_path, capsys):
    place = ["--workspace", str(tmp_path / "workspace")]
    assert run(["run", str(folder / "punctual.py"), *place]) == 0
    said = capsys.readouterr()
    assert "punctual v1: waiting" in said.out
    assert "auc >= 0.68" in said.out
    assert "training: done" in said.err
    assert run(["run", str(folder / "punctual.py"), *place, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["row"]["name"] == "v2"
    assert run(["balance", *place, "--json"]) == 0
    handed = {one["name"]: one for one in json.loads(capsys.readouterr().out)["handovers"]}
    assert handed["ingest trips"]["left"] == {"kept": 9000, "refused": 0, "repeated": 9000}


def test_a_version_that_the_gate_refuses_is_exit_code_one(folder, tmp_path, capsys):
    assert run(["run", str(folder / "strict.py"), "--workspace", str(tmp_path / "workspace")]) == 1
    assert "punctual v1: refused" in capsys.readouterr().out
