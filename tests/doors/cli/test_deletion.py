"""The commands that delete: dry unless --yes is given, in words and as JSON."""

import json
import os

import polars as pl
import pytest

from trimaran.app.workspace import Workspace
from trimaran.core.errors import NotFound
from trimaran.doors.cli.main import run


@pytest.fixture
def said(own_workspace, capsys):
    def command(*words):
        code = run([*words, "--workspace", str(own_workspace)])
        seen = capsys.readouterr()
        return code, seen.out, seen.err

    return command


def test_a_version_goes_into_the_trash_and_comes_back(said):
    assert said("trash") == (0, "the trash is empty\n", "")
    code, _, err = said("trash", "v2")
    assert code == 2
    assert "no reason is given" in err
    told = " ".join(said("trash", "v2", "--dry-run")[1].split())
    assert "would go into the trash" in told
    assert "punctual/v2 can be served, restored or compared with no more" in told
    assert json.loads(said("trash", "v2", "--dry-run", "--json")[1])["against"] == []
    assert "cannot go into the trash: it is live" in " ".join(said("trash", "v1", "--dry-run")[1].split())
    assert said("trash") == (0, "the trash is empty\n", "")
    code, out, _ = said("trash", "v2", "--reason", "never good")
    assert code == 0
    assert "punctual/v2 and punctual/run-2 are in the trash: trimaran trash --restore v2" in " ".join(out.split())
    assert "v2" not in said("versions")[1]
    assert "never good" in said("trash")[1]
    assert json.loads(said("trash", "--json")[1])[0]["name"] == "punctual/v2"
    assert "are out of the trash again" in said("trash", "v2", "--restore")[1]
    assert "v2" in said("versions")[1]
    code, _, err = said("trash", "v1", "--reason", "x")
    assert (code, "it is live" in err) == (2, True)


def test_a_hold_stands_until_it_is_released(said):
    assert said("hold")[1] == "nothing is held\n"
    assert said("hold", "punctual", "--reason", "case 12")[0] == 0
    assert json.loads(said("hold", "--json")[1])[0]["reason"] == "case 12"
    assert "case 12" in said("trash", "v2", "--reason", "x")[2]
    assert said("hold", "punctual", "--release")[1].startswith("punctual is held no more")
    assert said("trash", "v2", "--reason", "x")[0] == 0


def test_a_purge_is_dry_unless_yes_is_said(said):
    said("trash", "v2", "--reason", "never good")
    code, out, _ = said("purge", "--grace", "0s", "--json")
    plan = json.loads(out)
    assert (code, plan["objects"]) == (0, [])  # what was put within the last hour stays
    assert {one["name"] for one in plan["things"]} == {"punctual/v2", "punctual/run-2"}
    assert "punctual/v2 can be served, restored or compared with no more" in said("purge", "--grace", "0s")[1]
    assert json.loads(said("trash", "--json")[1])
    assert json.loads(said("purge", "--grace", "0s", "--yes", "--json")[1])["entries"]
    assert said("trash")[1] == "the trash is empty\n"
    assert "was purged on" in said("trash", "v2", "--restore")[2]


def test_retention_says_what_it_would_take(said, own_workspace):
    assert "no rule is set" in said("retention")[1]
    (own_workspace / "trimaran.toml").write_text('[retention]\nversions = "keep 1"\npurge = "7d"\n')
    told = " ".join(said("retention")[1].split())
    assert "punctual/v2" in told
    assert "gives back" in told
    assert "punctual/v2 can be served, restored or compared with no more" in told
    assert "their space comes back when it is purged" in told
    assert said("trash")[1] == "the trash is empty\n"
    one, emptied = json.loads(said("retention", "--json", "--yes")[1])
    assert emptied["store"] == "trash"
    assert one["things"] == ["punctual/v2"]
    assert "v2" not in said("versions")[1]
    (own_workspace / "trimaran.toml").write_text('[retention]\nversions = "some"\n')
    code, _, err = said("retention")
    assert (code, "retention.versions" in err) == (2, True)


def test_tables_are_merged_and_what_no_version_needs_returns_its_bytes(said, own_workspace):
    tables, log = Workspace(own_workspace).tables, own_workspace / "tables" / "punctual" / "trips" / "_delta_log"
    rows = tables.read("punctual/trips").collect()
    for number in range(3):
        tables.append("punctual/trips", rows.with_columns(trip=pl.format("{}-" + str(number), "trip")), key=f"more {number}")
    (own_workspace / "trimaran.toml").write_text('[retention]\ntables = "keep 1"\n')
    assert "nothing" in said("retention")[1]
    assert [one["small"] for one in json.loads(said("compact", "--dry-run", "--json")[1])] == [4]
    assert 'tables = "keep 20" below [retention]' in " ".join(said("compact")[1].split())
    assert json.loads(said("compact", "--json")[1]) == [{"table": "trips", "small": 1, "left": None, "version": None}]
    for commit in log.glob("*.json"):
        os.utime(commit, (0, 0))
    (one,) = json.loads(said("retention", "--json")[1])
    assert (one["things"], one["spared"]) == (["trips@1", "trips@2", "trips@3"], {})
    assert "would return" in said("retention")[1]
    assert "returned" in said("retention", "--yes")[1]
    assert tables.read("punctual/trips").collect().height == 4 * rows.height
    assert tables.read("punctual/trips", 0).collect().equals(rows)
    with pytest.raises(NotFound, match="cannot be read any more"):
        tables.read("punctual/trips", 2)


def test_an_erasure_is_dry_unless_yes_is_said(said, own_workspace):
    code, out, _ = said("erase", "punctual", "--key", "0-1", "--json")
    plan = json.loads(out)
    assert (code, plan["rows"], plan["column"]) == (0, {"captures": 1, "labels": 1}, "trip")
    assert "captures" in said("erase", "punctual", "--where", "trip=0-1")[1]
    code, _, err = said("erase", "punctual", "--key", "0-1", "--yes")
    assert (code, "no reason is given" in err) == (2, True)
    code, out, _ = said("erase", "punctual", "--key", "0-1", "--yes", "--reason", "they asked")
    assert code == 0
    assert "erased, and certified in entry" in out
    assert Workspace.existing(own_workspace).captures.answers("punctual", ["0-1"]) == {}
    assert said("audit", "verify")[0] == 0
    for wrong in (
        ["--where", "trip"],
        ["--key", "a", "--where", "trip=a"],
        [],
        ["--where", "wind=3"],
        ["--key", "a", "--table", "t"],
    ):
        assert said("erase", "punctual", *wrong)[0] == 2
