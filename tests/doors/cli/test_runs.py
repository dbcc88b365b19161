import json

import pytest

import trimaran as tm
from trimaran.doors.cli.main import run as trimaran


@pytest.fixture
def sweep(tmp_path):
    with tm.start_run("sweep", project="churn", workspace=tmp_path, tags={"team": "ops"}):
        for depth in (3, 4):
            with tm.start_run("one", parameters={"depth": depth}) as run:
                run.log_metric("auc", depth / 10)
                run.log_artifact(b"x", "notes")
    with pytest.raises(ZeroDivisionError), tm.start_run("broken", project="churn", workspace=tmp_path):
        1 / 0  # noqa: B018  the fault is wanted
    return tmp_path


def said(capsys, *words):
    code = trimaran(["runs", *map(str, words)])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_the_outermost_runs_are_listed_and_a_query_finds_any(sweep, capsys):
    code, out, _ = said(capsys, "list", "--workspace", sweep)
    assert code == 0
    assert "churn/sweep-" in out
    assert "churn/one-" not in out
    _, out, _ = said(capsys, "list", "metrics.auc > 0.35", "--workspace", sweep, "--json")
    found = json.loads(out)
    assert (found["total"], found["runs"][0]["parameters"]) == (1, {"depth": 4})


def test_a_query_that_is_wrong_says_where(sweep, capsys):
    code, _, err = said(capsys, "list", "metrics.acu > 0.35", "--workspace", sweep)
    assert code == 2
    assert "no run has metrics.acu; choose from: auc" in err


def test_a_failed_run_is_shown_with_its_lines(sweep, capsys):
    code, out, _ = said(capsys, "show", "broken", "--workspace", sweep)
    assert code == 0
    assert "failed" in out
    assert "1 / 0" in out
    _, out, _ = said(capsys, "show", "sweep", "--workspace", sweep, "--json")
    assert json.loads(out)["parts"] == 2


def test_runs_are_compared(sweep, capsys):
    _, out, _ = said(capsys, "list", "exists metrics.auc", "--workspace", sweep, "--json")
    names = [run["name"] for run in json.loads(out)["runs"]]
    code, out, _ = said(capsys, "compare", *names, "--workspace", sweep)
    assert code == 0
    assert "depth" in out
    assert "0.4" in out
    _, out, _ = said(capsys, "compare", *names, "--workspace", sweep, "--json")
    assert json.loads(out)["parameters"] == [{"name": "depth", "values": [4, 3]}]
