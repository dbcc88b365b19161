"""What each command prints, its JSON, and its exit code."""

import json
import shutil
import sqlite3
from datetime import UTC, datetime

import pytest

from trimaran.app.views import Book, product_view
from trimaran.app.workspace import Workspace
from trimaran.core.nouns import Approval, Balance, Declared, ModelVersion
from trimaran.doors.cli.main import run

READING = {
    "status": "product",
    "versions": "fate",
    "show v2": "verdicts",
    "at 2013-04-01T12:00": "traffic",
    "story": "text",
    "quality": "outlook",
    "drift": "psi",
    "features": "serving",
    "features wind_now": "lineage",
    "balance": "handovers",
    "notices": "subject",
    "log": "digest",
    "audit verify": "head",
}


@pytest.fixture
def trimaran(told_workspace, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "110")

    def command(line, workspace=told_workspace):
        code = run([*line.split(), "--workspace", str(workspace)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


@pytest.mark.parametrize("line", READING)
def test_every_reading_command_prints_words_and_json(trimaran, line):
    code, out, err = trimaran(line)
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 110
    code, out, err = trimaran(f"{line} --json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    first = found[0] if isinstance(found, list) else found
    assert READING[line] in first


def test_show_tells_why_the_gate_refused(trimaran):
    _, out, _ = trimaran("show v2")
    assert "auc >= 0.68" in out
    assert "auc is 0.55" in out


def test_at_tells_the_version_its_proof_and_its_people(trimaran):
    _, out, _ = trimaran("at 2013-04-01")
    for word in ("v1", "live at 100 %", "dora (domain", "rosa (risk", "gate: pass", "auc is 0.82"):
        assert word in out
    _, out, _ = trimaran("at 2013-02-27T12:00")
    assert "nothing was live" in out


def test_the_story_in_json_is_dated_and_in_order(trimaran):
    _, out, _ = trimaran("story --json")
    moments = [event["at"] for event in json.loads(out)]
    assert moments == sorted(moments)
    assert moments[0].startswith("2013-02-27")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("show v9", "it has v1, v2, v3"),
        ("at yesterday", "write ISO 8601"),
        ("versions --product tardy", "choose with --product from: punctual"),
        ("log --kind nonsense", "choose one of: alias, approval, balance"),
        ("approve v3 --role legal --person lea", "the policy asks for: domain, risk"),
        ("approve v1 --role risk --person rosa", "no approval is awaited"),
    ],
)
def test_a_wrong_input_is_answered_in_words_with_code_two(trimaran, line, words):
    code, out, err = trimaran(line)
    assert (code, out) == (2, "")
    assert words in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "line", ["export --out", "backup --out", "audit export --out", "audit prove 1 --out", "balance --rows"]
)
def test_a_place_that_cannot_be_written_is_answered_in_words(trimaran, tmp_path, line):
    (tmp_path / "file").write_text("no folder")
    code, _, err = trimaran(f"{line} {tmp_path / 'file' / 'x.parquet'}")
    assert (code, str(tmp_path / "file") in err, "Traceback" in err) == (2, True, False)
    assert "could not be" in err


def test_an_error_is_json_where_json_was_asked_for(trimaran):
    code, out, err = trimaran("at yesterday --json")
    assert (code, out) == (2, "")
    error = json.loads(err)["error"]
    assert (error["type"], error["faults"][0]["what"]) == ("faults", "'yesterday' is not a moment")
    assert json.loads(trimaran("show v9 --json")[2])["error"]["type"] == "not found"


def test_a_moment_still_to_come_and_one_before_the_first_entry_are_said_to_be_so(trimaran):
    assert "is still to come; this is what holds now" in trimaran("at 2030-01-01")[1]
    assert "nothing was written about punctual by then" in trimaran("at 2012-01-01")[1]


def test_quality_shows_what_was_accepted_and_the_alarm(trimaran):
    _, out, _ = trimaran("quality")
    (april,) = [line for line in out.splitlines() if "Apr 2013" in line]
    assert april.split()[-2:] == ["0.820", "0.790"]


def test_a_workspace_that_is_not_there_is_named(trimaran, tmp_path):
    code, _, err = trimaran("status", tmp_path / "nowhere")
    assert code == 2
    assert "there is no workspace in" in err
    assert not (tmp_path / "nowhere").exists()


def test_with_several_products_the_one_meant_must_be_named(trimaran, own_workspace):
    ledger = Workspace.existing(own_workspace).ledger
    ledger.append(Declared(product="tardy", owner="ops-ml", source="0" * 64, policies={}), "tardy")
    code, _, err = trimaran("versions", own_workspace)
    assert (code, "punctual, tardy" in err) == (2, True)
    code, out, _ = trimaran("versions --product punctual", own_workspace)
    assert (code, "v3" in out) == (0, True)


@pytest.mark.parametrize(("act", "decision"), [("approve", "approve"), ("refuse", "refuse")])
def test_a_decision_stands_in_the_ledger(trimaran, own_workspace, act, decision):
    code, out, _ = trimaran(f"{act} v3 --role risk --person rosa --note seen", own_workspace)
    assert code == 0
    workspace = Workspace.existing(own_workspace)
    _, record = workspace.ledger.latest(Approval, "punctual/v3")
    assert (record.person, record.role, record.decision, record.note) == ("rosa", "risk", decision, "seen")
    assert f"entry {workspace.ledger.store.head()}" in out


