"""Breaks planted by hand in a workspace that lived: each is named, with exactly the rows concerned, and nothing else is."""

import json
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake
from playing import PRODUCT

from trimaran.app.figures import flow
from trimaran.app.reconciling import judge, reconcile
from trimaran.app.views import Book
from trimaran.app.workspace import Workspace
from trimaran.core.nouns import Balance, Erased, Erasing, Notice, Trimmed, Verdict
from trimaran.doors.cli.main import run

pytestmark = pytest.mark.slow
DAY = timedelta(days=1)


class Place:
    """A copy of the workspace, to be tampered with."""

    def __init__(self, root):
        self.root = root
        self.workspace = Workspace.existing(root)
        self.frame = self.workspace.captures.frame(PRODUCT)
        self.heard = self.frame.filter(pl.col("role") != "shadow")

    def tamper(self, statement, *values, rows=1):
        connection = sqlite3.connect(self.root / "captures.db", isolation_level=None)
        changed = connection.execute(statement, values).rowcount
        connection.close()
        assert changed == rows

    def reconciled(self, **window):
        return reconcile(Book.open(Workspace.existing(self.root), PRODUCT), **window)

    def breaks(self, **window):
        return {(one.handover, one.what, tuple(one.rows), one.difference) for one in self.reconciled(**window).breaks}

    def alone(self):
        """The id of something that has its label and that one version alone predicted."""
        single = self.frame.filter(pl.len().over("id") == 1)
        return single.filter(pl.col("joined_at").is_not_null()).sort("asked_at", "id")["id"][0]

    def waiting(self):
        """The id of something that waits for its label, and how many versions predicted it."""
        waits = self.heard.filter(pl.col("joined_at").is_null()).sort("asked_at", "id")["id"][-1]
        return waits, self.frame.filter(pl.col("id") == waits).height


@pytest.fixture
def place(whole, tmp_path):
    return Place(Path(shutil.copytree(whole[0] / "workspace", tmp_path / "workspace")))


GONE = "predictions that were captured are gone"
LATER = "predictions came into a window after it was closed"
ALTERED = "predictions were changed after they were captured"
DELIVERED = "answers that were delivered are not those that are captured"


def test_a_loop_that_nobody_disturbed_balances_at_every_hand_over(place):
    found = place.reconciled()
    assert (found.breaks, found.doubts, found.closed) == ([], {}, True)
    totals = {one.name: one for one in found.handovers}
    assert list(totals) == [
        "ingest trips",
        "ingest weather",
        "features",
        "training",
        "asked",
        "requests",
        "scoring",
        "capture",
        "delivery",
        "labels",
    ]
    assert totals["capture"].entered == place.frame.height
    assert totals["delivery"].entered == place.heard.height
    assert totals["asked"].entered == totals["asked"].left["predicted"] > 0.9 * place.heard.height
    assert all(finding.outcome == "pass" for finding in found.findings)


def test_a_prediction_that_is_gone_is_named_at_every_hand_over_it_went_through(place):
    lost = place.alone()
    place.tamper("DELETE FROM predictions WHERE id = ?", lost)
    assert place.breaks() == {
        ("capture", GONE, (lost,), -1),
        ("delivery", DELIVERED, (lost,), -1),
        ("labels", "labels are of things that no version predicted", (lost,), 1),
        ("asked", "rows of trips were kept, and nobody predicted them", (lost,), -1),
    }


def test_a_prediction_that_waits_for_its_label_and_its_delivery_is_found_gone_without_a_name(place):
    lost, count = place.waiting()
    place.tamper("DELETE FROM predictions WHERE id = ?", lost, rows=count)
    found = {one.handover: (one.rows, one.unnamed, one.difference) for one in place.reconciled().breaks}
    assert found == {"capture": ([], 1, -count), "delivery": ([], 1, -1)}


