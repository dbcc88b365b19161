"""The table of changes: after each of them a step must run, or must not, and the record says which it was."""

import os

import pytest

FLOW = '''
import functools, os
from pathlib import Path
import acme
import helpers
import trimaran as tm
from helpers import Scale, marked, settings

FACTOR = 2
TABLE = {"a": [1, 2], "b": (3, {4, 5})}
SCALE = Scale(3)
ACTS = {"up": functools.partial(helpers.shifted, by=1), "same": lambda x: x}

def near(x):
    return x + 1

def made(by):
    def inner(x):
        return x * by
    return inner

times = made(7)

@tm.step
def source(n=3):
    # where it begins
    return list(range(n))

@tm.step
def result(source, first=1, second=2, path="data.txt"):
    """What comes of it."""
    from late import late
    total = sum(source) * FACTOR + near(first) + second
    total += helpers.far(total) + times(2) + SCALE.of(2) + ACTS["up"](1) + late(1) + acme.plus(1) + marked(3)
    total += getattr(helpers, "by_name")(1) + sum(TABLE["a"]) + settings.rate
    hidden = Path("".join(("hid", "den", ".txt"))).read_text()
    return [total, os.environ.get("REGION", ""), Path(path).read_text(), hidden]

@tm.step
def after(result):
    return len(result)
'''

HELPERS = """
from dataclasses import dataclass
import deeper

RATE = 10

def mark(function):
    def wrapper(x):
        return function(x) + 100
    return wrapper

@mark
def marked(x):
    return x

def shifted(x, by):
    return x + by

def far(x, step=RATE):
    return deeper.deep(x) + step

class Base:
    def of(self, x):
        return x * self.by

class Scale(Base):
    unit = 1
    def __init__(self, by):
        self.by = by

@dataclass
class Settings:
    rate: float = 0.5
    name: str = "n"

settings = Settings()

def by_name(x):
    return x

def unrelated(x):
    return x
"""

DEEPER = "LEVEL = 1\n\ndef deep(x):\n    return x + LEVEL\n"
LATE = "def late(x):\n    return x\n"
ACME = "def plus(x):\n    return x + 1\n"


def same_mtime(project):
    path, text = project.folder / "data.txt", "other"
    before = path.stat()
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES = {
    "the function itself": (("flow", "second\n", "second + 1\n"), "function flow.result"),
    "a function in the same file": (("flow", "return x + 1", "return x + 2"), "function flow.near"),
    "a function in another module": (("helpers", "deeper.deep(x) + step", "deeper.deep(x) - step"), "function helpers.far"),
    "a function that a function in another module calls": (("deeper", "x + LEVEL", "x - LEVEL"), "function deeper.deep"),
    "a constant two modules away": (("deeper", "LEVEL = 1", "LEVEL = 2"), "constant deeper.LEVEL"),
    "a constant of the file": (("flow", "FACTOR = 2", "FACTOR = 3"), "constant flow.FACTOR"),
    "a value inside a nested constant": (("flow", "{4, 5}", "{4, 6}"), "constant flow.TABLE"),
    "the value that a closure holds": (("flow", "made(7)", "made(8)"), "function flow.made.inner"),
    "a default argument": (("helpers", "RATE = 10", "RATE = 11"), "function helpers.far"),
    "a decorator of the project": (("helpers", "+ 100", "+ 101"), "function helpers.mark.wrapper"),
    "a method of a base class": (("helpers", "return x * self.by", "return x * self.by + 1"), "function helpers.Base.of"),
    "an attribute of a class": (("helpers", "unit = 1", "unit = 2"), "class helpers.Scale"),
    "the default of a dataclass": (("helpers", "rate: float = 0.5", "rate: float = 0.6"), "constant flow.settings"),
    "the state of an object": (("flow", "Scale(3)", "Scale(4)"), "constant flow.SCALE"),
    "an argument in a partial function": (("flow", "by=1", "by=2"), "constant flow.ACTS"),
    "a lambda in a table": (("flow", "lambda x: x}", "lambda x: -x}"), "function flow.<lambda>"),
    "a module that is imported inside": (("late", "return x", "return x + 1"), "function late.late"),
    "a function that is called by its name": (("helpers", "def by_name(x):\n    return x", "def by_name(x):\n    return -x"), "function helpers.by_name"),
    "the version of a package": (lambda project: project.install("acme", "1.1", ACME), "package acme"),
    "a file of the same size and time": (same_mtime, "file data.txt"),
    "a file that is opened inside": (lambda project: (project.folder / "hidden.txt").write_text("new"), None),
    "an environment variable": (lambda project: os.environ.__setitem__("REGION", "north"), "environment REGION"),
    "the output of the step before": (("flow", "range(n)", "range(1, n + 1)"), "input source"),
    "a parameter": ({"first": 5}, "parameter first"),
}  # fmt: skip

