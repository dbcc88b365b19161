"""The laws of ``LedgerStore``; each takes an empty store."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

from trimaran.core.errors import Conflict, InputError, NotFound
from trimaran.core.nouns import GENESIS, Draft
from trimaran.core.ports import LedgerStore
from trimaran.testing.laws import holds, refuses

NOON = datetime(2013, 7, 1, 12, 0, 0, 123456, tzinfo=UTC)


def draft(
    key: str, *, kind: str = "turn", subject: str = "p", body: bytes = b"{}", after: int | None = None, at: datetime = NOON
) -> Draft:
    """Return a draft that differs from the next only where a law wants it to."""
    return Draft(at=at, actor="kit", kind=kind, subject=subject, body=body, key=key, after=after)


def an_empty_ledger_has_head_0(store: LedgerStore) -> None:
    """Nothing is there, and asking for it says so."""
    holds(store.head() == 0, "the head of an empty ledger is 0")
    holds(store.latest("turn", "p") is None, "an empty ledger has no latest entry")
    holds(list(store.scan()) == [], "an empty ledger scans to nothing")
    refuses(NotFound, lambda: store.get(1), "an entry that is not there is NotFound")


def an_empty_batch_changes_nothing(store: LedgerStore) -> None:
    """No drafts, no entries."""
    holds(store.append([]) == [] and store.head() == 0, "an empty batch leaves the ledger empty")


def entries_are_numbered_and_chained(store: LedgerStore) -> None:
    """Seq is 1, 2, 3 … and every entry seals the one before it."""
    written = [*store.append([draft("a"), draft("b")]), *store.append([draft("c")])]
    holds([entry.seq for entry in written] == [1, 2, 3], "seq numbers have no gaps")
    holds(list(store.scan()) == written, "what was returned is what is read")
    holds([store.get(seq) for seq in (1, 2, 3)] == written, "get returns the entries append returned")
    previous = GENESIS
    for entry in written:
        entry.verify(previous)
        previous = entry.digest


def a_repeated_key_returns_the_first_entry(store: LedgerStore) -> None:
    """Whatever the time and actor, and inside one batch as well."""
    (first,) = store.append([draft("k")])
    (again,) = store.append([draft("k", at=NOON + timedelta(days=1))])
    holds(again == first and store.head() == 1, "a repeat returns the first entry and writes nothing")
    holds(store.find("k") == first and store.find("never") is None, "find returns the entry of a key")
    twice = store.append([draft("n"), draft("n")])
    holds(twice[0] == twice[1] and store.head() == 2, "a key repeated inside a batch is written once")
    (stale,) = store.append([draft("k", after=99)])
    holds(stale == first, "a repeat is answered before its compare-and-set is looked at")


def a_key_used_for_something_else_conflicts(store: LedgerStore) -> None:
    """Another body, subject or kind under one key is a mistake that must not pass for a repeat."""
    store.append([draft("k")])
    for other in (draft("k", body=b"[]"), draft("k", subject="q"), draft("k", kind="notice")):
        refuses(Conflict, lambda other=other: store.append([other]), "a key used for something else conflicts")  # type: ignore[misc]
    holds(store.head() == 1, "a conflict writes nothing")


def a_stale_after_conflicts(store: LedgerStore) -> None:
    """Compare-and-set looks at the newest entry of the same kind and subject only."""
    store.append([draft("a", after=0)])
    refuses(Conflict, lambda: store.append([draft("b", after=0)]), "after=0 conflicts once there is an entry")
    store.append([draft("other", subject="q", after=0), draft("c", after=1)])
    refuses(Conflict, lambda: store.append([draft("d", after=1)]), "an after that is not the newest conflicts")
    chained = store.append([draft("e", after=3), draft("f", after=4)])
    holds([entry.seq for entry in chained] == [4, 5], "a batch sees what it wrote itself")


def a_failing_batch_leaves_nothing(store: LedgerStore) -> None:
    """All or nothing, also for the index and the keys."""
    store.append([draft("k")])
    batch = [draft("x", subject="new"), draft("k", body=b"[]")]
    refuses(Conflict, lambda: store.append(batch), "one conflict fails its batch")
    holds(store.head() == 1 and store.latest("turn", "new") is None, "nothing of a failed batch stands")
    (entry,) = store.append([draft("x", subject="new")])
    holds(entry.seq == 2, "a key of a failed batch is free")


def latest_is_the_newest_of_its_kind_and_subject(store: LedgerStore) -> None:
    """Hold the index to a fold over the entries, before and after it is rebuilt."""
    store.append([draft(f"{n}", kind=kind, subject=subject) for n, (kind, subject) in enumerate(_PLACES)])
    for _ in range(2):
        folded = {(entry.kind, entry.subject): entry for entry in store.scan()}
        found = {place: store.latest(*place) for place in folded}
        holds(found == folded, "latest equals the fold over the entries")
        store.rebuild()


def scan_filters_by_every_argument(store: LedgerStore) -> None:
    """Past ``after``, of the kinds, of the subject, at or before ``until``; in order of seq."""
    drafts = [
        draft(f"{n}", kind=kind, subject=subject, at=NOON + timedelta(minutes=n))
        for n, (kind, subject) in enumerate(_PLACES)
    ]
    entries = store.append(drafts)
    until = NOON + timedelta(minutes=4)
    wanted = [e for e in entries if e.seq > 1 and e.kind in ("turn", "notice") and e.subject == "p" and e.at <= until]
    found = list(store.scan(after=1, kinds=["turn", "notice"], subject="p", until=until))
    holds(found == wanted and len(wanted) > 1, "scan yields what every filter lets through")


def a_moment_is_kept_to_the_microsecond_in_utc(store: LedgerStore) -> None:
    """Keep one zone, because the seal covers the time's text."""
    there = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    (entry,) = store.append([draft("k", at=there)])
    holds(store.get(1) == entry and store.get(1).at.isoformat() == NOON.isoformat(), "times are kept exactly, in UTC")
    entry.verify(GENESIS)
    refuses(InputError, lambda: store.append([draft("n", at=NOON.replace(tzinfo=None))]), "a time without a zone is refused")