def test_a_shadow_prediction_that_is_gone_is_missed_by_the_captures_alone(place):
    lost = place.frame.filter(pl.col("role") == "shadow").sort("id")["id"][0]
    place.tamper("DELETE FROM predictions WHERE role = 'shadow' AND id = ?", lost)
    assert place.breaks() == {("capture", GONE, (lost,), -1)}


@pytest.mark.parametrize("change", ["score = 1 - score", "seconds = seconds + 1", "notes = '[\"made up\"]'", "caller = 'x'"])
def test_a_prediction_that_was_changed_is_named(place, change):
    changed = place.alone()
    place.tamper(f"UPDATE predictions SET {change} WHERE id = ?", changed)
    assert place.breaks() == {("capture", ALTERED, (changed,), 1)}


def test_a_prediction_without_all_of_its_features_is_named(place):
    changed = place.alone()
    place.tamper("UPDATE predictions SET features = substr(features, 9) WHERE id = ?", changed)
    version = place.heard.filter(pl.col("id") == changed)["version"][0]
    assert place.breaks() == {
        ("capture", ALTERED, (changed,), 1),
        ("features", f"predictions by v{version} do not have the features that it takes", (changed,), 1),
    }


INVENTED = """INSERT INTO predictions SELECT product, 'invented', ?, role, mode, event_at, asked_at, score, features, notes,
    seconds, caller, probabilities, grouped FROM predictions WHERE id = ?"""


@pytest.mark.parametrize(("version", "why"), [(4, "was not in the traffic as live"), (99, "does not exist")])
def test_an_answer_by_a_version_that_did_not_answer_then_is_named(place, version, why):
    place.tamper(INVENTED, version, place.alone())
    assert place.breaks() == {
        ("capture", LATER, ("invented",), 1),
        ("delivery", DELIVERED, (), 1),
        ("scoring", f"predictions are by v{version}, which {why} when they were asked", ("invented",), 1),
    }


def test_a_label_that_was_added_is_named(place):
    waiting, _ = place.waiting()
    joined = int(place.frame["joined_at"].max().timestamp() * 1e6)
    place.tamper("INSERT INTO labels VALUES (?, ?, 1.0, ?, ?)", PRODUCT, waiting, joined, joined)
    assert place.breaks() == {("labels", "labels are there that the loop did not join", (waiting,), 1)}


def test_a_label_without_a_prediction_is_named(place):
    joined = int(place.frame["joined_at"].max().timestamp() * 1e6)
    place.tamper("INSERT INTO labels VALUES (?, 'nobody asked', 1.0, ?, ?)", PRODUCT, joined, joined)
    assert place.breaks() == {
        ("labels", "labels are there that the loop did not join", ("nobody asked",), 1),
        ("labels", "labels are of things that no version predicted", ("nobody asked",), 1),
    }


def test_a_label_that_is_gone_is_named_and_was_due(place):
    lost = place.alone()
    place.tamper("DELETE FROM labels WHERE id = ?", lost)
    assert place.breaks() == {
        ("labels", "labels that were joined are gone", (lost,), -1),
        ("labels", "labels were due and were not joined", (lost,), 1),
    }


def test_a_label_that_was_changed_is_named(place):
    changed = place.heard.filter(pl.col("label").is_not_null()).sort("id")["id"][0]
    place.tamper("UPDATE labels SET value = 1 - value WHERE id = ?", changed)
    assert place.breaks() == {("labels", "labels were changed after they were joined", (changed,), 1)}


def test_rows_taken_out_of_a_table_by_another_engine_are_named(place):
    table = DeltaTable(place.root / "tables" / PRODUCT / "trips")
    before = table.version()
    table.delete("trip IN ('trip-3', 'trip-17000')")
    (found,) = place.reconciled().breaks
    assert (found.handover, found.expected - found.found) == ("ingest trips", 2)
    assert f"version {before + 1} of trips took 2 rows out and added 0, and no delivery made it" in found.what
    assert [key.split()[0] for key in found.rows] == ["trip-17000", "trip-3"]


