"""What `trimaran test` finds in a product that is well, and in ones that are not."""

import json
from xml.etree import ElementTree as ET

import pytest

from lifts import write_lifts
from trimaran.app.progress import progress
from trimaran.app.trying import Plan, junit, try_product
from trimaran.core.errors import NotFound
from trimaran.doors.cli.main import run


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    return write_lifts(tmp_path_factory.mktemp("lifts"))


@pytest.fixture
def tried(shelf, tmp_path, monkeypatch):
    """Try the product with some words of its file, or of the module beside it, replaced."""
    real = tmp_path / "real"
    monkeypatch.setenv("TRIMARAN_WORKSPACE", str(real))

    def act(*changes, beside=()):
        for name, edits in ((shelf.name, changes), ("heaving.py", beside)):
            text = (shelf.parent / name).read_text()
            for old, new in edits:
                assert old in text
                text = text.replace(old, new)
            (tmp_path / name).write_text(text)
        with progress() as shown:
            found = try_product(tmp_path / shelf.name, shown, data=shelf.parent, plan=Plan(2_000, 3))
        assert not real.exists()
        return found

    return act


def case(tried, group, name):
    (found,) = [one for one in tried.cases if (one.group, one.name) == (group, name)]
    return found


def failing(tried):
    return [(one.group, one.name) for one in tried.cases if one.outcome == "fail"]


def skipped(tried):
    return [one.name for one in tried.cases if one.outcome == "skip"]


def test_a_product_that_is_well_passes_from_its_contract_to_its_answers(tried):
    found = tried()
    assert found.passed
    assert failing(found) == skipped(found) == []
    assert found.rows["lifts"] == 2_000
    assert {(one.group, one.name) for one in found.cases} >= {
        ("definition", "lifts.py"),
        ("contract", "lifts: loads_are_possible"),
        ("feature", "weight"),
        ("feature", "usual"),
        ("model", "fit"),
        ("model", "heavier_is_later"),
        ("pipeline", "tuning"),
        ("pipeline", "gate"),
        ("pipeline", "release"),
    }
    assert case(found, "pipeline", "answers").said == "20 requests answered, their features those of training"
    assert "1,000 rows" in case(found, "feature", "usual").said


def test_the_same_seed_tries_the_same_rows(tried):
    first, second = (
        [(one.group, one.name, one.outcome, one.said) for one in tried().cases if one.name != "gate"] for _ in range(2)
    )
    assert first == second


def test_a_feature_that_looks_at_the_other_rows_of_a_batch_is_found(tried):
    found = tried(("    return load\n", "    return load.map_batches(lambda all: all - all.mean())\n"))
    said = case(found, "feature", "weight")
    assert said.outcome == "fail"
    assert "asked alone gives 0.0, among 1,000 rows" in said.trace
    assert "lifts.py:" in said.trace
    assert case(found, "feature", "usual").outcome == "pass"
    answers = case(found, "pipeline", "answers")  # and what is served is not what was trained on
    assert answers.outcome == "fail"
    assert "feature 'weight'" in answers.trace


def test_a_fit_that_raises_is_told_with_the_authors_lines_alone_and_what_stands_on_it_is_skipped(tried):
    found = tried(beside=[("    return LogisticRegression", "    X['no such column']\n    return LogisticRegression")])
    assert failing(found) == [("model", "fit"), ("pipeline", "tuning")]
    said = case(found, "model", "fit")
    assert "ColumnNotFoundError" in said.said
    assert "heaving.py" in said.trace
    assert "lifts.py" in said.trace
    assert "site-packages" not in said.trace
    assert "trimaran/" not in said.trace
    assert skipped(found) == ["heavier_is_later", "gate", "release", "answers"]


def test_a_fit_that_draws_without_a_seed_is_found(tried):
    found = tried(
        beside=[
            ("from sklearn.linear_model", "import numpy as np\nfrom sklearn.linear_model"),
            ("C=strength", "C=np.random.default_rng().uniform(0.001, 0.1)"),
        ]
    )
    assert failing(found) == [("model", "fit")]
    assert "two fits on the same 2" not in case(found, "model", "fit").said
    assert "differ by up to" in case(found, "model", "fit").trace