def bodies_are_bytes(store: LedgerStore) -> None:
    """Any bytes come back as they were."""
    body = bytes(range(256))
    store.append([draft("k", body=body, subject="Zürich ✈")])
    holds((store.get(1).body, store.get(1).subject) == (body, "Zürich ✈"), "bytes and text come back unchanged")


def a_scan_reads_more_than_one_page(store: LedgerStore) -> None:
    """Nothing is lost or doubled where pages meet."""
    store.append([draft(f"{n}") for n in range(2500)])
    holds([entry.seq for entry in store.scan()] == list(range(1, 2501)), "a long scan yields every entry once")


def threads_append_without_loss(store: LedgerStore) -> None:
    """Many writers and a failing one; the chain holds and only the failing one hears of it."""
    store.append([draft("taken")])

    def write(writer: int) -> None:
        for n in range(10):
            store.append([draft(f"{writer}-{n}", subject=f"s{writer}")])
            refuses(Conflict, lambda: store.append([draft("taken", body=b"[]")]), "a conflict reaches its own caller")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    previous = GENESIS
    for seq, entry in enumerate(store.scan(), start=1):
        holds(entry.seq == seq, "threads leave no gap")
        entry.verify(previous)
        previous = entry.digest
    holds(store.head() == 81, "every acknowledged entry of every thread stands")


_PLACES = (("turn", "p"), ("notice", "p"), ("turn", "q"), ("turn", "p"), ("trigger", "p"), ("notice", "p"), ("turn", "q"))

LAWS: tuple[Callable[[LedgerStore], None], ...] = (
    an_empty_ledger_has_head_0,
    an_empty_batch_changes_nothing,
    entries_are_numbered_and_chained,
    a_repeated_key_returns_the_first_entry,
    a_key_used_for_something_else_conflicts,
    a_stale_after_conflicts,
    a_failing_batch_leaves_nothing,
    latest_is_the_newest_of_its_kind_and_subject,
    scan_filters_by_every_argument,
    a_moment_is_kept_to_the_microsecond_in_utc,
    bodies_are_bytes,
    a_scan_reads_more_than_one_page,
    threads_append_without_loss,
)
