"""Captures in SQLite: the port's laws, and a process killed between answers."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import polars as pl
import pytest

from trimaran.backends.sqlite_capture_audit import SqliteCaptureAudit
from trimaran.backends.sqlite_captures import SqliteCaptures
from trimaran.backends.sqlite_streams import predictions
from trimaran.core.ports import CaptureStore
from trimaran.testing import captures_kit
from trimaran.testing.captures_kit import prediction

FIXTURES = Path(__file__).parent / "fixtures"
WRITER = """
import sys
from pathlib import Path
from trimaran.backends.sqlite_captures import SqliteCaptures
from trimaran.testing.captures_kit import prediction
store = SqliteCaptures(Path(sys.argv[1]))
for n in range(1_000_000):
    store.record([prediction(str(n))])
    print(n, flush=True)
"""


@pytest.mark.parametrize("law", captures_kit.LAWS, ids=lambda law: law.__name__)
def test_it_keeps_the_laws_of_a_capture_store(law: Callable[[CaptureStore], None], tmp_path: Path) -> None:
    law(SqliteCaptures(tmp_path / "captures.db"))


def test_a_killed_server_keeps_every_acknowledged_prediction(tmp_path: Path) -> None:
    path = tmp_path / "captures.db"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    acknowledged = [writer.stdout.readline().strip() for _ in range(50)]
    os.kill(writer.pid, signal.SIGKILL)
    acknowledged += writer.stdout.read().split()
    writer.wait()
    writer.stdout.close()
    kept = SqliteCaptures(path).answers("p", acknowledged)
    assert sorted(name for name, _ in kept) == sorted(acknowledged)


def test_a_submitted_prediction_is_durable_when_its_future_is_done(tmp_path: Path) -> None:
    store = SqliteCaptures(tmp_path / "captures.db")
    futures = [store.submit([captures_kit.prediction(str(n))]) for n in range(100)]
    assert [future.result() for future in futures] == [1] * 100
    assert SqliteCaptures(store.path).counts("p")["predictions"] == 100


def test_text_that_cannot_be_stored_fails_its_own_call_only(tmp_path: Path) -> None:
    store = SqliteCaptures(tmp_path / "captures.db")
    broken = msgspec.structs.replace(captures_kit.prediction("a"), caller="\udcff")
    futures = [store.submit([row]) for row in (captures_kit.prediction("b"), broken, captures_kit.prediction("c"))]
    assert futures[0].result() == futures[2].result() == 1
    with pytest.raises(UnicodeEncodeError):
        futures[1].result()
    assert store.counts("p")["predictions"] == 2


@pytest.mark.parametrize("lacking", [("probabilities", "grouped"), ("grouped",)])
def test_a_file_of_an_earlier_layout_gets_the_columns_that_it_lacks_and_keeps_its_rows(tmp_path, lacking):
    path = tmp_path / "captures.db"
    SqliteCaptures(path).record([prediction("a")])
    with closing(sqlite3.connect(path)) as connection:
        for column in lacking:
            connection.execute(f"ALTER TABLE predictions DROP COLUMN {column}")
        connection.execute(f"PRAGMA user_version={3 - len(lacking)}")
        connection.commit()
    store = SqliteCaptures(path)
    classed = msgspec.structs.replace(prediction("b"), probabilities=[0.25, 0.75], group="search")
    assert store.record([classed]) == 1
    assert store.answers("p", ["a", "b"]) == {("a", 1): prediction("a"), ("b", 1): classed}
    assert store.frame("p")["probabilities"].to_list() == [None, [0.25, 0.75]]
    assert store.frame("p")["group"].to_list() == [None, "search"]


def test_a_file_that_was_written_before_groups_is_read_as_it_was_and_goes_on(tmp_path):
    """The file is one of layout 2 as trimaran wrote it at commit 43e2e22, the last before layout 3."""
    path = Path(shutil.copy(FIXTURES / "captures-form-2.db", tmp_path))
    store = SqliteCaptures(path)
    classed = msgspec.structs.replace(prediction("a", version=2, role="shadow"), probabilities=[0.1, 0.7, 0.2])
    held = [prediction("a"), classed, prediction("b", hours=1), prediction("c", width=0)]
    assert store.answers("p", ["a", "b", "c"]) == {(each.id, each.version): each for each in held}
    assert store.frame("p")["group"].null_count() == 4
    assert store.frame("p").filter(pl.col("known_at").is_not_null())["id"].to_list() == ["a", "a", "b"]
    assert store.record([*held, msgspec.structs.replace(prediction("d"), group="search")]) == 1
    assert store.answers("p", ["d"])["d", 1].group == "search"


def test_a_group_moves_with_its_prediction_and_counts_for_what_the_audit_holds_it_to(tmp_path):
    store = SqliteCaptures(tmp_path / "captures.db")
    ranked = msgspec.structs.replace(prediction("a"), group="search ✈")
    store.record([ranked, prediction("b")])
    lines = [line.prediction("p") for line in predictions(store, ["p"])]
    assert lines == [ranked, prediction("b")]
    audit = SqliteCaptureAudit(store.path)
    before = audit.predictions("p")["what"].to_list()
    with closing(sqlite3.connect(store.path)) as connection:
        connection.execute("UPDATE predictions SET grouped = 'another' WHERE id = 'a'")
        connection.commit()
    after = SqliteCaptureAudit(store.path).predictions("p")["what"].to_list()
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True]