NO_CHANGES = {
    "a comment": ("flow", "# where it begins", "# where it really begins, and why"),
    "a docstring": ("flow", '"""What comes of it."""', '"""What comes of it, at length.\n\n    In two paragraphs."""'),
    "the layout": ("flow", "sum(source) * FACTOR + near(first) + second", "(\n        sum(source) * FACTOR\n        + near(first)  # and\n        + second\n    )"),
    "lines moved": ("helpers", "RATE = 10\n", "\n\n\n# moved\nRATE = 10\n"),
    "a function that nothing here calls": ("flow", "def near(x):", "def lonely(x):\n    return 3\n\ndef near(x):"),
    "the order of parameters": {"second": 2, "first": 1},
    "a file touched": lambda project: os.utime(project.folder / "data.txt"),
    "a step before that gives the same again": ("flow", "return list(range(n))", "return [*range(n)]"),
}  # fmt: skip


@pytest.fixture
def ready(project, monkeypatch):
    monkeypatch.setenv("REGION", "south")
    project.write(flow=FLOW, helpers=HELPERS, deeper=DEEPER, late=LATE)
    project.install("acme", "1.0", ACME)
    (project.folder / "data.txt").write_text("texts")
    (project.folder / "hidden.txt").write_text("old")
    first = project.run(first=1, second=2)
    assert first.ok, first
    again = project.run(first=1, second=2)
    assert {step.fate for step in again.steps} == {"cached"}, again.why("result")
    return project


def changed(project, change):
    parameters = {"first": 1, "second": 2}
    if callable(change):
        change(project)
    elif isinstance(change, dict):
        parameters = {**{name: value for name, value in parameters.items() if name not in change}, **change}
    else:
        project.edit(*change)
    return project.run(**parameters)


@pytest.mark.parametrize("name", CHANGES)
def test_a_step_runs_again_after_a_change_of(ready, name):
    change, part = CHANGES[name]
    outcome = changed(ready, change)
    assert outcome.ok, outcome
    assert outcome.step("result").fate == "ran"
    if part is not None:
        assert part in [one.part for one in outcome.why("result").changes], outcome.why("result")
    assert (
        ready.run(**({"first": 5, "second": 2} if isinstance(change, dict) else {"first": 1, "second": 2}))
        .step("result")
        .fate
        == "cached"
    )


@pytest.mark.parametrize("name", NO_CHANGES)
def test_a_step_does_not_run_again_after_a_change_of(ready, name):
    outcome = changed(ready, NO_CHANGES[name])
    assert outcome.step("result").fate == "cached", outcome.why("result")


def test_what_comes_out_is_what_running_everything_gives(ready):
    for name, (change, _) in CHANGES.items():
        outcome = changed(ready, change)
        fresh = ready.run(again=("source", "result", "after"), **({"first": 5} if isinstance(change, dict) else {}))
        if not isinstance(change, dict):
            assert outcome["result"] == fresh["result"], name


def test_a_result_comes_back_when_a_change_is_taken_back(ready):
    ready.edit("flow", "FACTOR = 2", "FACTOR = 3")
    assert ready.run(first=1, second=2).step("result").fate == "ran"
    ready.edit("flow", "FACTOR = 3", "FACTOR = 2")
    assert ready.run(first=1, second=2).step("result").fate == "cached"
