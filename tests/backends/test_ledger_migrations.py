"""Ledgers of older layouts are brought up to date in one step, and whoever kills it finds the old or the new, never between.

``fixtures/ledger-form-1.db`` is the ledger of the small product of ``tests/rehearsal``, of 17 days with 20 requests each,
written by trimaran at commit 4ec5c41, the last before layout 2, and copied with SQLite's own backup.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
from functools import cache
from pathlib import Path

import psycopg
import pytest

from trimaran.backends import ledger_tables
from trimaran.backends.postgres_ledger import PostgresLedger
from trimaran.backends.sqlite_ledger import SqliteLedger
from trimaran.core.clock import ManualClock
from trimaran.core.errors import Corrupt
from trimaran.core.ledger import Ledger, mentioned
from trimaran.core.nouns import Verdict
from trimaran.core.ports import LedgerStore
from trimaran.testing import ledger_kit

OLD = Path(__file__).parent / "fixtures" / "ledger-form-1.db"
COUNT, HEAD = 190, "3cb25341c6480d900cfc3907f924c7b437547f3e47a57ca83c8e3fc3ed18dc72"
COLUMNS = "seq, at, actor, kind, subject, body, key, previous, digest"

# Opens a ledger in a child that kills itself before or after the N-th statement, for every N that there is.
KILLER = """
import os, signal, sys
from itertools import count
from pathlib import Path
import sqlalchemy as sa
import trimaran.backends.migrations
from trimaran.backends.{module} import {store}

moments, prepare = ("before_cursor_execute", "after_cursor_execute", "commit"), {prepare}

def child(place, last):
    seen = count()
    def strike(*_):
        if next(seen) == last:
            os.kill(os.getpid(), signal.SIGKILL)
    for moment in moments:
        sa.event.listen(sa.Engine, moment, strike)
    {store}(place)
    os._exit(0)

for n in count():
    place = prepare(n)
    pid = os.fork()
    if pid == 0:
        try:
            child(place, n)
        finally:
            os._exit(1)
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(n, ended, flush=True)
    if ended != -signal.SIGKILL:
        sys.exit(ended)
