"""A product's own loop, seen as a pipeline."""

import pytest

from trimaran.app.pipelines import Outcome, reasons, run_named, runs_of, sheet_of, spin
from trimaran.core.errors import Conflict, NotFound
from trimaran.core.nouns import ModelVersion, Run

STAGES = ["data", "features", "tuning", "training", "forms", "tests", "gate"]


@pytest.fixture
def outcome(lived):
    run = run_named(lived, None, "rides")
    return Outcome(lived, run, sheet_of(lived, run).steps)


def test_each_training_is_a_run_of_the_pipeline_that_the_product_is(lived, outcome):
    trained = [run.name for _, run in lived.ledger.history((Run,)) if run.error is None]
    assert [run.name for run in runs_of(lived, "rides")] == trained
    assert [step.name for step in outcome.steps] == STAGES
    assert all(step.seconds > 0 for step in outcome.steps)
    assert "rows of 2 features" in outcome.step("features").output.note
    assert outcome.step("gate").output.note in {"pass", "warn", "fail"}


def test_why_a_stage_ran_names_the_tables_that_moved_on(lived, outcome):
    assert len(runs_of(lived, "rides")) > 1
    changes = reasons(lived, outcome.run, "data").changes
    assert [one.part for one in changes] == ["table rides"]
    assert changes[0].was.startswith("version ")
    assert [one.part for one in reasons(lived, outcome.run, "features").changes] == ["input data"]


def test_what_a_stage_made_is_with_the_version_and_is_not_held_by_this(lived, outcome):
    with pytest.raises(NotFound, match="kept with the version"):
        outcome["training"]
    with pytest.raises(Conflict, match="reproduce"):
        spin(lived, outcome.run, "training")
    sheet = lived.objects.get(outcome.run.sheet)
    for _, version in lived.ledger.history((ModelVersion,)):
        assert version.native.encode() not in sheet


def test_the_figure_of_a_run_that_was_read_has_every_stage_further_right_than_the_one_before(outcome):
    (trace,) = [trace for trace in outcome.figure().data if trace.mode == "markers+text"]
    places = {text.split()[-1]: x for text, x in zip(trace.text, trace.x, strict=True)}
    assert sorted(places, key=places.get) == STAGES
