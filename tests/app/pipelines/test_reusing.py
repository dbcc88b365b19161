"""A training takes from an earlier one what would come out the same, and nothing else."""

import json
import sys
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from lifts import PRODUCT, START, write_lifts
from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_file
from trimaran.app.pipelines import reasons, runs_of, sheet_of
from trimaran.app.progress import progress
from trimaran.app.running import run_once
from trimaran.app.workspace import Workspace
from trimaran.core.clock import ManualClock
from trimaran.core.nouns import ModelVersion, Run
from trimaran.doors.cli.main import run as command

TAKEN = ["training", "forms", "tests"]
TEXT = PRODUCT.replace('@product.model(tune={"strength": tm.log(0.01, 10)}, trials=6)', "@product.model()")
TEXT = TEXT.replace("    from heaving", "    X = X * FACTOR\n    from heaving").replace(
    "\nproduct =", "\nFACTOR = 1.0\n\nproduct ="
)
TEXT += 'product.release(approve=["risk"])\n'


class Lifts:
    """The product of lifts in a folder, trained once, edited, and trained again an hour later."""

    def __init__(self, folder):
        self.file = write_lifts(folder, count=1_500)
        self.file.write_text(TEXT)
        self.workspace = Workspace(folder / "workspace", clock=ManualClock(START + timedelta(days=40)))
        self.workspace.data_root = folder

    def edit(self, name, old, new):
        path = self.file.parent / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def train(self, **how):
        now = self.workspace.clock.now() + timedelta(hours=1)
        self.workspace.clock.set(now)
        with progress() as shown:
            run_once(Lifecycle(self.workspace, load_file(self.file), shown, path=self.file), **how)
        return {step.name: step for step in sheet_of(self.workspace, runs_of(self.workspace)[-1]).steps}

    def taken(self, **how):
        """Train, and return the stages that were taken from an earlier training."""
        steps = self.train(**how)
        assert {step.fate for name, step in steps.items() if name not in TAKEN} == {"ran"}
        return [name for name in TAKEN if steps[name].fate == "cached"]

    def why(self, stage):
        return str(reasons(self.workspace, runs_of(self.workspace)[-1], stage))

    @property
    def runs(self):
        return [run for _, run in self.workspace.ledger.history((Run,))]


@pytest.fixture
def trained(tmp_path):
    made = Lifts(tmp_path)
    assert made.taken() == []
    return made


def test_an_unchanged_training_takes_every_stage_and_records_the_same_digests(trained):
    assert trained.taken() == TAKEN
    first, second = trained.runs
    assert {**second.artifacts, "version": ""} == {**first.artifacts, "version": ""}
    assert second.metrics == first.metrics
    versions = [version for _, version in trained.workspace.ledger.history((ModelVersion,))]
    assert [version.name for version in versions] == ["v1", "v2"]
    assert versions[0].native == versions[1].native
    assert f"its result was made in {first.name}, and everything that it depends on is the same" in trained.why("training")
    assert "they are computed each time" in trained.why("features")
    assert trained.taken() == TAKEN
    assert sheet_of(trained.workspace, runs_of(trained.workspace)[-1]).steps[3].since == first.name


CHANGES = {
    "a feature function": ("lifts.py", "    return load\n", "    return load * 2\n", "input features"),
    "a window of a feature": ("lifts.py", 'window="1d"', 'window="2d"', "input features"),
    "the label": ("lifts.py", "late > 5", "late > 6", "input features"),
    "the model's function": ("lifts.py", "X = X * FACTOR", "X = X * FACTOR * 2", "function product.fit"),
    "a constant that it reads": ("lifts.py", "FACTOR = 1.0", "FACTOR = 2.0", "constant product.FACTOR"),
    "a helper in a module beside": ("heaving.py", "(C=strength)", "(C=2 * strength)", "function heaving.model_of"),
    "a parameter": ("lifts.py", "fit(X, y, strength=1.0)", "fit(X, y, strength=0.5)", "parameter strength"),
}


