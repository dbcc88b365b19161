"""A walk along a chain: it goes on where it ended, tells every fault, and agrees with the canonical seal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.core.canon import canonical, digest
from trimaran.core.errors import Corrupt
from trimaran.core.ledger import Walk, merkle
from trimaran.core.ledger.walking import MANY
from trimaran.core.nouns import GENESIS, Draft, Entry
from trimaran.testing import MemoryLedger
from trimaran.testing.ledger_kit import NOON, draft

TEXTS = st.text(st.characters(codec="utf-8"))


class Tampered(MemoryLedger):
    """A ledger in memory whose list is laid open; a body of None cannot be read."""

    def get(self, seq: int) -> Entry:
        found = [entry for entry in self._entries if entry.seq == seq]
        if found and found[0].actor == "unreadable":
            message = f"entry {seq} was changed after it was written: it is no entry"
            raise Corrupt(message)
        return found[0] if found else super().get(10**9)

    def scan(self, **given: Any) -> Iterator[Entry]:
        after = given["after"]
        page = [entry for entry in self._entries if entry.seq > after]
        for entry in page:
            self.get(entry.seq)
        yield from page


def filled(count: int, store: MemoryLedger | None = None) -> MemoryLedger:
    store = store or MemoryLedger()
    store.append([draft(f"k{store.head() + n}") for n in range(count)])
    return store


def root_of(store: MemoryLedger, size: int) -> str:
    tree = merkle.Range()
    for entry in list(store.scan(after=0))[:size]:
        tree.append(merkle.leaf(bytes.fromhex(entry.digest)))
    return tree.root().hex()


def walked(store: MemoryLedger, *marks: int) -> Walk:
    walk = Walk()
    walk.go(store, marks)
    return walk


@given(actor=TEXTS, subject=TEXTS, key=TEXTS, kind=TEXTS, body=st.binary(), at=st.datetimes(timezones=st.just(NOON.tzinfo)))
def test_the_seal_is_the_digest_of_the_canonical_fields(actor, subject, key, kind, body, at) -> None:  # type: ignore[no-untyped-def]
    entry = Entry.link(Draft(at=at, actor=actor, kind=kind, subject=subject, body=body, key=key), seq=3, previous="ab" * 32)
    assert entry.digest == digest(canonical([3, at, actor, kind, subject, digest(body), key, "ab" * 32]))


def test_the_seal_is_what_it_always_was() -> None:
    entry = Entry.link(draft("k"), seq=1, previous=GENESIS)
    assert entry.digest == "28094569c3a32ccc0aedeebad8b0a5a5339e11c1e73220f32d5e2c902b1ca250"


def test_roots_are_kept_at_the_marks_and_at_the_end() -> None:
    store = filled(20)
    walk = walked(store, 0, 7, 16, 99)
    assert walk.roots == {size: root_of(store, size) for size in (0, 7, 16, 20)}
    assert (walk.count, walk.head, walk.faults) == (20, store.get(20).digest, [])


def test_a_walk_goes_on_where_it_ended() -> None:
    store = filled(5)
    walk = walked(store)
    filled(6, store)
    walk.go(store, [8])
    assert walk.roots == {size: root_of(store, size) for size in (5, 8, 11)}
    assert walk.head == walked(store).head


def test_every_fault_is_told_and_none_is_told_twice() -> None:
    store = filled(30, Tampered())
    entries = store._entries
    entries[3] = msgspec.structs.replace(entries[3], body=b"[]")
    entries[9] = msgspec.structs.replace(entries[9], actor="unreadable")
    entries[14] = msgspec.structs.replace(entries[14], digest="no hexadecimal")
    del entries[20:23]
    entries[24], entries[25] = (
        msgspec.structs.replace(entries[place], seq=other) for place, other in ((25, entries[24].seq), (24, entries[25].seq))
    )
    faults = walked(store).faults
    assert [fault.what for fault in faults if "missing" in fault.what] == [
        "entry 10 is missing: entry 11 follows entry 9",
        "entries 21 to 23 are missing: entry 24 follows entry 20",
    ]
    assert [fault.where for fault in faults] == [
        *("entry 4", "entry 10"),
        "entry 11",  # the unreadable one is missing before it
        *("entry 15", "entry 16"),  # the digest is wrong, and the next does not follow it
        "entry 24",  # three are missing before it
        *("entry 28", "entry 29", "entry 30"),  # two changed places
    ]


def test_a_walk_ends_where_nothing_behind_an_entry_can_be_read() -> None:
    class Torn(Tampered):
        def get(self, seq: int) -> Entry:
            if seq > 12:
                message = f"entry {seq}: the page that it would be in is damaged"
                raise Corrupt(message)
            return super().get(seq)

        def scan(self, **given: Any) -> Iterator[Entry]:
            yield from (entry for entry in self._entries[:12] if entry.seq > given["after"])
            self.get(given["after"] + 13)

    walk = walked(filled(15, Torn()))
    assert walk.count == 12
    assert "damaged" in walk.faults[0].what
    assert "more faults" in walk.faults[-1].what


@pytest.mark.parametrize("count", [MANY, MANY + 1, MANY + 50])
def test_faults_are_told_one_by_one_up_to_a_hundred(count: int) -> None:
    store = filled(200)
    for place in range(count):
        store._entries[place] = msgspec.structs.replace(store._entries[place], actor="mallory")
    faults = walked(store).faults
    assert len(faults) == min(count, MANY) + (count > MANY)
    assert (count > MANY) == ("more faults" in faults[-1].what)