def test_who_decides_is_the_person_of_the_environment_when_none_is_named(trimaran, own_workspace, monkeypatch):
    monkeypatch.setenv("TRIMARAN_PERSON", "rosa")
    assert trimaran("approve v3 --role risk", own_workspace)[0] == 0
    assert product_view(Book.open(Workspace.existing(own_workspace), "punctual")).approvals == []


def test_a_total_that_does_not_balance_is_exit_code_one(trimaran, own_workspace):
    lost = Balance(handover="labels", since=None, until=datetime(2013, 5, 14, tzinfo=UTC), entered=10, left={"labelled": 9})
    Workspace.existing(own_workspace).ledger.append(lost, "punctual/labels")
    code, out, _ = trimaran("balance", own_workspace)
    assert code == 1
    assert "labels" in out


def test_every_fault_of_a_ledger_is_told_with_exit_code_one(trimaran, own_workspace):
    assert trimaran("audit checkpoint", own_workspace)[0] == 0
    connection = sqlite3.connect(own_workspace / "ledger.db")
    connection.execute("DROP TRIGGER entries_stay_as_written")
    for seq in (7, 9):
        connection.execute("UPDATE entries SET actor = 'mallory' WHERE seq = ?", [seq])
    connection.execute("UPDATE entries SET digest = '00' WHERE seq = 12")
    connection.commit()
    connection.close()
    code, out, err = trimaran("audit verify", own_workspace)
    assert (code, err) == (1, "")
    for word in ("entry 7", "entry 9", "entry 12", "not those that were signed"):
        assert word in out
    code, out, _ = trimaran("audit verify --json", own_workspace)
    found = json.loads(out)
    assert (code, [one["agrees"] for one in found["checkpoints"]]) == (1, [False])
    assert [fault["where"] for fault in found["faults"]][:2] == ["entry 7", "entry 9"]


def test_a_ledger_cut_short_shows_against_a_checkpoint_kept_elsewhere(trimaran, own_workspace, tmp_path):
    kept, key = tmp_path / "kept.txt", tmp_path / "key"
    assert trimaran(f"audit checkpoint --out {kept}", own_workspace)[0] == 0
    key.write_text(trimaran("audit key", own_workspace)[1])
    assert trimaran(f"audit verify --checkpoint {kept} --key {key}", own_workspace)[0] == 0
    for folder in ("checkpoints", "keys"):
        shutil.rmtree(own_workspace / folder)
    head = Workspace.existing(own_workspace).ledger.store.head()
    connection = sqlite3.connect(own_workspace / "ledger.db")
    connection.execute("DROP TRIGGER entries_stay")
    connection.execute("DELETE FROM entries WHERE seq = ?", [head])
    connection.execute("DELETE FROM latest WHERE seq = ?", [head])
    connection.commit()
    connection.close()
    Workspace.existing(own_workspace).ledger.store.rebuild()
    assert trimaran("audit verify", own_workspace)[0] == 0
    code, out, _ = trimaran(f"audit verify --checkpoint {kept} --key {key}", own_workspace)
    assert (code, "the newest 1 were cut off" in out) == (1, True)


def test_a_missing_or_damaged_object_is_found_when_objects_are_asked_for(trimaran, own_workspace):
    _, version = Workspace.existing(own_workspace).ledger.latest(ModelVersion, "punctual/v1")
    file = own_workspace / "objects" / version.native[:2] / version.native[2:]
    file.chmod(0o644)
    file.write_bytes(file.read_bytes() + b"x")
    profile = own_workspace / "objects" / version.profile[:2] / version.profile[2:]
    profile.unlink()
    assert trimaran("audit verify", own_workspace)[0] == 0
    code, out, _ = trimaran("audit verify --objects --json", own_workspace)
    said = " ".join(fault["what"] for fault in json.loads(out)["faults"])
    assert (code, version.native[2:] in said, f"object {version.profile} is missing" in said) == (1, True, True)


def test_check_reports_every_fault_of_a_file_at_once(told_workspace, tmp_path, capsys):
    file = tmp_path / "product.py"
    file.write_text(
        "from trimaran.data.declaration import Declaration\nproduct = Declaration('p', owner='o', predict_at='planned')\n"
    )
    assert run(["check", str(file)]) == 2
    err = capsys.readouterr().err
    assert "no label is declared" in err
    assert "0 models are declared" in err


def test_check_of_a_sound_file_lists_its_parts(told_workspace, tmp_path, capsys):
    workspace = Workspace.existing(told_workspace)
    source = Book.open(workspace, "punctual").state.declared[1].source
    file = tmp_path / "punctual.py"
    file.write_bytes(workspace.objects.get(source))
    assert run(["check", str(file), "--data", str(workspace.data_root)]) == 0
    assert "features (2): wind_now, load_now" in capsys.readouterr().out


def test_an_unknown_command_is_a_usage_error(capsys):
    assert run(["frobnicate"]) == 2
    assert "No such command" in capsys.readouterr().err
