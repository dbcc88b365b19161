"""The pages of runs, without a browser: what they tell, and what they say of a wrong question."""

import json

import pytest
from litestar.testing import TestClient

import trimaran as tm
from trimaran.app.workspace import Workspace
from trimaran.doors.dashboard.app import make_app


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    with tm.start_run("sweep", project="churn", workspace=folder, tags={"team": "<b>ops</b>"}):
        for depth in range(10):
            with tm.start_run("one", parameters={"depth": depth}) as run:
                run.log_metrics({"auc": depth / 10})
                for step in range(5):
                    run.log_metric("loss", 1 / (step + 1))
    return folder


@pytest.fixture(scope="module")
def client(swept):
    app = make_app(Workspace.existing(swept), secret="s" * 32)
    with TestClient(app, base_url="http://127.0.0.1:8500") as made:
        yield made


def names(client, query):
    found = client.get("/api/v1/runs", params={"q": query}).json()
    return [run["subject"] for run in found["runs"]]


def test_the_outermost_runs_are_listed_and_a_question_finds_others(client):
    page = client.get("/runs").text
    assert "churn/sweep-" in page
    assert "churn/one-" not in page
    found = client.get("/runs", params={"q": "metrics.auc > 0.65", "metric": "auc"}).text
    assert found.count('type="checkbox"') == 3
    assert "Parameters and auc" in found
    whole = client.get("/runs", params={"q": "exists metrics.auc", "metric": "auc"}).text
    assert "What matters to auc" in whole


def test_a_wrong_question_is_told_on_the_page_and_as_json(client):
    page = client.get("/runs", params={"q": "metrics.acu > 1"})
    assert page.status_code == 422
    assert "no run has metrics.acu; choose from: auc" in page.text
    assert 'value="metrics.acu &gt; 1"' in page.text
    said = client.get("/api/v1/runs", params={"q": "metrics.acu > 1"})
    assert said.status_code == 422
    assert "metrics.acu" in json.dumps(said.json())


def test_one_run_is_shown_with_its_curves_and_markup_in_names_stays_text(client):
    (one, *_) = names(client, "metrics.auc = 0.9")
    page = client.get(f"/runs/{one}").text
    assert "loss by step" in page
    assert "part of" in page
    (sweep,) = names(client, 'name contains "sweep"')
    page = client.get(f"/runs/{sweep}").text
    assert "10 parts" in page
    assert "&lt;b&gt;ops" in page
    assert client.get(f"/api/v1/runs/{sweep}").json()["parts"] == 10
    assert client.get("/runs/churn/nobody").status_code == 404


def test_runs_stand_side_by_side(client):
    chosen = names(client, "metrics.auc > 0.75")
    page = client.get("/runs/compare", params={"run": chosen})
    assert page.status_code == 200
    assert "2 runs side by side" in page.text
    assert "loss by step" in page.text
    assert [line["values"] for line in client.get("/api/v1/runs/compare", params={"run": chosen}).json()["parameters"]] == [
        [9, 8]
    ]
    assert "choose from 1 to 8" in client.get("/runs/compare").text