"""


def killed(script: str, *arguments: object) -> int:
    """Run the killer, and return how many moments it killed at; the one after them came through."""
    done = subprocess.run([sys.executable, "-c", script, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return len(done.stdout.splitlines()) - 1


@cache
def old_rows() -> list[tuple[object, ...]]:
    connection = sqlite3.connect(f"file:{OLD}?immutable=1", uri=True)
    rows = connection.execute(f"SELECT {COLUMNS} FROM entries ORDER BY seq").fetchall()
    connection.close()
    return rows


@cache
def old_mentions() -> list[tuple[bytes, int]]:
    return sorted((bytes.fromhex(digest), int(str(row[0]))) for row in old_rows() for digest in mentioned(row[5]))


def hold_to_the_old(store: LedgerStore) -> None:
    """Same entries, same head, a whole chain and the right mentions; and it goes on."""
    rows = [ledger_tables.row_of(entry) for entry in store.scan()]
    assert rows == old_rows()
    ledger = Ledger(store, ManualClock(ledger_kit.NOON), "test")
    assert (ledger.verify().count, ledger.verify().head) == (COUNT, HEAD)
    assert list(store.disagreements()) == []
    named = {digest.hex() for digest, _ in old_mentions()}
    assert len(named) > 90
    for digest in named:
        assert [entry.seq for entry in store.mentions(digest)] == [n for d, n in old_mentions() if d.hex() == digest]
    verdict = next(record for _, record in ledger.history([Verdict]))
    assert verdict.evidence in named
    assert store.append([ledger_kit.draft("next")])[0].seq == COUNT + 1


def test_a_ledger_of_layout_1_opens_with_the_same_entries_head_and_the_mentions_of_its_bodies(tmp_path):
    path = Path(shutil.copy(OLD, tmp_path / "ledger.db"))
    hold_to_the_old(SqliteLedger(path))
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT form FROM meta").fetchall() == [(2,)]
    connection.close()


def layout(path: Path) -> dict[str, str]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return {name: re.sub(r"\s+", " ", sql) for name, sql in rows}


def test_an_old_ledger_and_a_new_one_end_in_the_same_layout(tmp_path):
    SqliteLedger(tmp_path / "new.db")
    SqliteLedger(Path(shutil.copy(OLD, tmp_path / "old.db")))
    assert layout(tmp_path / "old.db") == layout(tmp_path / "new.db")


def test_there_is_a_way_to_every_layout():
    folder = Path(ledger_tables.__file__).parent / "migrations"
    assert {path.stem for path in folder.glob("form_*.py")} == {f"form_{n}" for n in range(1, ledger_tables.FORM + 1)}


@pytest.mark.parametrize("start", ["old", "empty"])
def test_an_upgrade_of_sqlite_killed_anywhere_leaves_old_or_new(tmp_path, start):
    source = f"shutil.copy({str(OLD)!r}, place)" if start == "old" else "None"
    prepare = f"lambda n: [place := Path(sys.argv[1]) / f'{{n}}.db', {source}][0]"
    script = "import shutil\n" + KILLER.format(module="sqlite_ledger", store="SqliteLedger", prepare=prepare)
    moments = killed(script, tmp_path)
    assert moments > 12
    forms = []
    for n in range(moments + 1):
        path = tmp_path / f"{n}.db"
        connection = sqlite3.connect(path)
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        forms.append(connection.execute("SELECT form FROM meta").fetchone()[0] if tables else 0)
        assert (
            tables == {0: set(), 1: {"entries", "latest", "meta"}, 2: {"entries", "latest", "meta", "mentions"}}[forms[-1]]
        )
        if forms[-1] == 2 and start == "old":
            assert connection.execute("SELECT digest, seq FROM mentions ORDER BY 1, 2").fetchall() == old_mentions()
        connection.close()
        if start == "old":
            hold_to_the_old(SqliteLedger(path))
        else:
            assert SqliteLedger(path).append([ledger_kit.draft("first")])[0].seq == 1
    assert set(forms) == {1 if start == "old" else 0, 2}


def write_old(url: str) -> None:
    """Make a ledger of layout 1 on PostgreSQL, with the entries of the fixture."""
    import sqlalchemy as sa

    from trimaran.backends.migrations import upgrade

    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        upgrade(connection, form=0, to=1)
    engine.dispose()
    with psycopg.connect(url) as driver:
        driver.cursor().executemany(f"INSERT INTO entries VALUES ({', '.join(['%s'] * 9)})", old_rows())
        driver.execute("INSERT INTO latest SELECT kind, subject, max(seq) FROM entries GROUP BY kind, subject")


def test_a_ledger_of_layout_1_on_postgresql_is_brought_up_to_date(postgres_url):
    write_old(postgres_url)
    hold_to_the_old(PostgresLedger(postgres_url))


@pytest.mark.slow
@pytest.mark.parametrize("start", ["old", "empty"])
def test_an_upgrade_of_postgresql_killed_anywhere_leaves_old_or_new(postgres_server, start):
    urls = [postgres_server.new_url() for _ in range(40)]
    if start == "old":
        for url in urls:
            write_old(url)
    script = KILLER.format(module="postgres_ledger", store="PostgresLedger", prepare="lambda n: sys.argv[1 + n]")
    moments = killed(script, *urls)
    assert 12 < moments < len(urls)
    forms = []
    for url in urls[: moments + 1]:
        schema = url.rpartition("%3D")[2]
        found = postgres_server.execute(f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{schema}'")
        tables = {name for (name,) in found}
        forms.append(postgres_server.execute("SELECT form FROM meta", url)[0][0] if tables else 0)
        assert (
            tables == {0: set(), 1: {"entries", "latest", "meta"}, 2: {"entries", "latest", "meta", "mentions"}}[forms[-1]]
        )
        if start == "old":
            hold_to_the_old(PostgresLedger(url))
        else:
            assert PostgresLedger(url).append([ledger_kit.draft("first")])[0].seq == 1
    assert set(forms) == {1 if start == "old" else 0, 2}


def test_opening_what_is_up_to_date_does_not_import_alembic(tmp_path):
    SqliteLedger(tmp_path / "ledger.db")
    script = (
        "import sys; from pathlib import Path; from trimaran.backends.sqlite_ledger import SqliteLedger; "
        f"SqliteLedger(Path({str(tmp_path)!r}) / sys.argv[1]).head(); print('alembic' in sys.modules)"
    )
    for name, imported in (("ledger.db", "False"), ("other.db", "True")):
        done = subprocess.run([sys.executable, "-c", script, name], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == imported


@pytest.mark.parametrize(
    "damage",
    ["DELETE FROM meta", "INSERT INTO meta VALUES (1)", "UPDATE meta SET form = 'two'", "ALTER TABLE meta RENAME TO other"],
)
def test_a_file_whose_layout_cannot_be_told_is_corrupt(tmp_path, damage):
    SqliteLedger(tmp_path / "ledger.db")
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute(damage)
    connection.commit()
    connection.close()
    with pytest.raises(Corrupt, match="is no ledger"):
        SqliteLedger(tmp_path / "ledger.db")
