"""Pipelines run in a workspace: what is recorded, served, refused, and told."""

import datetime as dt
import pickle
import threading
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sklearn.linear_model import LinearRegression

import trimaran as tm
from trimaran.app.pipelines import pipeline, run_named, runs_of, spin
from trimaran.app.pipelines.recording import secret
from trimaran.app.workspace import Workspace
from trimaran.core.errors import Corrupt, DefinitionError, InputError, NotFound, Refused, UserCodeError
from trimaran.core.nouns import PipelineRun


@tm.step
def numbers(count=3) -> list:
    return list(range(count))


@tm.step(each={"number": numbers})
def squares(number) -> int:
    return number * number


@tm.step
def total(squares) -> int:
    return sum(squares)


@tm.step
def broken(numbers):
    raise ValueError(f"no use for {numbers}")


@tm.step
def of_broken(broken, total):
    return broken, total


@pytest.fixture
def workspace(tmp_path):
    with Workspace(tmp_path / "workspace") as workspace:
        yield workspace


def fates(outcome):
    return {step.name: step.fate for step in outcome.steps if step.item is None}


def test_a_parameter_named_like_a_step_takes_its_output(workspace):
    outcome = pipeline(total).run(workspace=workspace, count=4)
    assert outcome["total"] == 14
    assert fates(outcome) == {"numbers": "ran", "squares": "ran", "total": "ran"}


def test_a_step_is_a_plain_function_all_the_same():
    assert squares(5) == 25
    assert total([1, 2]) == 3


def test_only_new_items_of_a_list_are_run(workspace):
    pipeline(total).run(workspace=workspace, count=4)
    outcome = pipeline(total).run(workspace=workspace, count=6)
    assert [step.fate for step in outcome.steps if step.item is not None] == ["cached"] * 4 + ["ran"] * 2
    assert outcome["squares"] == [0, 1, 4, 9, 16, 25]


def test_a_step_that_raises_is_told_with_the_authors_lines_and_the_rest_goes_on(workspace):
    outcome = pipeline(of_broken, total).run(workspace=workspace, check=False)
    assert fates(outcome) == {"numbers": "ran", "squares": "ran", "broken": "failed", "total": "ran", "of_broken": "skipped"}
    error = outcome.step("broken").error
    assert "ValueError: no use for [0, 1, 2]" in error
    assert "test_pipeline.py" in error
    assert "core/steps" not in error
    assert "broken" in outcome.step("of_broken").error
    with pytest.raises(UserCodeError, match="no use for"):
        pipeline(of_broken).run(workspace=workspace)
    assert run_named(workspace, None).error == "broken failed"


def test_a_run_is_one_entry_of_the_ledger_and_everything_can_be_read_from_it(workspace):
    outcome = pipeline(total).run(workspace=workspace, count=4)
    entries = list(workspace.ledger.history((PipelineRun,)))
    assert [record.name for _, record in entries] == [outcome.name]
    assert entries[0][1].fates == {"ran": 3}
    assert entries[0][1].parameters == {"count": "4"}


def test_results_are_found_again_when_their_file_is_gone(workspace):
    pipeline(total).run(workspace=workspace, count=4)
    for file in workspace.root.glob("steps.db*"):
        file.unlink()
    outcome = pipeline(total).run(workspace=Workspace(workspace.root), count=4)
    assert set(fates(outcome).values()) == {"cached"}


def test_every_fault_of_a_graph_is_told_at_once():
    @tm.step
    def first(second): ...

    @tm.step
    def second(first): ...

    @tm.step(each={"x": "nowhere"})
    def third(x): ...

    @tm.step
    def words() -> str: ...

    @tm.step
    def counted(words: int): ...

    with pytest.raises(DefinitionError) as caught:
        pipeline(first, second, third, words, counted)
    said = str(caught.value)
    assert "circle: first, second" in said
    assert "names 'nowhere', which is no step" in said
    assert "words makes str, but counted takes int" in said


def test_every_fault_of_a_steps_conduct_is_told_at_once():
    with pytest.raises(DefinitionError) as caught:

        @tm.step(retries="often", timeout="soon", memory="much", each={"y": [1]})
        def wrong(*x): ...

    assert str(caught.value).startswith("step wrong: 5 faults")


def test_parameters_that_nobody_takes_or_nobody_gives_are_told(workspace):
    @tm.step
    def needs(width, height=1): ...

    with pytest.raises(InputError) as caught:
        pipeline(needs).run(workspace=workspace, depth=3)
    assert "depth: there is no such parameter" in str(caught.value)
    assert "width: no step makes it" in str(caught.value)


def test_a_step_that_gives_back_another_type_than_it_says_fails(workspace):
    @tm.step
    def frame() -> pl.DataFrame:
        return [1, 2]

    error = pipeline(frame).run(workspace=workspace, check=False).step("frame").error
    assert "it gave a list, but says DataFrame" in error


def test_a_step_that_fails_is_tried_again_as_often_as_it_says(workspace, tmp_path):
    @tm.step(retries="2 from 1ms", steady=True)
    def shaky(place):
        with Path(place).open("a") as file:
            file.write("x")
        if len(Path(place).read_text()) < 3:
            raise OSError("not yet")
        return 1

    outcome = pipeline(shaky).run(workspace=workspace, place=str(tmp_path / "tries"))
    assert outcome.step("shaky").attempts == 3