@pytest.mark.parametrize(("name", "old", "new", "part"), CHANGES.values(), ids=CHANGES)
def test_nothing_is_taken_where_what_it_stands_on_changed_and_the_record_says_what(trained, name, old, new, part):
    trained.edit(name, old, new)
    assert trained.taken() == []
    assert f"{part} changed" in trained.why("training") or part == "input features"
    assert "changed" in trained.why("training")
    assert trained.taken() == TAKEN
    trained.edit(name, new, old)
    assert trained.taken() == TAKEN  # from the first
    first, fourth = trained.runs[0], trained.runs[3]
    assert (first.artifacts["native"], first.artifacts["evidence"]) == (
        fourth.artifacts["native"],
        fourth.artifacts["evidence"],
    )


def test_nothing_is_taken_where_a_table_has_another_row_to_train_on(trained):
    rows = pl.read_parquet(trained.file.parent / "lifts.parquet")
    forgotten = rows.head(1).with_columns(lift=pl.lit("forgotten"), load=pl.lit(1.25))
    pl.concat([rows, forgotten]).write_parquet(trained.file.parent / "lifts.parquet")
    assert trained.taken() == []
    assert "input features changed: 345 rows of 2 features → 346 rows of 2 features" in trained.why("training")
    assert "table lifts changed: version" in trained.why("data")


def test_rows_that_make_no_difference_to_what_is_trained_on_let_it_be_taken(trained):
    rows = pl.read_parquet(trained.file.parent / "lifts.parquet")
    late = rows.tail(1).with_columns(lift=pl.lit("later"), due=pl.lit(START + timedelta(days=39.9)).cast(rows.schema["due"]))
    pl.concat([rows, late]).write_parquet(trained.file.parent / "lifts.parquet")  # its label is not final yet
    assert trained.taken() == TAKEN


def test_nothing_is_taken_where_the_version_of_a_package_changed(trained, tmp_path, monkeypatch):
    shelf = tmp_path / "shelf"
    monkeypatch.syspath_prepend(shelf)
    for version in ("1.0", "1.1"):
        (shelf / f"lifting-{version}.dist-info").mkdir(parents=True)
        (shelf / f"lifting-{version}.dist-info" / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: lifting\nVersion: {version}\n"
        )
        assert trained.taken() == []
        assert "environment changed" in trained.why("training")
        assert trained.taken() == TAKEN
        (shelf / f"lifting-{version}.dist-info" / "METADATA").unlink()
        (shelf / f"lifting-{version}.dist-info").rmdir()


def test_another_test_of_the_model_lets_the_model_be_taken_and_is_run(trained):
    trained.edit("lifts.py", '{"weight": 9}', '{"weight": 8}')
    assert trained.taken() == ["training", "forms"]
    assert "function product.heavier_is_later changed" in trained.why("tests")


def test_a_comment_lets_the_model_be_taken(trained):
    trained.edit("lifts.py", "import trimaran as tm\n", "# lifts that go up and down\nimport trimaran as tm\n")
    assert trained.taken() == ["training", "forms"]
    assert "product file changed" in trained.why("tests")


def test_all_is_done_again_where_that_is_asked_for(trained, capsys):
    assert trained.taken(again=True) == []
    given = ["run", str(trained.file), "--workspace", str(trained.workspace.root)]
    for words, fate in ([], "cached"), (["--again"], "ran"):
        trained.workspace.clock.set(trained.workspace.clock.now() + timedelta(hours=1))
        assert command([*given, *words]) == 0
        capsys.readouterr()
        assert command(["steps", "show", "--workspace", str(trained.workspace.root), "--json"]) == 0
        steps = json.loads(capsys.readouterr().out)["steps"]
        assert {step["fate"] for step in steps if step["name"] in TAKEN} == {fate}


