"""Concurrent clients that are killed see one ledger, one operation at a time."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import msgspec
import pytest
from histories import Operation, linearizable, settled
from runs import LONG, SEED

HISTORIES, PROCESSES, SECONDS = (60, 3, 1.2) if LONG else (8, 3, 1.0)
OUTAGES, WORKING, AWAY, HEALTHY = (8 if LONG else 1), 10.0, 0.7, 5.0


def judged(operations, keys):
    """Return what a history says of its ledger: every acknowledged key once, every answer explained, no strange error."""
    written = {each.key for each in operations if each.answer == "written"}
    faults = [] if linearizable(settled(operations, keys)) else ["not linearizable"]
    faults += [f"{key} twice" for key in set(keys) if keys.count(key) > 1]
    broken = [[each.client, each.answer] for each in operations if str(each.answer).startswith("broken")]
    lost = sorted(written - set(keys))
    return {"acknowledged": len(written), "lost": lost, "doubled": faults, "dangling": [], "broken": broken}


def watch_histories(zygote, count, url, histories):
    dice, conflicts, seen = random.Random(SEED), 0, 0
    for _ in range(histories):
        seed = dice.randrange(2**31)
        told, keys = zygote("history", url(), seed, PROCESSES, SECONDS, True)
        operations = msgspec.convert(told, list[Operation])
        kills = len({each.client.split(".")[0] for each in operations if not each.known})
        count.add(f"history {seed}", {"kills": kills, **judged(operations, keys)})
        conflicts += sum(each.answer == "conflict" for each in operations)
        seen += len(operations)
    assert min(count.injected, conflicts, seen / 20) >= histories


def test_clients_under_kills_see_a_linearizable_ledger(zygote, counting):
    with counting("kill among clients: SQLite") as count:
        watch_histories(zygote, count, str, HISTORIES)


def test_clients_under_kills_see_a_linearizable_ledger_on_postgresql(zygote, counting, postgres_server):
    with counting("kill among clients: PostgreSQL") as count:
        watch_histories(zygote, count, postgres_server.new_url, HISTORIES // 2)


def wait_for_entries(server, url, wanted):
    deadline = time.monotonic() + WORKING
    while time.monotonic() < deadline:
        there = server.execute("SELECT to_regclass('entries')", url)[0][0]
        if there and server.execute("SELECT count(*) FROM entries", url)[0][0] >= wanted:
            return
        time.sleep(0.05)
    pytest.fail("nobody wrote")


@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_a_server_stopped_and_started_under_load_is_waited_for_and_loses_nothing(zygote, counting, postgres_server, mode):
    with counting(f"stop PostgreSQL: {mode}") as count:
        for outage in range(OUTAGES):
            with ThreadPoolExecutor(1) as pool:
                url = postgres_server.new_url()
                working = pool.submit(zygote, "history", url, outage, PROCESSES, WORKING, False)
                wait_for_entries(postgres_server, url, 20)
                stopped = time.monotonic()
                postgres_server.stop(mode)
                time.sleep(AWAY)
                postgres_server.start()
                started = time.monotonic()
                told, keys = working.result()
            operations = msgspec.convert(told, list[Operation])
            count.add(f"outage {outage}", judged(operations, keys))
            written = [each for each in operations if each.answer == "written"]
            assert any(each.ended < stopped for each in written)
            for client in {each.client for each in operations}:
                back = min((each.ended for each in written if each.client == client and each.ended > started), default=1e9)
                if back - started > HEALTHY:
                    count.faults.append(f"client {client} was back only {back - started:.1f} s after the server")


def read(client, began, ended, answer):
    return Operation(client, "read", began, ended, answer=answer)


def append(client, began, ended, key, **fields):
    return Operation(client, "append", began, ended, key, **{"answer": "written", **fields})


def unanswered(client, began, ended, key, **fields):
    return Operation(client, "append", began, ended, key, known=False, **fields)


GOOD = {
    "one after the other": [append("a", 0, 1, "x"), read("b", 2, 3, "x")],
    "a read beside a write sees old": [append("a", 0, 9, "x"), read("b", 1, 2, None), read("b", 3, 4, "x")],
    "two writes in either order": [append("a", 0, 9, "x"), append("b", 1, 8, "y"), read("c", 10, 11, "x")],
    "the loser of a race": [
        append("a", 0, 5, "x", expects=None),
        append("b", 1, 6, "y", expects=None, answer="conflict"),
        read("c", 7, 8, "x"),
    ],
    "a kill that came too late": [unanswered("a", 0, 5, "x"), read("b", 6, 7, "x")],
    "a kill that came in time": [unanswered("a", 0, 5, "x"), read("b", 6, 7, None)],
    "sent again": [append("a", 0, 1, "x"), append("b", 2, 3, "y"), append("a", 4, 5, "x"), read("c", 6, 7, "y")],
}
BAD = {
    "a stale read": [append("a", 0, 1, "x"), read("b", 2, 3, None)],
    "a read that goes back": [append("a", 0, 9, "x"), read("b", 1, 2, "x"), read("b", 3, 4, None)],
    "two readers that disagree": [
        append("a", 0, 9, "x"),
        append("b", 0, 9, "y"),
        *(read("c", 10 + n, 10.5 + n, key) for n, key in enumerate("xyx")),
    ],
    "two winners": [append("a", 0, 5, "x", expects=None), append("b", 1, 6, "y", expects=None)],
    "an acknowledged write lost": [append("a", 0, 1, "x"), append("b", 2, 3, "y", expects=None)],
    "a conflict with nothing": [append("a", 0, 1, "x", expects=None, answer="conflict")],
    "dead, yet writing": [unanswered("a", 0, 2, "x"), read("b", 3, 4, None), read("b", 5, 6, "x")],
    "sent again and doubled": [
        append("a", 0, 1, "x"), append("b", 2, 3, "y"), append("a", 4, 5, "x"), read("c", 6, 7, "x"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("history", GOOD.values(), ids=GOOD)
def test_what_could_have_happened_one_at_a_time_is_linearizable(history):
    assert linearizable(history)


@pytest.mark.parametrize("history", BAD.values(), ids=BAD)
def test_what_could_not_have_happened_is_not(history):
    assert not linearizable(history)


def test_a_good_history_with_one_answer_changed_is_found(zygote):
    told, _ = zygote("history", "", SEED, PROCESSES, SECONDS, True)
    operations = sorted(msgspec.convert(told, list[Operation]), key=lambda each: each.began)
    reads = [each for each in operations if each.kind == "read" and each.answer is not None]
    assert linearizable(operations)
    early, late = reads[0], reads[-1]
    changed = [replace(each, answer=early.answer) if each is late else each for each in operations]
    assert early.answer != late.answer
    assert not linearizable(changed)
