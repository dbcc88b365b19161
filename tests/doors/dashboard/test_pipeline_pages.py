"""The pages of pipelines, without a browser: the list, one run with its reasons, and the same as JSON."""

from datetime import UTC, datetime

import polars as pl
import pytest
from litestar.testing import TestClient

import trimaran as tm
from trimaran.app.pipelines import runs_of
from trimaran.app.pipelines.recording import write_run
from trimaran.app.workspace import Workspace
from trimaran.core.nouns import Part, PipelineRun, StepRun, Value
from trimaran.doors.dashboard.app import make_app

AT = datetime(2024, 1, 1, tzinfo=UTC)


@tm.step
def prices(count=3):
    print("<i>reading</i>")
    return list(range(count))


@tm.step(each={"price": prices})
def reduced(price):
    if price == 70:
        raise ValueError("<b>seventy</b> cannot be reduced")
    return price / 2


@tm.step
def total(reduced):
    return sum(reduced)


@tm.step
def longer(frame):
    return pl.concat([frame, frame])


@tm.pipeline
def doubling(rounds=3):
    frame = pl.DataFrame({"x": [1.0] * 20})
    for _ in range(rounds):
        frame = longer(frame)
    return frame


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pipelines")
    sums = tm.pipeline(total, name="sums")
    sums.run(workspace=folder, count=3)
    sums.run(workspace=folder, count=3)
    sums.run(workspace=folder, count=90, check=False)
    doubling.run(workspace=folder)
    workspace = Workspace.existing(folder)
    made = Value(form="record", digest="a" * 32, size=0, note="v1, a native model")
    trained = StepRun(name="training", fate="ran", key="k", parts={"seed": Part(digest="d", said="13")}, output=made)
    run = PipelineRun(
        name="run-1", pipeline="flight delay", engine="local", started=AT, ended=AT, seconds=2.5,
        parameters={}, edges={"training": []}, fates={"ran": 1}, sheet="",
    )  # fmt: skip
    write_run(workspace, run, [trained], None)
    return folder


@pytest.fixture(scope="module")
def client(folder):
    app = make_app(Workspace.existing(folder), secret="s" * 32)
    with TestClient(app, base_url="http://127.0.0.1:8500") as made:
        yield made


@pytest.fixture(scope="module")
def runs(folder):
    return [run.name for run in runs_of(Workspace.existing(folder), "sums")]


def test_the_list_tells_every_run_and_can_be_narrowed_to_one_pipeline(client, runs):
    page = client.get("/pipelines").text
    assert all(f"/pipelines/sums/{name}" in page for name in runs)
    assert "/pipelines/flight%20delay/run-1" in page
    assert "reduced failed" in page
    assert "count=90" in page
    one = client.get("/pipelines", params={"pipeline": "doubling"}).text
    assert "1 of 1 runs of doubling" in one
    assert "/pipelines/sums/" not in one
    said = client.get("/api/v1/pipelines", params={"pipeline": "sums"}).json()
    assert [run["name"] for run in said["runs"]] == runs[::-1]
    assert said["pipelines"] == ["doubling", "flight delay", "sums"]


def test_a_run_tells_of_each_step_what_it_printed_made_and_why_it_ran(client, runs):
    page = client.get(f"/pipelines/sums/{runs[0]}").text
    assert "no run before it had this step" in page
    assert "&lt;i&gt;reading&lt;/i&gt;" in page
    assert "parameter count" in page
    assert "the run after" in page
    assert 'data-chart="data-graph"' in page
    cached = client.get(f"/pipelines/sums/{runs[1]}").text
    assert f"its result was made in {runs[0]}, and everything that it depends on is the same" in cached
    changed = client.get(f"/pipelines/sums/{runs[2]}").text
    assert "parameter count changed: 3 → 90" in changed


def test_a_failed_item_is_told_first_with_the_authors_lines(client, runs):
    said = client.get(f"/api/v1/pipelines/sums/{runs[2]}").json()
    (step,) = [one for one in said["steps"] if one["told"]["name"] == "reduced"]
    assert step["fates"] == {"cached": 3, "ran": 86, "failed": 1}
    assert len(step["items"]) == 50
    assert step["items"][0]["item"] == 70
    page = client.get(f"/pipelines/sums/{runs[2]}").text
    assert "&lt;b&gt;seventy&lt;/b&gt; cannot be reduced" in page
    assert "50 of 90" in page
    (skipped,) = [one for one in said["steps"] if one["told"]["name"] == "total"]
    assert skipped["why"]["reasons"] == ["it needs reduced, which did not end well"]
    assert skipped["why"]["changes"] == []
    assert page.count('<span class="fate step-failed">failed</span>') >= 3


def test_a_loop_that_feeds_a_step_with_its_own_output_is_drawn(client, folder):
    (run,) = runs_of(Workspace.existing(folder), "doubling")
    assert run.edges == {"longer": ["longer"]}
    page = client.get(f"/pipelines/doubling/{run.name}").text
    assert "3 ran" in page


def test_a_training_of_a_product_leads_to_the_product_and_its_run(client):
    page = client.get("/pipelines/flight%20delay/run-1").text
    assert '<a href="/products/flight%20delay">' in page
    assert '<a href="/runs/flight%20delay/run-1">' in page
    assert "the version&#39;s record" in page


def test_what_is_not_there_is_told_with_what_is(client, runs):
    missing = client.get("/pipelines/sums/run-0")
    assert missing.status_code == 404
    assert runs[-1] in missing.text
    unknown = client.get("/api/v1/pipelines", params={"pipeline": "nobody"})
    assert unknown.status_code == 404
    assert "there are: doubling, flight delay, sums" in unknown.text


def test_a_run_whose_steps_were_removed_still_has_a_page(client, folder):
    workspace = Workspace.existing(folder)
    run = PipelineRun(
        name="run-2", pipeline="emptied", engine="local", started=AT, ended=AT, seconds=0.1,
        parameters={}, edges={"gone": []}, fates={"ran": 1}, sheet="f" * 64,
    )  # fmt: skip
    workspace.ledger.append(run, "emptied/run-2")
    page = client.get("/pipelines/emptied/run-2")
    assert page.status_code == 200
    assert "Nothing is kept of the steps of this run any more." in page.text