def test_a_model_whose_fit_reads_the_clock_is_fitted_each_time_and_says_why(tmp_path):
    lifts = Lifts(tmp_path)
    lifts.edit("heaving.py", "    return Logistic", "    import time\n\n    time.time()\n    return Logistic")
    assert lifts.taken() == []
    assert lifts.taken() == ["forms", "tests"]  # the same bytes came out
    assert "its result is not served again: it reads the clock (time.time" in lifts.why("training")


def test_a_model_whose_fit_reads_a_file_is_fitted_anew_when_that_has_another_content(tmp_path, monkeypatch):
    (tmp_path / "rates").write_text("1.0")
    monkeypatch.setenv("LIFT_RATES", str(tmp_path))
    lifts = Lifts(tmp_path)
    reading = (
        "    import os\n\n    with open(os.sep.join([os.environ['LIFT_RATES'], 'rates'])) as file:\n"
        "        strength = float(file.read())\n"
    )
    lifts.edit("heaving.py", "    return Logistic", f"{reading}    return Logistic")
    assert lifts.taken() == []
    assert lifts.taken() == TAKEN
    (tmp_path / "rates").write_text("0.5")
    assert lifts.taken() == []
    assert f"file {tmp_path / 'rates'} changed" in lifts.why("training")


def test_a_module_beside_counts_also_where_an_installed_one_has_its_name(tmp_path):
    lifts = Lifts(tmp_path)
    lifts.file.with_name("pluggy.py").write_text(lifts.file.with_name("heaving.py").read_text())
    lifts.file.write_text(lifts.file.read_text().replace("heaving", "pluggy"))
    assert "pluggy" in sys.modules
    assert lifts.taken() == []
    assert lifts.taken() == TAKEN
    lifts.edit("pluggy.py", "(C=strength)", "(C=2 * strength)")
    assert lifts.taken() == []


def test_what_a_search_chose_is_taken_by_the_training_after_it(tmp_path):
    lifts = Lifts(tmp_path)
    lifts.edit("lifts.py", "@product.model()", '@product.model(tune={"strength": tm.log(0.01, 10)}, trials=2)')
    assert lifts.taken() == []
    assert lifts.taken() == TAKEN
    assert [run.trials for run in lifts.runs] == [2, 0]


def test_a_regression_is_no_other(tmp_path):
    lifts = Lifts(tmp_path)
    lifts.edit("lifts.py", "    return late > 5", "    return late")
    lifts.edit("lifts.py", 'wait="1d")', 'wait="1d", task="regression")')
    lifts.edit("lifts.py", 'auc=">= 0.5"', 'mae="<= 99"')
    lifts.edit("heaving.py", "import LogisticRegression", "import Ridge as LogisticRegression")
    lifts.edit("heaving.py", "(C=strength)", "(alpha=strength)")
    assert lifts.taken() == []
    assert lifts.taken() == TAKEN


def test_what_is_kept_no_more_is_made_again(trained):
    later = datetime.now(UTC) + timedelta(days=1)
    trained.workspace.objects.remove([trained.runs[0].artifacts["profile"]], before=later)
    assert trained.taken() == ["training", "forms"]


def test_what_the_gate_refused_is_measured_again(trained):
    trained.edit("lifts.py", 'auc=">= 0.5"', 'auc=">= 0.9999"')
    assert trained.taken() == ["training", "forms"]
    assert trained.taken() == ["training", "forms"]


def test_a_candidate_is_measured_anew_where_another_version_is_live_to_be_compared_with(trained):
    with progress() as shown:
        life = Lifecycle(trained.workspace, load_file(trained.file), shown)
        life.sign_if_awaited("risk", "anna")
        life.promotion.advance(trained.workspace.clock.now())
    assert life.state.live is not None
    assert trained.taken() == ["training", "forms"]
    assert "live version is new: v1" in trained.why("tests")
