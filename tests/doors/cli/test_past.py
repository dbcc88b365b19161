"""trimaran at, diff and why: words for people, JSON for programs, and errors that lead on."""

import json
import subprocess
import sys
from datetime import UTC, datetime

import msgspec
import pytest

from trimaran.app.workspace import Workspace
from trimaran.control.differences import Difference
from trimaran.control.graph import Lineage
from trimaran.control.standing import Standing
from trimaran.core.nouns import Declared
from trimaran.doors.cli.main import run

HEAVY = ("polars", "numpy", "scipy", "sklearn", "plotly", "litestar", "onnxruntime", "optuna", "deltalake")


@pytest.fixture
def trimaran(told_workspace, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "110")

    def command(line, workspace=told_workspace):
        code = run([*line.split(), "--workspace", str(workspace)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


@pytest.fixture
def two(own_workspace):
    """A workspace with a second product, declared and nothing more."""
    ledger = Workspace.existing(own_workspace).ledger
    ledger.append(Declared(product="tardy", owner="ops-ml", source="0" * 64, policies={"accept": "auc >= 0.6"}), "tardy")
    return own_workspace


def test_at_tells_features_code_environment_and_policy(trimaran):
    _, out, _ = trimaran("at 2013-04-01")
    for words in ("wind_now, load_now", "commit 000000000000", "Python 3.11.9 on linux", "5,000 rows of", "auc >= 0.68"):
        assert words in out


def test_at_tells_of_every_product_where_none_is_named(trimaran, two):
    code, out, _ = trimaran("at 2030-01-01", two)
    assert code == 0
    assert "punctual at 2030-01-01" in out
    assert "tardy at 2030-01-01" in out
    assert out.count("is still to come") == 1
    found = msgspec.json.decode(trimaran("at 2030-01-01 --json", two)[1], type=list[Standing])
    assert [(one.product, len(one.versions)) for one in found] == [("punctual", 1), ("tardy", 0)]
    one = msgspec.json.decode(trimaran("at 2030-01-01 --product tardy --json", two)[1], type=Standing)
    assert one.policies == {"accept": "auc >= 0.6"}


def test_at_says_where_nothing_was_written_yet(trimaran, two):
    _, out, _ = trimaran("at 2013-03-01", two)
    assert "nothing was written about tardy by then" in out
    assert "v1" in out


def test_diff_lays_two_versions_side_by_side(trimaran):
    code, out, err = trimaran("diff v1 v2")
    assert (code, err) == (0, "")
    (auc,) = [line.split() for line in out.splitlines() if line.strip().startswith("auc")]
    assert auc == ["auc", "0.8200", "0.5500", "-0.2700"]
    for words in ("A  punctual/v1, by run-1", "B  punctual/v2, by run-2", "first", "schedule", "the same (learning_rate"):
        assert words in out
    assert max(map(len, out.splitlines())) <= 110


def test_diff_in_json_is_the_whole_difference(trimaran):
    found = msgspec.json.decode(trimaran("diff v1 2013-05-01 --json")[1], type=Difference)
    assert (found.a.version, found.a.run) == (found.b.version, found.b.run)
    assert found.b.at == datetime(2013, 5, 1, tzinfo=UTC)


def test_why_draws_both_directions(trimaran):
    code, out, err = trimaran("why v1")
    assert (code, err) == (0, "")
    back, _, forth = out.partition("it led to")
    assert "└── made by punctual/run-1  #" in back
    assert "brought by delivery punctual/trips@0" in back
    assert "judged by gate of punctual/v1: passed" in forth
    assert "answered 7,400 predictions" in forth
    assert max(map(len, out.splitlines())) <= 110


def test_why_names_what_is_live_of_all_that_came_of_a_delivery(trimaran):
    _, out, _ = trimaran("why trips@0")
    assert "punctual/v1 ● live at 100 %" in out
    assert out.rstrip().endswith("in the traffic now: punctual/v1")


def test_why_in_json_is_nodes_and_edges(trimaran):
    found = msgspec.json.decode(trimaran("why 3-7 --json")[1], type=Lineage)
    assert found.focus == "prediction:punctual/3-7"
    ids = {node.id for node in found.nodes}
    assert all({edge.upstream, edge.downstream} <= ids for edge in found.edges)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("why v9", "punctual has v1 to v3"),
        ("why trips@4", "punctual/trips has versions 0 to 0"),
        ("why 2013-04-01", "ask `trimaran at 2013-04-01`"),
        ("why nonsense --product late", "choose with --product from: punctual"),
        ("diff v1 nonsense", "is called 'nonsense'"),
        ("diff v1 trips@0", "`trimaran why` says which version"),
        ("diff 2012-01-01 v1", "nothing of punctual was live at 2012-01-01T00:00 UTC"),
        ("at 2013-13-01", "write ISO 8601"),
    ],
)
def test_what_cannot_be_told_is_answered_in_words_with_code_two(trimaran, line, words):
    code, out, err = trimaran(line)
    assert (code, out) == (2, "")
    assert words in err
    assert json.loads(trimaran(f"{line} --json")[2])["error"]["type"] in {"not found", "faults"}


def test_with_two_products_a_name_that_both_have_is_ambiguous(trimaran, two):
    workspace = Workspace.existing(two)
    body = workspace.ledger.store.latest("version", "punctual/v1")
    workspace.ledger.append(workspace.ledger.read(body), "tardy/v1")
    code, _, err = trimaran("why v1", two)
    assert code == 2
    assert "'v1' could mean several things: 2 faults" in err
    assert f"a version of punctual/v1; if that is meant, write #{body.seq}" in err
    assert trimaran("why punctual/v1", two)[0] == 0
    assert trimaran("why v1 --product punctual", two)[0] == 0


@pytest.mark.parametrize("line", ["at 2013-04-01", "diff v1 v2", "why #3"])
def test_going_back_imports_nothing_that_it_does_not_need(told_workspace, line):
    code = (
        "import sys; from trimaran.doors.cli.main import run; "
        f"run([*{line.split()!r}, '--json', '-w', {str(told_workspace)!r}]); sys.stdout.write('\\n')"
        f"; print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
