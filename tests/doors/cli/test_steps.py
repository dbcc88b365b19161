import json

import pytest

from trimaran.doors.cli.main import run

FLOW = """
import trimaran as tm

@tm.step
def numbers(count=3):
    print("counting")
    return list(range(count))

@tm.step
def total(numbers, start=0.5):
    return sum(numbers) + start

@tm.step
def risky(total, limit=100):
    assert total < limit, "too much"
    return total
"""


@pytest.fixture
def flow(tmp_path, monkeypatch):
    monkeypatch.setenv("TRIMARAN_WORKSPACE", str(tmp_path / "workspace"))
    file = tmp_path / "flow_of_cli.py"
    file.write_text(FLOW)
    return file


def said(capsys, *words):
    capsys.readouterr()
    code = run([*words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_file_of_steps_is_run_listed_shown_and_asked_why(flow, capsys):
    assert run(["steps", "run", str(flow), "--set", "count=4"]) == 0
    assert "3 ran" in capsys.readouterr().out
    code, found = said(capsys, "steps", "run", str(flow), "--set", "count=4", "--set", "start=1")
    assert code == 0
    assert [step["fate"] for step in found["steps"]] == ["cached", "ran", "ran"]
    assert [one["fates"] for one in said(capsys, "steps", "list")[1]] == [{"ran": 3}, {"cached": 1, "ran": 2}]
    assert said(capsys, "why-ran", "total")[1]["changes"] == [
        {"part": "parameter start", "how": "changed", "was": "0.5", "now": "1"}
    ]
    assert "everything that it depends on is the same" in said(capsys, "why-cached", "numbers")[1]["reasons"][0]
    first = said(capsys, "steps", "list")[1][0]["name"]
    assert run(["steps", "show", first, "--log", "numbers"]) == 0
    assert capsys.readouterr().out == "counting\n\n"


def test_a_step_that_fails_makes_the_exit_code_1_and_says_what_it_raised(flow, capsys):
    assert run(["steps", "run", str(flow), "--set", "limit=1"]) == 1
    out = capsys.readouterr().out
    assert "AssertionError: too much" in out
    assert "1 failed, 2 ran" in out


def test_a_step_is_spun_with_the_code_as_it_is_now(flow, capsys):
    run(["steps", "run", str(flow)])
    flow.write_text(FLOW.replace("sum(numbers) + start", "sum(numbers) - start"))
    code, found = said(capsys, "spin", "total")
    assert code == 0
    assert (found["output"], found["same"]) == ("2.5", False)
    assert [one["part"] for one in found["changes"]] == ["function flow_of_cli.total"]


def test_what_is_not_there_is_told_with_what_there_is(flow, capsys):
    assert run(["steps", "run", str(flow), "--set", "cuont=4"]) == 2
    assert "choose from: count, start, limit" in capsys.readouterr().err
    run(["steps", "run", str(flow)])
    assert run(["why-ran", "totla"]) == 2
    assert "numbers, total, risky" in capsys.readouterr().err
