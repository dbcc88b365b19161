"""Features by key in a real Redis: the port's laws, across clients, and when the server or a writer is killed."""

import itertools
import subprocess
import sys

import pytest

from trimaran.backends.redis_views import RedisViews
from trimaran.core.errors import Unavailable
from trimaran.core.nouns import Kept
from trimaran.testing import views_kit
from trimaran.testing.views_kit import records, view

NUMBERS = itertools.count()


@pytest.fixture
def prefix():
    return f"test-{next(NUMBERS)}"


@pytest.fixture
def store(redis_server, prefix):
    return RedisViews(redis_server.url, prefix=prefix, password=redis_server.password)


@pytest.mark.parametrize("law", views_kit.LAWS, ids=lambda law: law.__name__)
def test_it_keeps_the_laws_of_a_view_store(law, store):
    law(store)


def test_no_generation_is_left_behind(store, prefix):
    for turn in range(1, 4):
        store.refresh(view(), [records("JFK")], as_of=turn, sources=b"", key=f"{turn}")
    names = {name.decode() for name in store._redis.scan_iter(f"{prefix}:*")}
    begin = f"{prefix}:{{p/origin}}:"
    assert names == {f"{prefix}:views:p", *(begin + part for part in ("current", "numbers", "done", "generations", "g:3"))}
    store.drop("p", "origin")
    assert {name.decode() for name in store._redis.scan_iter(f"{prefix}:*")} == {f"{begin}numbers"}


def test_prefixes_keep_workspaces_apart(store, redis_server):
    store.refresh(view(), [records("JFK")], as_of=1, sources=b"", key="1")
    other = RedisViews(redis_server.url, prefix="other", password=redis_server.password)
    assert other.standing("p") == []


def test_what_was_acknowledged_is_there_after_the_server_was_killed(store, redis_server):
    store.refresh(view(), [records("JFK")], as_of=1, sources=b"", key="1")
    store.advance(view(), [records("LGA")], as_of=2, sources=b"", key="2")
    redis_server.stop()
    with pytest.raises(Unavailable, match="nothing was acknowledged") as caught:
        store.read("p", "origin", [b"JFK"])
    assert redis_server.password not in str(caught.value)
    with pytest.raises(Unavailable):
        store.advance(view(), [records("EWR")], as_of=3, sources=b"", key="3")
    redis_server.start()
    assert store.read("p", "origin", [b"JFK", b"LGA", b"EWR"])[1] == [*records("JFK", "LGA"), None]
    store.advance(view(), [records("EWR")], as_of=3, sources=b"", key="3")
    assert store.read("p", "origin", [b"EWR"])[1] == records("EWR")


def test_a_wrong_password_is_told_without_it(redis_server):
    with pytest.raises(Unavailable) as caught:
        RedisViews(redis_server.url, password="hunter2").standing("p")
    assert "hunter2" not in str(caught.value)
    assert redis_server.url in str(caught.value)


WRITER = """
import sys
from trimaran.backends.redis_views import RedisViews
from trimaran.core.nouns import Kept
from trimaran.testing.views_kit import view
store = RedisViews(sys.argv[1], prefix=sys.argv[2], password=sys.argv[3])
keys = [f"{number}".encode() for number in range(400)]
print("ready", flush=True)
for turn in range(FIRST, 100_000):
    body = f"{turn}".encode()
    batches = ([Kept(key, turn, turn, body) for key in keys[start:start + 40]] for start in range(0, 400, 40))
    store.refresh(view(), batches, as_of=turn, sources=b"", key=f"{turn}")
    print(turn, flush=True)
"""


def test_a_reader_sees_one_whole_generation_while_a_writer_is_killed_again_and_again(store, redis_server, prefix):
    keys = [f"{number}".encode() for number in range(400)]
    store.refresh(view(), [[Kept(key, 1, 1, b"1") for key in keys]], as_of=1, sources=b"", key="1")
    seen, last = set(), 1
    for life in range(4):
        command = [sys.executable, "-c", WRITER.replace("FIRST", f"{last + 1}"), redis_server.url, prefix]
        writer = subprocess.Popen([*command, redis_server.password], stdout=subprocess.PIPE, text=True)
        assert writer.stdout.readline() == "ready\n"
        for _ in range(60 + 17 * life):
            bodies = {each.body if each else None for each in store.read("p", "origin", keys)[1]}
            assert len(bodies) == 1
            seen |= bodies
        writer.kill()
        told = [int(line) for line in writer.communicate()[0].split()]
        (body,) = {each.body if each else None for each in store.read("p", "origin", keys)[1]}
        assert int(body) in {max(told, default=last), max(told, default=last) + 1}
        last = int(body)
    assert None not in seen
    assert len(seen) > 4
    store.refresh(view(), [[Kept(key, last, last + 1, b"end") for key in keys]], as_of=last + 1, sources=b"", key="end")
    assert len(list(store._redis.scan_iter(f"{prefix}:*:g:*"))) == 1