def test_values_come_back_as_they_were(workspace, tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "a.txt").write_text("a")
    frame = pl.DataFrame({"x": [1, None], "y": ["a", "b"]})
    values = {
        "plain": [1, 2.5, "a", None, True, float("inf"), 2**70, -0.0],
        "nested": {
            "t": (1, {2, 3}),
            4: frozenset({"b"}),
            "d": dt.timedelta(days=1),
            "at": dt.datetime(2013, 1, 1, tzinfo=dt.UTC),
        },
        "tag": {"!": "leaf"},
        "bytes": b"\x00" * 2000,
        "numbers": (np.float32(1.5), np.arange(3, dtype=np.int16)),
    }

    @tm.step
    def everything():
        model = LinearRegression().fit(np.array([[0.0], [1.0]]), np.array([0.0, 2.0]))
        return {**values, "frame": frame, "lazy": frame.lazy(), "model": model, "folder": tmp_path / "made"}

    @tm.step
    def seen(everything):
        return float(everything["model"].predict(np.array([[2.0]]))[0]), (everything["folder"] / "a.txt").read_text()

    outcome = pipeline(everything, seen).run(workspace=workspace)
    made = outcome["everything"]
    assert {name: made[name] for name in ("plain", "nested", "tag", "bytes")} == {
        name: values[name] for name in ("plain", "nested", "tag", "bytes")
    }
    assert type(made["numbers"][0]) is np.float32
    assert made["numbers"][1].dtype == np.int16
    assert_frame_equal(made["frame"], frame)
    assert_frame_equal(made["lazy"].collect(), frame)
    assert outcome["seen"] == (pytest.approx(4.0), "a")
    assert outcome.step("everything").warnings == ()


class Odd:
    def __init__(self, value):
        self.value = value


@tm.step
def odd():
    return Odd(3)


def test_a_pickle_is_warned_of_and_read_only_where_it_was_made(workspace, tmp_path):
    outcome = pipeline(odd).run(workspace=workspace)
    assert "kept as a pickle" in outcome.step("odd").warnings[0]
    assert outcome["odd"].value == 3
    (workspace.root / "steps.secret").unlink()
    with pytest.raises(Refused, match="not made by this workspace"):
        outcome["odd"]
    assert pipeline(odd).run(workspace=workspace).step("odd").fate == "ran"


def test_what_cannot_be_kept_is_an_error_of_its_step(workspace):
    @tm.step
    def thread():
        return threading.Lock()

    assert "cannot be kept" in pipeline(thread).run(workspace=workspace, check=False).step("thread").error
    assert pickle  # what it would have been kept as


@tm.step
def today():
    return dt.datetime.now(dt.UTC).isoformat()


@tm.step(fresh="1d")
def today_at_least():
    return dt.datetime.now(dt.UTC).isoformat()


def test_a_step_that_reads_the_clock_is_not_served_again_unless_it_stays_fresh(workspace):
    both = pipeline(today, today_at_least)
    first = both.run(workspace=workspace)
    second = both.run(workspace=workspace)
    assert fates(second) == {"today": "ran", "today_at_least": "cached"}
    assert "it reads the clock (datetime.datetime.now" in str(second.why("today"))
    assert first["today"] != second["today"]


@tm.step
def drawn():
    return [float(np.random.normal()), float(np.random.default_rng(1).normal())]  # noqa: NPY002  what is proved


def test_generators_of_python_and_numpy_draw_the_same_for_the_same_key(workspace):
    first = pipeline(drawn).run(workspace=workspace)
    again = pipeline(drawn).run(workspace=workspace, again=["drawn"])
    assert again.step("drawn").fate == "ran"
    assert first["drawn"] == again["drawn"]


def test_one_step_runs_again_on_the_inputs_of_a_run_and_nothing_is_written(workspace):
    outcome = pipeline(total).run(workspace=workspace, count=4)
    spun = spin(workspace, outcome.run, "squares[3]", pipeline=pipeline(total))
    assert (spun.value, spun.same) == (9, True)
    assert len(runs_of(workspace)) == 1
    with pytest.raises(NotFound, match=r"squares\[0\]"):
        spin(workspace, outcome.run, "squares", pipeline=pipeline(total))


def test_a_run_ends_when_it_is_told_to(workspace):
    stop = threading.Event()

    @tm.step
    def begins():
        stop.set()
        return 1

    @tm.step
    def goes_on(begins):
        return 2

    outcome = pipeline(begins, goes_on).run(workspace=workspace, stop=stop)
    assert fates(outcome) == {"begins": "ran", "goes_on": "cancelled"}
    assert outcome.run.error == "it was cancelled"


def test_a_pipeline_and_a_run_of_it_show_themselves(workspace):
    flow = pipeline(total)
    outcome = flow.run(workspace=workspace)
    assert "squares of numbers" in repr(flow)
    assert "3 ran" in repr(outcome)
    assert "<td>squares (3)</td>" in outcome._repr_html_()
    assert len(outcome.figure().data) == 2


def test_a_secret_that_was_cut_short_is_not_sealed_with(tmp_path):
    whole = secret(tmp_path)
    assert len(whole) == 32
    assert secret(tmp_path) == whole
    assert [path.name for path in tmp_path.iterdir()] == ["steps.secret"]
    (tmp_path / "steps.secret").write_bytes(b"")
    with pytest.raises(Corrupt, match="holds no secret any more: remove it"):
        secret(tmp_path)