def test_a_row_exchanged_for_another_is_named_though_the_count_is_right(place):
    path = place.root / "tables" / PRODUCT / "weather"
    row = place.workspace.tables.read(f"{PRODUCT}/weather").head(1).collect()
    table = DeltaTable(path)
    table.delete(f"place = '{row['place'][0]}' AND seen = '{row['seen'][0].isoformat()}'")
    write_deltalake(path, row.with_columns(wind=pl.col("wind") + 1), mode="append")
    found = place.reconciled().breaks
    assert [(one.handover, len(one.rows), one.difference) for one in found] == [
        ("ingest weather", 1, -1),
        ("ingest weather", 1, 1),
    ]
    assert found[0].rows == found[1].rows


def test_values_changed_within_a_table_are_named_though_no_row_came_or_went(place):
    DeltaTable(place.root / "tables" / PRODUCT / "trips").update(updates={"late_by": "1000.0"}, predicate="trip = 'trip-3'")
    (found,) = place.reconciled().breaks
    assert (found.handover, found.difference) == ("ingest trips", 0)
    assert [key.split()[0] for key in found.rows] == ["trip-3"]
    assert "took 1 rows out and added 1" in found.what


def test_tidying_a_table_up_is_no_break(place):
    place.workspace.tables.compact(f"{PRODUCT}/trips")
    assert place.breaks() == set()


def test_a_file_of_a_table_that_is_gone_is_a_break(place):
    next((place.root / "tables" / PRODUCT / "weather").glob("*.parquet")).unlink()
    (found,) = place.reconciled().breaks
    assert found.handover == "ingest weather"
    assert "cannot be read" in found.what


def test_a_list_of_what_was_counted_that_is_gone_is_a_break(place):
    closings = [each for _, each in place.workspace.ledger.history([Balance], f"{PRODUCT}/capture")]
    for file in (place.root / "objects").rglob("*"):
        if file.is_file() and closings[3].held in "".join(file.parts[-2:]):
            file.unlink()
    (found,) = place.reconciled().breaks
    assert (found.handover, found.since, found.until) == ("capture", closings[2].until, closings[3].until)
    assert "the list of what was counted cannot be read" in found.what


def test_only_the_window_asked_for_is_looked_at(place):
    lost = place.alone()
    asked = place.heard.filter(pl.col("id") == lost)["asked_at"][0]
    place.tamper("UPDATE predictions SET seconds = 9 WHERE id = ?", lost)
    assert place.breaks(until=asked - DAY) == set()
    assert place.breaks(since=asked + DAY) == set()
    assert place.breaks(since=asked - DAY, until=asked + DAY) == {("capture", ALTERED, (lost,), 1)}


def test_what_lawful_deletion_took_is_no_break(place):
    workspace, ledger = place.workspace, place.workspace.ledger
    before = place.frame["event_at"].min() + 2 * DAY
    rows = dict(workspace.captures.trim(PRODUCT, before, limit=10**9))
    assert place.breaks() != set()
    ledger.append(Trimmed(product=PRODUCT, store="captures", rule="age", before=before, rows=rows), f"{PRODUCT}/captures")
    assert place.breaks() == set()
    person = place.heard.filter((pl.col("event_at") > before) & pl.col("label").is_not_null()).sort("id")["id"][0]
    mine = place.frame.filter(pl.col("id") == person)
    version = brought(place, person)
    workspace.captures.erase(PRODUCT, [person])
    workspace.tables.erase(f"{PRODUCT}/trips", {"trip": [person]})
    intent = ledger.append(
        Erasing(
            product=PRODUCT,
            column="trip",
            person="f" * 64,
            salt="0" * 64,
            reason="asked to",
            rows={"captures": mine.height},
            versions={"trips": {version: 1}},
            captured={"predictions": mine.height},
            first=mine["event_at"][0],
            last=mine["event_at"][0],
        ),
        PRODUCT,
    )
    assert place.breaks() != set()
    ledger.append(Erased(product=PRODUCT, intents=[intent], person="f" * 64), PRODUCT)
    assert place.breaks() == set()
    also = place.heard.filter((pl.col("event_at") > before) & pl.col("label").is_not_null()).sort("id")["id"][-1]
    place.tamper("DELETE FROM labels WHERE id = ?", also)
    assert {rows for _, _, rows, _ in place.breaks()} == {(also,)}


