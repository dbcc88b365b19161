"""The ledger on a real PostgreSQL: its port's laws, and those of a server that is shared, stopped, cut off and tampered with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Self

import psycopg
import pytest
import sqlalchemy as sa

from trimaran.backends.postgres_ledger import PostgresLedger
from trimaran.core.clock import ManualClock
from trimaran.core.errors import Conflict, Corrupt, Unavailable
from trimaran.core.ledger import Ledger
from trimaran.core.ports import LedgerStore
from trimaran.testing import ledger_kit

WRITER = """
import sys
from trimaran.backends.postgres_ledger import PostgresLedger
from trimaran.testing.ledger_kit import draft
url, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = PostgresLedger(url)
for n in range(count):
    (entry,) = store.append([draft(f"{name}-{n}", subject=name)])
    print(entry.key, flush=True)
"""


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresLedger]:
    store = PostgresLedger(postgres_url, patience=5)
    yield store
    store.close()


@pytest.mark.parametrize("law", ledger_kit.LAWS, ids=lambda law: law.__name__)
def test_it_keeps_the_laws_of_a_ledger(law: Callable[[LedgerStore], None], store: PostgresLedger) -> None:
    law(store)


def ledger_of(store: LedgerStore) -> Ledger:
    return Ledger(store, ManualClock(ledger_kit.NOON), "test")


def start_writer(url: str, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", WRITER, url, name, str(count)], stdout=subprocess.PIPE, text=True)


def test_four_processes_open_an_empty_database_and_append_at_once_without_loss(postgres_url: str) -> None:
    writers = [start_writer(postgres_url, f"w{n % 3}", 40) for n in range(4)]  # two of them send the same
    acknowledged = [line.strip() for writer in writers for line in writer.communicate()[0].splitlines()]
    assert [writer.returncode for writer in writers] == [0, 0, 0, 0]
    store = PostgresLedger(postgres_url)
    assert sorted(entry.key for entry in store.scan()) == sorted(set(acknowledged))
    assert ledger_of(store).verify().count == 120
    assert list(store.disagreements()) == []
    store.close()


def test_a_killed_writer_keeps_all_it_acknowledged_and_lets_the_next_write(postgres_url: str) -> None:
    writer = start_writer(postgres_url, "w", 1_000_000)
    assert writer.stdout is not None
    acknowledged = [writer.stdout.readline().strip() for _ in range(50)]
    os.kill(writer.pid, signal.SIGKILL)
    acknowledged += writer.stdout.read().split()
    writer.wait()
    writer.stdout.close()
    store = PostgresLedger(postgres_url)
    (entry,) = store.append([ledger_kit.draft("next")])
    kept = [entry.key for entry in store.scan()]
    assert kept[: len(acknowledged)] == acknowledged
    assert len(kept) - len(acknowledged) in {1, 2}
    assert ledger_of(store).verify().count == len(kept) == entry.seq
    store.close()


def filled(store: PostgresLedger) -> PostgresLedger:
    store.append([ledger_kit.draft(f"k{n}", subject=f"s{n % 3}", body=b'"%s"' % (b"ab" * 32)) for n in range(10)])
    return store


@pytest.mark.parametrize(
    "statement", ["UPDATE entries SET actor = 'x' WHERE seq = 4", "DELETE FROM entries WHERE seq = 4", "TRUNCATE entries"]
)
def test_entries_can_be_neither_changed_nor_removed(store: PostgresLedger, postgres_url: str, statement: str) -> None:
    filled(store)
    with psycopg.connect(postgres_url) as connection, pytest.raises(psycopg.errors.RaiseException, match="never changed"):
        connection.execute(statement)
    assert ledger_of(store).verify().count == 10


@pytest.mark.parametrize(
    ("tampering", "message"),
    [
        (r"UPDATE entries SET body = '\x5b5d' WHERE seq = 4", "entry 4"),
        ("UPDATE entries SET at = 9000000000000000000 WHERE seq = 4", "entry 4"),
        ("DELETE FROM entries WHERE seq = 4", "entry 4 is missing"),
        ("UPDATE entries SET previous = digest WHERE seq = 4", "entry 4"),
    ],
)
def test_tampering_is_found_and_named(store: PostgresLedger, postgres_url: str, tampering: str, message: str) -> None:
    filled(store)
    with psycopg.connect(postgres_url) as connection:
        connection.execute("ALTER TABLE entries DISABLE TRIGGER entries_stay")
        connection.execute(tampering)
    with pytest.raises(Corrupt, match=message):
        ledger_of(store).verify()


def test_a_lying_index_is_told_and_rebuilt(store: PostgresLedger, postgres_url: str) -> None:
    filled(store)
    with psycopg.connect(postgres_url) as connection:
        connection.execute("DELETE FROM latest WHERE subject = 's1'")
        connection.execute("DELETE FROM mentions WHERE seq = 3")
        connection.execute(r"INSERT INTO mentions VALUES ('\xcdcd', 5)")
    told = "\n".join(store.disagreements())
    assert all(words in told for words in ("newest turn of s1", "entry 3 names abab", "entry 5 names cdcd"))
    store.rebuild()
    assert list(store.disagreements()) == []
    assert [entry.seq for entry in store.mentions("ab" * 32)] == list(range(1, 11))


def test_a_reader_does_not_wait_for_a_writer(store: PostgresLedger, postgres_url: str) -> None:
    filled(store)
    with psycopg.connect(postgres_url) as other:
        other.execute("SELECT form FROM meta FOR UPDATE")
        other.execute(
            "INSERT INTO entries SELECT 11, at, actor, kind, subject, body, 'late', previous, digest FROM entries WHERE seq = 1"
        )
        assert store.head() == 10
        assert len(list(store.scan())) == len(list(store.mentions("ab" * 32))) == 10
        other.rollback()


def test_a_lock_held_for_too_long_is_unavailable_and_then_forgotten(store: PostgresLedger, postgres_url: str) -> None:
    filled(store)

    def impatient(driver: psycopg.Connection[object], _record: object) -> None:
        driver.execute("SET lock_timeout = '50ms'")
        driver.commit()

    store.close()
    sa.event.listen(store._writer, "connect", impatient)
    with psycopg.connect(postgres_url) as other:
        other.execute("SELECT form FROM meta FOR UPDATE")
        with pytest.raises(Unavailable, match="nothing was recorded"):
            store.append([ledger_kit.draft("late")])
        other.rollback()
    assert store.append([ledger_kit.draft("late")])[0].seq == 11


def test_a_later_layout_is_refused_when_opening_and_under_an_open_store(store: PostgresLedger, postgres_url: str) -> None:
    filled(store)
    with psycopg.connect(postgres_url) as connection:
        connection.execute("UPDATE meta SET form = 99")
    with pytest.raises(Unavailable, match=r"layout 99.*install the newer"):
        store.append([ledger_kit.draft("late")])
    with pytest.raises(Unavailable, match=r"layout 99.*install the newer"):
        PostgresLedger(postgres_url)
    assert store.head() == 10


def test_a_wrong_password_is_told_at_once_and_never_shown(postgres_server, postgres_url: str) -> None:
    user, secret = postgres_server.walled, postgres_server.password
    postgres_server.execute(f"DROP ROLE IF EXISTS {user}")
    postgres_server.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{secret}'")
    postgres_server.execute(f"GRANT ALL ON SCHEMA {postgres_url.rpartition('%3D')[2]} TO {user}")
    url = postgres_url.replace("trimaran@", f"{user}@")
    before = time.monotonic()
    for wrong in ("wrong-secret", None):
        with pytest.raises(Unavailable) as caught:
            PostgresLedger(url, password=wrong)
        assert "password" in str(caught.value)
        assert "wrong-secret" not in str(caught.value) + repr(caught.value.__cause__)
    assert time.monotonic() - before < 5
    store = PostgresLedger(url, password=secret)
    assert filled(store).head() == 10
    assert secret not in store.name + store.url
    store.close()
    postgres_server.execute(f"DROP OWNED BY {user}", postgres_url)


class Writers:
    """Threads that append for as long as they are let, and remember what was acknowledged and what was refused."""

    def __init__(self, store: PostgresLedger, count: int) -> None:
        self.acknowledged: list[tuple[str, int]] = []
        self.refused: list[tuple[str, Exception]] = []
        self._go = True
        self._store = store
        self._threads = [threading.Thread(target=self._write, args=(n,)) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def _write(self, name: int) -> None:
        n = 0
        while self._go:
            key = f"{name}-{n}"
            try:
                (entry,) = self._store.append([ledger_kit.draft(key, subject=f"s{name}")])
            except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
                self.refused.append((key, error))
            else:
                self.acknowledged.append((entry.key, entry.seq))
                n += 1

    def go_on(self, count: int, seconds: float) -> None:
        """Wait until some more are acknowledged."""
        wanted, end = len(self.acknowledged) + count, time.monotonic() + seconds
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < end, self.refused[-1:]
            time.sleep(0.01)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._go = False
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["immediate", "fast"])
@pytest.mark.parametrize(("away", "patience"), [(0.5, 60.0), (2.0, 0.5)], ids=["writers wait", "writers are refused"])
def test_a_server_stopped_and_started_under_load_loses_nothing(postgres_server, mode, away, patience) -> None:
    url = postgres_server.new_url()
    store = PostgresLedger(url, patience=patience)
    with Writers(store, 8) as writers:
        for _ in range(3):
            writers.go_on(40, 60)
            postgres_server.stop(mode)
            time.sleep(away)
            postgres_server.start()
            writers.go_on(1, 5)
        assert store.head() > 0
    assert all(isinstance(error, Unavailable) for _, error in writers.refused), writers.refused
    assert bool(writers.refused) == (patience < away)
    kept = {entry.key: entry.seq for entry in store.scan()}
    assert ledger_of(store).verify().count == len(kept)
    assert all(kept[key] == seq for key, seq in writers.acknowledged)
    assert max(Counter(key for key, _ in writers.acknowledged).values()) == 1
    assert list(store.disagreements()) == []
    store.close()


def test_a_commit_of_unknown_outcome_is_settled_by_its_key(
    store: PostgresLedger, postgres_server, postgres_url: str
) -> None:
    """The connection is cut right after the server committed, and right before: both end in one entry, answered rightly."""
    filled(store)

    def cut(moment: str) -> Callable[[sa.Connection], None]:
        def listener(connection: sa.Connection) -> None:
            driver = connection.connection.driver_connection
            if next(cuts, False):
                if moment == "after":
                    driver.execute("COMMIT")
                postgres_server.execute(f"SELECT pg_terminate_backend({driver.info.backend_pid}, 5000)")

        return listener

    for moment, key in (("after", "a"), ("before", "b")):
        cuts = iter([True])
        listener = cut(moment)
        sa.event.listen(store._writer, "commit", listener)
        (entry,) = store.append([ledger_kit.draft(key, subject="cas", after={"a": 0, "b": 11}[key])])
        sa.event.remove(store._writer, "commit", listener)
        assert (entry.seq, entry) == ({"a": 11, "b": 12}[key], store.find(key))
    with pytest.raises(Conflict):
        store.append([ledger_kit.draft("c", subject="cas", after=11)])
    assert ledger_of(store).verify().count == 12


def test_an_outage_in_the_middle_of_a_commit_says_that_the_outcome_is_unknown(postgres_server) -> None:
    store = PostgresLedger(postgres_server.new_url(), patience=0.3)

    def cut(_connection: sa.Connection) -> None:
        postgres_server.stop()

    sa.event.listen(store._writer, "commit", cut, once=True)
    try:
        with pytest.raises(Unavailable, match="same key again tells"):
            store.append([ledger_kit.draft("k")])
        with pytest.raises(Unavailable, match="cannot answer") as caught:
            store.head()
        assert "trimaran@127.0.0.1" in str(caught.value)
    finally:
        postgres_server.start()
    assert store.append([ledger_kit.draft("k")])[0].seq == 1
    store.close()