def test_a_specification_that_does_not_hold_fails_with_the_row(tried):
    found = tried(('model(row | {"weight": 9}) >= model', 'model(row | {"weight": 9}) < model'))
    assert failing(found) == [("model", "heavier_is_later")]
    said = case(found, "model", "heavier_is_later")
    assert said.said == "holds on 0 of 100 rows, 100% are required"
    assert "assert model(row" in said.trace
    assert "row: weight=" in said.trace
    assert case(found, "pipeline", "answers").outcome == "pass"


def test_an_expectation_that_refuses_the_delivery_fails_and_one_that_refuses_some_rows_warns(tried):
    found = tried(("return load >= LEAST", "return load.mean() > 100"))
    assert ("contract", "lifts: loads_are_possible") in failing(found)
    found = tried(("return load >= LEAST", "return load > 0.5"))
    said = case(found, "contract", "lifts: loads_are_possible")
    assert (said.outcome, found.passed) == ("warn", True)
    assert "go into quarantine" in said.said
    found = tried(("return load >= LEAST", "return load > 9"))
    assert case(found, "contract", "lifts: loads_are_possible").outcome == "fail"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("def weight(load):", "def weight(load:", "not Python"),
        ("def weight(load):", "def weight(lode):", "lode"),
        ("import trimaran as tm", "import trimaran as tm\n1 / 0", "ZeroDivisionError"),
        ("lifts.parquet", "gone.parquet", "gone.parquet"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_a_case_that_failed(tried, old, new, said):
    found = tried((old, new))
    assert failing(found) == [("definition", "lifts.py")]
    assert said in found.cases[0].said + found.cases[0].trace
    assert ET.fromstring(junit(found)).get("failures") == "1"


def test_a_file_that_is_no_text_is_a_case_that_failed(shelf):
    with progress() as shown:
        found = try_product(shelf.parent / "lifts.parquet", shown)
    assert failing(found) == [("definition", "lifts.parquet")]
    assert "not text" in found.cases[0].trace


def test_rows_without_a_label_are_told(tried):
    found = tried(("return late > 5", "return (late > 5) & (late > 1e9) & None"))
    assert failing(found)


def test_what_the_authors_code_tracks_leaves_no_trace(tried):
    found = tried(
        beside=[
            ("    return LogisticRegression", "    with tm.start_run('mine') as run:\n        run.log_metric('x', 1.0)\n    return LogisticRegression"),
            ("from sklearn", "import trimaran as tm\nfrom sklearn"),
        ]
    )  # fmt: skip
    assert found.passed


def test_the_command_prints_a_table_and_writes_what_ci_reads(shelf, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    given = ["test", str(shelf), "--rows", "2000", "--junit", "report.xml"]
    assert run(given) == 0
    assert "lifts: 1 failed" not in (printed := capsys.readouterr().out)
    assert "heavier_is_later" in printed
    assert [path.name for path in tmp_path.iterdir()] == ["report.xml"]
    suites = ET.parse(tmp_path / "report.xml").getroot()
    assert [suite.get("name") for suite in suites] == [
        f"lifts {group}" for group in ("definition", "contract", "feature", "model", "pipeline")
    ]
    assert int(suites.get("tests")) == len(suites.findall(".//testcase"))
    assert suites.get("failures") == "0"


def test_the_command_fails_with_the_case_and_the_authors_traceback(shelf, tmp_path, capsys):
    text = shelf.read_text().replace(">= model(row", "< model(row")
    (tmp_path / "lifts.py").write_text(text)
    (tmp_path / "heaving.py").write_text((shelf.parent / "heaving.py").read_text())
    given = ["test", str(tmp_path / "lifts.py"), "--data", str(shelf.parent), "--rows", "2000"]
    assert run([*given, "--junit", str(tmp_path / "report.xml")]) == 1
    printed = capsys.readouterr().out
    assert "assert model(row" in printed
    assert "lifts: 1 failed" in printed
    (failure,) = ET.parse(tmp_path / "report.xml").getroot().findall(".//failure")
    assert "assert model(row" in failure.text
    assert run([*given, "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["passed"] is False
    assert said["counts"]["fail"] == 1


def test_a_file_that_is_not_there_and_a_slice_too_small_are_refused(tmp_path, capsys):
    with progress() as shown, pytest.raises(NotFound, match="no product file"):
        try_product(tmp_path / "none.py", shown)
    assert run(["test", str(tmp_path / "none.py"), "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["error"]["type"] == "not found"
    assert run(["test", str(tmp_path / "none.py"), "--rows", "3"]) == 2