def brought(place, trip):
    store = place.workspace.tables
    for version in range(store.version(f"{PRODUCT}/trips") + 1):
        if not store.read(f"{PRODUCT}/trips", version).filter(pl.col("trip") == trip).collect().is_empty():
            return version
    raise AssertionError(f"{trip} was never delivered")


def test_a_break_is_a_verdict_and_is_told_once(place):
    ledger, book = place.workspace.ledger, Book.open(place.workspace, PRODUCT)
    (_, before) = ledger.latest(Verdict, f"{PRODUCT}/balance")
    assert (before.policy, before.outcome) == ("balance", "pass")
    lost = place.frame.filter(pl.col("role") == "shadow").sort("id")["id"][0]
    place.tamper("DELETE FROM predictions WHERE role = 'shadow' AND id = ?", lost)
    ledger.append(
        Balance(handover="capture", since=None, until=datetime(2020, 1, 1, tzinfo=UTC), entered=0, left={}),
        "another/capture",
    )
    judge(place.workspace, book.definition)
    (_, after) = ledger.latest(Verdict, f"{PRODUCT}/balance")
    assert [finding.check for finding in after.findings if finding.outcome == "fail"] == ["balance capture"]
    evidence = json.loads(place.workspace.objects.get(after.evidence))
    assert evidence["breaks"][0]["rows"] == [lost]
    told = [notice for _, notice in ledger.history([Notice], PRODUCT) if "balance" in notice.subject]
    assert [notice.subject for notice in told] == [f"{PRODUCT}: balance capture is broken"]
    assert lost in told[0].text
    ledger.append(
        Balance(handover="capture", since=None, until=datetime(2020, 1, 2, tzinfo=UTC), entered=0, left={}),
        "another/capture",
    )
    judge(place.workspace, book.definition)
    assert len([1 for _, notice in ledger.history([Notice], PRODUCT) if "balance" in notice.subject]) == 1


def test_the_command_names_the_break_writes_its_rows_and_ends_with_one(place, tmp_path, capsys):
    lost = place.alone()
    place.tamper("UPDATE predictions SET score = 0.5 WHERE id = ?", lost)
    assert run(["balance", "--workspace", str(place.root), "--rows", str(tmp_path / "rows.parquet")]) == 1
    said = capsys.readouterr().out
    assert ALTERED in " ".join(said.split())
    assert lost in said
    assert pl.read_parquet(tmp_path / "rows.parquet")["row"].to_list() == [lost]
    assert run(["balance", "--workspace", str(place.root), "--rows", str(tmp_path / "rows.parquet")]) == 2
    assert run(["balance", "--workspace", str(place.root), "--json"]) == 1
    said = capsys.readouterr()
    assert [one["rows"] for one in json.loads(said.out)["breaks"]] == [[lost]]


def test_the_flow_of_rows_is_drawn_and_adds_up(place):
    found = place.reconciled()
    flows = {(step.source, step.target): step.rows for step in found.flow}
    assert flows["kept", "answered"] + flows["kept", "never asked"] == flows["delivered", "kept"]
    into = flows["kept", "answered"] + flows["not delivered yet", "answered"]
    assert into == sum(rows for (source, _), rows in flows.items() if source == "answered") == place.heard.height
    drawn = flow(found)
    assert sum(drawn.data[0].link.value) == sum(flows.values())
    assert "balances" in drawn.layout.title.text
