"""The ledger in SQLite: its port's laws, and those of a file that processes share, kill and tamper with."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from trimaran.backends import sqlite_files
from trimaran.backends.sqlite_ledger import SqliteLedger
from trimaran.core.clock import ManualClock
from trimaran.core.errors import Corrupt, Unavailable
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Notice
from trimaran.core.ports import LedgerStore
from trimaran.testing import ledger_kit

WRITER = """
import sys
from pathlib import Path
from trimaran.backends.sqlite_ledger import SqliteLedger
from trimaran.testing.ledger_kit import draft
path, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
store = SqliteLedger(path)
for n in range(count):
    (entry,) = store.append([draft(f"{name}-{n}", subject=name)])
    print(entry.key, flush=True)
"""


@pytest.mark.parametrize("law", ledger_kit.LAWS, ids=lambda law: law.__name__)
def test_it_keeps_the_laws_of_a_ledger(law: Callable[[LedgerStore], None], tmp_path: Path) -> None:
    law(SqliteLedger(tmp_path / "ledger.db"))


def start_writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(path), name, str(count)], stdout=subprocess.PIPE, text=True)


def test_four_processes_append_at_once_without_loss(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    writers = [start_writer(path, f"w{n}", 60) for n in range(4)]
    acknowledged = [line.strip() for writer in writers for line in writer.communicate()[0].splitlines()]
    assert [writer.returncode for writer in writers] == [0, 0, 0, 0]
    store = SqliteLedger(path)
    assert sorted(entry.key for entry in store.scan()) == sorted(acknowledged)
    assert ledger_of(store).verify().count == 240


def test_processes_that_send_the_same_write_it_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    writers = [start_writer(path, "same", 40) for _ in range(3)]
    acknowledged = [writer.communicate()[0].split() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert acknowledged == [[f"same-{n}" for n in range(40)]] * 3
    assert [entry.key for entry in SqliteLedger(path).scan()] == acknowledged[0]


def test_a_killed_writer_keeps_all_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    writer = start_writer(path, "w", 1_000_000)
    assert writer.stdout is not None
    acknowledged = [writer.stdout.readline().strip() for _ in range(50)]
    os.kill(writer.pid, signal.SIGKILL)
    acknowledged += writer.stdout.read().split()
    writer.wait()
    writer.stdout.close()
    store = SqliteLedger(path)
    kept = [entry.key for entry in store.scan()]
    assert kept[: len(acknowledged)] == acknowledged
    assert len(kept) - len(acknowledged) in (0, 1)
    assert ledger_of(store).verify().count == len(kept)
    assert store.append([ledger_kit.draft("next")])[0].seq == len(kept) + 1


def ledger_of(store: LedgerStore) -> Ledger:
    return Ledger(store, ManualClock(ledger_kit.NOON), "test")


def filled(path: Path) -> SqliteLedger:
    store = SqliteLedger(path)
    store.append([ledger_kit.draft(f"k{n}", subject=f"s{n % 3}", body=b'"%s"' % (b"ab" * 32)) for n in range(10)])
    return store


def test_entries_can_be_neither_changed_nor_removed(tmp_path: Path) -> None:
    filled(tmp_path / "ledger.db")
    connection = sqlite3.connect(tmp_path / "ledger.db")
    for statement in ("UPDATE entries SET actor = 'x' WHERE seq = 4", "DELETE FROM entries WHERE seq = 4"):
        with pytest.raises(sqlite3.IntegrityError, match="never"):
            connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("tampering", "message"),
    [
        ("UPDATE entries SET body = x'5b5d' WHERE seq = 4", "entry 4"),
        ("UPDATE entries SET at = at + 1 WHERE seq = 4", "entry 4"),
        ("UPDATE entries SET body = 'text' WHERE seq = 4", "entry 4"),
        ("UPDATE entries SET at = 'noon' WHERE seq = 4", "entry 4"),
        ("UPDATE entries SET at = 9000000000000000000 WHERE seq = 4", "entry 4"),
        ("DELETE FROM entries WHERE seq = 4", "entry 4 is missing"),
        ("UPDATE entries SET digest = previous WHERE seq = 4", "entry 4"),
        ("UPDATE entries SET previous = digest WHERE seq = 4", "entry 4"),
    ],
)
def test_tampering_is_found_and_named(tmp_path: Path, tampering: str, message: str) -> None:
    store = filled(tmp_path / "ledger.db")
    assert ledger_of(store).verify().count == 10
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute("DROP TRIGGER entries_stay_as_written")
    connection.execute("DROP TRIGGER entries_stay")
    connection.execute(tampering)
    connection.commit()
    connection.close()
    with pytest.raises(Corrupt, match=message):
        ledger_of(store).verify()


def test_a_changed_record_is_not_read(tmp_path: Path) -> None:
    ledger = ledger_of(SqliteLedger(tmp_path / "ledger.db"))
    ref = ledger.append(Notice(product="p", to="me", subject="s", text="approved"), "p")
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute("DROP TRIGGER entries_stay_as_written")
    connection.execute("UPDATE entries SET body = CAST(replace(body, 'approved', 'rejected') AS BLOB)")
    connection.commit()
    connection.close()
    with pytest.raises(Corrupt, match="was changed after it was written"):
        ledger.read(ref)
    with pytest.raises(Corrupt, match="was changed after it was written"):
        ledger.latest(Notice, "p")


def test_rebuilding_gives_the_index_that_writing_gave(tmp_path: Path) -> None:
    store = filled(tmp_path / "ledger.db")
    connection = sqlite3.connect(tmp_path / "ledger.db")
    tables = [connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in ("latest", "mentions")]
    assert [len(rows) for rows in tables] == [3, 10]
    connection.execute("DELETE FROM latest WHERE subject = 's1'")
    connection.execute("UPDATE latest SET seq = 1 WHERE subject = 's2'")
    connection.execute("DELETE FROM mentions WHERE seq = 3")
    connection.execute("INSERT INTO mentions VALUES (x'cdcd', 5)")
    connection.commit()
    told = "\n".join(store.disagreements())
    assert all(
        words in told for words in ("newest turn of s1", "newest turn of s2", "entry 3 names abab", "entry 5 names cdcd")
    )
    store.rebuild()
    assert list(store.disagreements()) == []
    again = [connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in ("latest", "mentions")]
    assert again == tables
    connection.close()


def test_a_file_that_was_brought_up_to_date_by_a_later_trimaran_is_not_written_any_more(tmp_path: Path) -> None:
    store = filled(tmp_path / "ledger.db")
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute("UPDATE meta SET form = 99")
    connection.commit()
    connection.close()
    with pytest.raises(Unavailable, match=r"layout 99.*install the newer"):
        store.append([ledger_kit.draft("late")])
    assert store.head() == 10


def test_what_was_written_is_there_after_opening_again(tmp_path: Path) -> None:
    written = list(filled(tmp_path / "ledger.db").scan())
    again = SqliteLedger(tmp_path / "ledger.db")
    assert list(again.scan()) == written
    assert again.append([ledger_kit.draft("k3", subject="s0", body=written[3].body)]) == [written[3]]


def test_a_reader_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    store = filled(tmp_path / "ledger.db")
    with sqlite_files.closing_writer(store.path) as other, sqlite_files.transaction(other, store.path):
        other.execute("INSERT INTO meta VALUES (1)")
        assert store.head() == 10
        assert store.get(3).seq == 3
        assert len(list(store.scan())) == 10


def test_a_lock_held_for_too_long_is_unavailable_and_then_forgotten(tmp_path: Path) -> None:
    filled(tmp_path / "ledger.db")
    store = SqliteLedger(tmp_path / "ledger.db", patience=0.05)
    with sqlite_files.closing_writer(store.path) as other:
        with sqlite_files.transaction(other, store.path), pytest.raises(Unavailable, match="nothing was recorded"):
            store.append([ledger_kit.draft("late")])
        assert store.append([ledger_kit.draft("late")])[0].seq == 11


def test_a_file_of_a_later_layout_is_refused(tmp_path: Path) -> None:
    filled(tmp_path / "ledger.db")
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute("UPDATE meta SET form = 99")
    connection.commit()
    connection.close()
    with pytest.raises(Unavailable, match="layout 99"):
        SqliteLedger(tmp_path / "ledger.db")
