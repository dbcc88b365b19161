"""A workspace of every layout there was is kept as it was written: it can be asked everything, goes on, and can move.

``fixtures/workspace-form-N.tar.xz`` is a week of the small product of ``tests/rehearsal``, with 150 trips a day and 12
requests a day, whose ledger has layout N: 1 was written by trimaran at commit 4ec5c41, the last before layout 2, whose other
files had no numbers yet; 2 by the trimaran that gave them numbers. A new layout of any file gets a fixture of its own here.
"""

import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from trimaran.app.moving import back_up, bring_in, export, restore
from trimaran.app.reconciling import reconcile
from trimaran.app.reproduction import reproduce
from trimaran.app.views import Book
from trimaran.app.workspace import Workspace
from trimaran.backends.delta_tables import DeltaTables
from trimaran.backends.ledger_tables import FORM
from trimaran.core.nouns import Label, ModelVersion, Notice, Prediction
from trimaran.doors.cli.main import run as trimaran

FIXTURES = Path(__file__).parent / "fixtures"
HELD = {
    1: (83, "fb63416497818d1543d6850cfe71b14f388804781798b84b0299faa1eb319f60"),
    2: (111, "706da212824fbe4a39a25f16ae2c2de24a0ab053eeb8073c017267d4b103916c"),
}
"""How many entries each has, and the digest of the last."""

READING = (
    "status", "versions", "show v1", "at 2024-02-05T12:00", "diff v1 v2", "diff 2024-02-02 2024-02-07", "why v1", "why trips@2",
    "story", "quality", "drift", "features", "features hour", "balance", "notices", "log", "trash", "hold",
    "retention", "purge", "audit verify --objects",
)  # fmt: skip


def laid_out(form, folder):
    with tarfile.open(FIXTURES / f"workspace-form-{form}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    root = folder / "workspace"
    if form == 1:  # it kept no columns: its sources tell them
        for table in ("trips", "weather"):
            DeltaTables(root / "tables").read(f"trips/{table}").collect().write_parquet(folder / f"{table}.parquet")
        (root / "data-root").write_text(str(folder))
    return root


@pytest.fixture(params=HELD)
def form(request):
    return request.param


@pytest.fixture
def root(form, tmp_path):
    return laid_out(form, tmp_path)


def test_every_layout_of_the_ledger_has_a_workspace():
    assert HELD.keys() == set(range(1, FORM + 1))
    assert {path.name for path in FIXTURES.iterdir()} == {f"workspace-form-{form}.tar.xz" for form in HELD}


def test_it_has_the_layout_that_it_says(form, root):
    with closing(sqlite3.connect(root / "ledger.db")) as connection:
        assert connection.execute("SELECT form FROM meta").fetchall() == [(form,)]
    with closing(sqlite3.connect(root / "captures.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchall() == [({1: 0, 2: 1}[form],)]


def test_its_history_is_whole_and_every_object_there(form, root):
    audit = Workspace.existing(root).auditor.verify(objects=True)
    assert (audit.count, audit.head, audit.faults) == (*HELD[form], [])
    assert audit.objects > 30


def test_everything_can_be_asked_of_it(form, root, capsys):
    for words in [*READING, *(["profile trips"] if form > 1 else [])]:  # profiles of deliveries are kept since layout 2
        code = trimaran([*words.split(), "--json", "--workspace", str(root)])
        out, err = capsys.readouterr()
        assert (words, code) == (words, 0), err
        assert json.loads(out) is not None


def test_its_predictions_lead_to_their_training_rows_and_are_given_again_bit_by_bit(root, capsys):
    workspace = Workspace.existing(root)
    versions = {version.number: version for _, version in workspace.ledger.history([ModelVersion], "trips/v1")}
    scorer = workspace.scorer(versions[1])
    wanted = ("id", "version", "mode", "score", "features")
    answers = workspace.captures.frame("trips", columns=wanted).filter(version=1, mode="http")
    assert answers.height > 30
    rows = np.array(answers["features"].to_list(), dtype=np.float64)
    scores = [float(np.asarray(scorer(row[None, :])).ravel()[0]) for row in rows]
    assert np.array_equal(scores, answers["score"].to_numpy())
    assert trimaran(["why", answers["id"][0], "--workspace", str(root)]) == 0
    assert "trips@0" in capsys.readouterr().out


def test_it_goes_on(form, root):
    workspace = Workspace(root, actor="olga")
    now = workspace.clock.now()
    ref = workspace.ledger.append(Notice(product="trips", to="me", subject="s", text="t"), "trips")
    assert ref.seq == HELD[form][0] + 1
    fields = {"id": "late", "product": "trips", "version": 1, "role": "live", "mode": "http", "score": 0.5}
    assert workspace.captures.record([Prediction(**fields, event_at=now, asked_at=now, features=[1.0])]) == 1
    assert workspace.captures.join([Label(id="late", product="trips", value=1, known_at=now, joined_at=now)]) == 1
    rows = workspace.tables.read("trips/weather").tail(1).collect()
    version = workspace.tables.append("trips/weather", rows, key="later")
    assert workspace.tables.brought("trips/weather", version).equals(rows)
    workspace.online.push("trips", "weather", rows, key="later")
    assert workspace.online.since("trips", 0)[1][-1][1].equals(rows)
    moment = {"name": ["loss"], "step": [1], "value": [0.7], "at": [now]}
    assert workspace.metrics.log("trips/run-1", pl.DataFrame(moment), key="1") == 1
    assert workspace.auditor.checkpoint().checkpoint.size == ref.seq
    assert workspace.auditor.verify(objects=True).faults == []


def test_its_totals_balance_and_what_is_taken_from_it_is_missed(form, root):
    workspace = Workspace.existing(root)
    found = reconcile(Book.open(workspace, "trips"))
    assert (found.breaks, found.closed) == ([], True)
    assert len(found.handovers) > 4
    taken = workspace.captures.frame("trips")["id"][0]
    workspace.captures.erase("trips", [taken])
    again = reconcile(Book.open(workspace, "trips"))
    assert (form > 1) == (not again.closed), "a fingerprint of each row is kept since layout 2"
    assert form == 1 or any(taken in one.rows for one in again.breaks)


def test_it_moves_as_a_bundle_and_comes_back_from_a_backup(form, root, tmp_path):
    workspace = Workspace(root)
    export(workspace, tmp_path / "all.tar")
    key = workspace.auditor.key()
    bring_in(tmp_path / "all.tar", tmp_path / "there", keys=[key], actor="mia")
    back_up(workspace, tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "back", keys=[key])
    for place in ("there", "back"):
        moved = Workspace(tmp_path / place)
        assert (moved.ledger.verify().count, moved.ledger.verify().head) == HELD[form]
        assert moved.captures.frame("trips").equals(workspace.captures.frame("trips"))
        assert moved.auditor.verify(objects=True).faults == []


@pytest.mark.slow
def test_a_version_of_it_is_trained_again_from_the_record(form, root):
    found = reproduce(Workspace.existing(root), "v1")
    same = {one.name: one.same for one in found.made}
    assert same["features"]
    assert same["rows"]
    assert msgspec.json.encode(found)
    assert found.same or found.reasons
