"""Pipelines that are written as functions: loops and branches of ordinary Python, each call of a step a step."""

import pytest

import trimaran as tm
from trimaran.app.pipelines import sheet_of
from trimaran.app.workspace import Workspace
from trimaran.core.errors import InputError, UserCodeError


@tm.step
def numbers(count):
    return list(range(count))


@tm.step
def squared(number):
    return {"number": number, "square": number * number}


@tm.step
def total(squares):
    return sum(one["square"] for one in squares)


@tm.step
def nested(count):
    return total([{"square": one} for one in numbers(count)])  # a step that a step calls is its function


@tm.pipeline
def flow(count=3, limit=10):
    squares = [squared(number) for number in numbers(count)]
    if total(squares) > limit:
        return nested(count)
    return None


@tm.pipeline
def broken(count=1):
    numbers(count)
    raise LookupError("nothing there")


@pytest.fixture
def workspace(tmp_path):
    with Workspace(tmp_path) as workspace:
        yield workspace


def test_each_call_of_a_step_is_a_step_and_what_is_known_is_served(workspace):
    outcome = flow.run(workspace=workspace, count=3)
    assert [(one.name, one.item, one.fate) for one in outcome.steps] == [
        ("numbers", None, "ran"),
        ("squared", None, "ran"),
        ("squared", 0, "ran"),
        ("squared", 1, "ran"),
        ("squared", 2, "ran"),
        ("total", None, "ran"),
    ]
    again = flow.run(workspace=workspace, count=4)
    assert [one.fate for one in again.steps if one.name == "squared" and one.item is not None] == ["cached"] * 3 + ["ran"]
    assert again.step("nested").fate == "ran"  # 14 is more than 10: the branch was taken
    assert again["nested"] == 6
    assert sheet_of(workspace, again.run).steps == again.steps


def test_the_function_can_be_called_without_a_workspace():
    assert flow(4) == 6


def test_what_the_function_itself_raises_is_told_with_the_steps_before_it(workspace):
    outcome = broken.run(workspace=workspace, check=False)
    assert [(one.name, one.fate) for one in outcome.steps] == [("numbers", "ran"), ("broken", "failed")]
    assert "LookupError: nothing there" in outcome.step("broken").error
    with pytest.raises(UserCodeError, match="nothing there"):
        broken.run(workspace=workspace)


def test_an_unknown_parameter_is_told_with_those_there_are(workspace):
    with pytest.raises(InputError, match="choose from: count, limit"):
        flow.run(workspace=workspace, cuont=3)
