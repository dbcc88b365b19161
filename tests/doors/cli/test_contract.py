"""trimaran contract, from a proposal to a verdict about a file."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trimaran.app.workspace import Workspace, only_product
from trimaran.data.contracts import parse_contract
from trimaran.doors.cli.main import run

START = datetime(2013, 1, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = pl.DataFrame(
        {
            "id": [f"r{number:03}" for number in range(200)],
            "at": [START + timedelta(hours=number) for number in range(200)],
            "origin": ["EWR", "JFK"] * 100,
            "speed": [float(number % 40) for number in range(200)],
        }
    )
    rows.write_parquet("rows.parquet")
    rows.write_csv("rows.csv")

    def command(line):
        code = run(line.split())
        said = capsys.readouterr()
        return code, said.out, said.err

    return tmp_path, rows, command


def test_a_file_keeps_the_contract_proposed_from_it_in_any_format(folder):
    _, _, command = folder
    assert command("contract infer rows.parquet --out rows.yaml")[0] == 0
    for data in ("rows.parquet", "rows.csv"):
        code, out, _ = command(f"contract check rows.yaml --data {data} --json")
        found = json.loads(out)
        assert (code, found["rows"], found["kept"], found["faults"]) == (0, 200, 200, [])
    assert "200 would be kept, 0 refused" in command("contract check rows.yaml --data rows.csv")[1]
    code, _, err = command("contract infer rows.parquet --out rows.yaml")
    assert (code, "is there already" in err) == (2, True)


def test_a_file_that_breaks_it_is_told_check_by_check_and_ends_with_1(folder):
    root, rows, command = folder
    command("contract infer rows.csv --out rows.yaml --name readings")
    broken = rows.with_columns(
        speed=pl.lit(-5.0), origin=pl.when(pl.col("id") == "r007").then(pl.lit("LGA")).otherwise("origin")
    )
    broken.drop("at").write_csv(root / "new.csv")
    code, out, _ = command("contract check rows.yaml --data new.csv --json")
    found = json.loads(out)
    assert (code, found["kept"], found["refused"]) == (1, 0, 200)
    assert found["reasons"] == {"speed is not at least 0.0 and at most 59.0": 200, "origin is not one of EWR, JFK": 1}
    assert [fault.split(": ", 1)[1] for fault in found["faults"]] == ["column 'at' is missing; deliver it"]
    code, out, _ = command("contract check rows.yaml --data new.csv")
    assert code == 1
    assert "column 'at' is missing" in out
    assert "0 would be kept, 200 refused" in out


def test_text_is_judged_as_what_the_contract_promises_and_each_reason_says_where(folder):
    root, _, command = folder
    command("contract infer rows.parquet --out rows.yaml")
    lines = (root / "rows.csv").read_text().splitlines()
    lines[7] = lines[7].replace("6.0", "calm")
    lines[9] = lines[9].replace("EWR", "LGA").replace("JFK", "LGA")
    (root / "new.csv").write_text("\n".join(lines) + "\n")
    code, out, _ = command("contract check rows.yaml --data new.csv --json")
    found = json.loads(out)
    assert (code, found["faults"], found["kept"], found["refused"]) == (1, [], 198, 2)
    assert found["places"] == {
        "speed is not Float64": "new.csv, row 7: speed 'calm'",
        "origin is not one of EWR, JFK": "origin 'LGA'",
    }
    code, out, _ = command("contract check rows.yaml --data new.csv")
    assert (code, "new.csv, row 7: speed 'calm'" in out) == (1, True)
    (root / "none.csv").write_text(lines[0] + "\n")
    assert json.loads(command("contract check rows.yaml --data none.csv --json")[1])["faults"] == []


def test_words_that_mean_no_value_are_named_with_null(folder):
    root, _, command = folder
    lines = (root / "rows.csv").read_text().replace(",7.0", ",NA")
    (root / "new.csv").write_text(lines)
    code, out, _ = command("contract infer new.csv --null NA")
    assert (code, "speed  # 39 distinct, 2.5 % null" in out) == (0, True)
    (root / "new.yaml").write_text(out)
    assert command("contract check new.yaml --data new.csv --null NA")[0] == 0
    assert command("contract check new.yaml --data new.csv")[0] == 1


def test_freshness_and_references_are_judged_beside_what_is_named(folder):
    root, _, command = folder
    (root / "c.yaml").write_text(
        "apiVersion: v3.1.0\nkind: DataContract\nschema:\n  - name: rows\n    properties:\n      - name: at\n"
        "      - name: origin\n        relationships: [{to: airports.faa}]\n"
        "slaProperties: [{property: latency, value: 1, unit: d, element: rows.at, severity: critical}]\n"
    )
    pl.DataFrame({"faa": ["EWR"]}).write_csv(root / "airports.csv")
    end = "2013-01-09T07:00"
    code, out, _ = command(f"contract check c.yaml --data rows.parquet --with airports=airports.csv --at {end} --json")
    assert (code, json.loads(out)["refused"]) == (1, 100)
    code, out, _ = command(f"contract check c.yaml --data rows.parquet --at {end} --json")
    assert (code, [one["outcome"] for one in json.loads(out)["findings"]]) == (0, ["unknown", "pass"])
    code, out, _ = command("contract check c.yaml --data rows.parquet --at 2013-02-01")
    assert (code, "it would stop the line: at: at most 1d old" in out) == (1, True)
    assert command("contract check c.yaml --data rows.parquet --with airports")[0] == 2


def test_a_table_of_a_workspace_is_proposed_for_by_its_name(own_workspace, folder):
    _, rows, command = folder
    workspace = Workspace.existing(own_workspace)
    workspace.tables.append(f"{only_product(workspace, None)}/readings", rows, key="first")
    code, out, _ = command(f"contract infer readings --workspace {own_workspace}")
    assert (code, list(parse_contract(out).types)) == (0, rows.columns)
    code, _, err = command(f"contract infer nothing --workspace {own_workspace}")
    assert (code, "there is neither a file nor a table nothing" in err) == (2, True)


def test_a_contract_full_of_faults_is_told_with_its_lines(folder):
    root, _, command = folder
    (root / "c.yaml").write_text(
        "apiVersion: v3.1.0\nkind: DataContract\nschema:\n  - name: r\n    propertys: []\n    qualiti: []\n"
    )
    code, _, err = command("contract check c.yaml --data rows.parquet")
    assert code == 2
    assert "c.yaml:5" in err
    assert "c.yaml:6" in err
