"""The SQLite files beside the ledger say which layout they have: one of before is brought up to date, a later one refused."""

import gc
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from trimaran.backends.sqlite_captures import SqliteCaptures
from trimaran.backends.sqlite_files import reader, writer
from trimaran.backends.sqlite_ledger import SqliteLedger
from trimaran.backends.sqlite_metrics import SqliteMetrics
from trimaran.backends.sqlite_online import SqliteOnline
from trimaran.backends.sqlite_views import SqliteViews
from trimaran.core.errors import Corrupt, Unavailable

LAYOUTS = {SqliteCaptures: 3, SqliteOnline: 1, SqliteMetrics: 1, SqliteViews: 1}
STORES = tuple(LAYOUTS)


def told(path, statement):
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute(statement).fetchall()
        connection.commit()
        return found


@pytest.mark.parametrize("store", STORES)
def test_a_file_says_which_layout_it_has_and_a_later_one_is_refused_unread(store, tmp_path):
    path = tmp_path / "store.db"
    store(path)
    newest = LAYOUTS[store]
    assert told(path, "PRAGMA user_version") == [(newest,)]
    told(path, f"PRAGMA user_version={newest + 1}")
    with pytest.raises(Unavailable, match=rf"layout {newest + 1}, this trimaran reads layout {newest}; install the newer"):
        store(path)
    assert told(path, "PRAGMA user_version") == [(newest + 1,)]


@pytest.mark.parametrize("store", STORES)
def test_a_file_of_before_layouts_had_numbers_gets_what_was_added_since(store, tmp_path):
    path = tmp_path / "store.db"
    store(path)
    layout = told(path, "SELECT name, sql FROM sqlite_schema ORDER BY name")
    told(path, "PRAGMA user_version=0")
    for (name,) in told(path, "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"):
        told(path, f"DROP INDEX {name}")
    shutil.copy(path, tmp_path / "old.db")
    store(tmp_path / "old.db")
    assert told(tmp_path / "old.db", "SELECT name, sql FROM sqlite_schema ORDER BY name") == layout
    assert told(tmp_path / "old.db", "PRAGMA user_version") == [(LAYOUTS[store],)]


@pytest.mark.parametrize("store", [SqliteLedger, *STORES])
@pytest.mark.parametrize("opening", [reader, writer], ids=["read", "written"])
def test_a_layout_damaged_to_no_text_at_all_is_refused_in_clear_words(store, opening, tmp_path):
    path = tmp_path / "store.db"
    made = store(path)
    del made
    gc.collect()
    told(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    whole = path.read_bytes()
    assert b" NOT NULL" in whole
    path.write_bytes(whole.replace(b" NOT NULL", b" NOT N\xc6LL"))
    with pytest.raises(Corrupt, match=r"store\.db is damaged .*codec.* restore it from a copy"):
        opening(path).execute("SELECT * FROM sqlite_schema")
    with pytest.raises(Corrupt, match=r"store\.db is damaged"):
        store(path)


OPENED = """
import sys
from pathlib import Path
import trimaran.backends.{module} as module
module.{store}(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("store", [*STORES, SqliteLedger])
def test_a_process_that_opened_a_file_twice_keeps_its_log_when_another_process_ends(store, tmp_path):
    # Closing any handle of a file drops the locks that a process holds on it (POSIX): SQLite closes its own last.
    path = tmp_path / "store.db"
    here = store(path), store(path)
    log = path.with_name("store.db-wal")
    before = log.stat().st_ino
    other = OPENED.format(module=store.__module__.rpartition(".")[2], store=store.__name__)
    subprocess.run([sys.executable, "-c", other, str(path)], check=True, timeout=60)
    assert here[0].path == here[1].path
    assert log.exists(), "the other process took itself for the last one, and removed the log that this one writes to"
    assert log.stat().st_ino == before
