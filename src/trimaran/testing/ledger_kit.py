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


def a_clock_that_goes_back_does_not_change_the_order(store: LedgerStore) -> None:
    """Give an entry the later of its clock's time and the last entry's, across batches and inside one."""
    hours = (0, 2, 1, -5, 2, 3, 0)
    written = [store.append([draft(f"{n}", at=NOON + timedelta(hours=hour))])[0] for n, hour in enumerate(hours)]
    written += store.append([draft(f"b{n}", at=NOON + timedelta(hours=hour)) for n, hour in enumerate((1, 4, 2))])
    told = [(entry.at - NOON) // timedelta(hours=1) for entry in store.scan()]
    holds(told == [0, 2, 2, 2, 2, 3, 3, 3, 4, 4], "an entry's time is the later of its clock's and the last entry's")
    previous = GENESIS
    for entry in written:
        entry.verify(previous)
        previous = entry.digest
    seen = [entry.seq for entry in store.scan(until=NOON + timedelta(hours=2))]
    holds(seen == [1, 2, 3, 4, 5], "what stood at a moment is a beginning of the ledger")


def mentions_are_the_entries_that_name_a_digest(store: LedgerStore) -> None:
    """Objects and Refs alike, each entry once, oldest first, before and after the index is rebuilt."""
    a, b, c = (f"{n}" * 64 for n in "abc")
    bodies = (f'["{a}"]', f'["{b}","{a}","{a}"]', "{}", f'"run:p@1.{b}"', f'"f{c}"', f'"{c[1:]}"')
    store.append([draft(f"{n}", body=body.encode()) for n, body in enumerate(bodies)])
    store.append([draft("0", body=bodies[0].encode()), draft("last", body=f'{{"x":"{a}"}}'.encode())])
    for _ in range(2):
        found = [[entry.seq for entry in store.mentions(digest)] for digest in (a, b, c, "0" * 64)]
        holds(found == [[1, 2, 7], [2, 4], [], []], "mentions are the entries whose body holds the digest")
        holds(list(store.mentions(b)) == [store.get(2), store.get(4)], "mentions yields whole entries")
        store.rebuild()
    holds(list(store.mentions("not a digest")) == [], "what is no digest is named nowhere")


def texts_that_no_index_can_hold_are_refused(store: LedgerStore) -> None:
    """Keep the same limits everywhere, so that a ledger can move from one backend to another."""
    for bad in (draft("a\0b"), draft("k", subject="\0"), draft("k" * 2001), draft("k", subject="é" * 1001)):
        refuses(InputError, lambda bad=bad: store.append([draft("fine"), bad]), "a text that cannot be kept is refused")  # type: ignore[misc]
    holds(store.head() == 0, "nothing of such a batch stands")
    store.append([draft("k" * 2000, subject="é" * 990)])
    holds(store.get(1).subject == "é" * 990, "a text up to the limit is kept")


def bodies_are_bytes(store: LedgerStore) -> None:
    """Any bytes come back as they were."""
    body = bytes(range(256))
    store.append([draft("k", body=body, subject="Zürich ✈")])
    holds((store.get(1).body, store.get(1).subject) == (body, "Zürich ✈"), "bytes and text come back unchanged")


def a_scan_reads_more_than_one_page(store: LedgerStore) -> None:
    """Nothing is lost or doubled where pages meet."""
    store.append([draft(f"{n}") for n in range(2500)])
    holds([entry.seq for entry in store.scan()] == list(range(1, 2501)), "a long scan yields every entry once")


def a_scan_goes_on_while_others_write(store: LedgerStore) -> None:
    """Read on without waiting for a writer and without a gap, and hear of what was written meanwhile."""
    store.append([draft(f"{n}") for n in range(1200)])
    scan = store.scan()
    seen = [next(scan).seq]
    for n in range(1200, 2400):
        if n % 100 == 0:
            store.append([draft(f"{m}") for m in range(n, n + 100)])
        seen.append(next(scan).seq)
    seen += [entry.seq for entry in scan]
    holds(seen == list(range(1, 2401)), "a scan yields every entry once, those written meanwhile among them")


def one_of_many_wins_a_compare_and_set(store: LedgerStore) -> None:
    """Writers that decided on the same view: one goes on, the others hear of it; nobody is lost over many rounds."""

    def move(writer: int) -> int:
        won = 0
        for n in range(12):
            newest = store.latest("turn", "p")
            try:
                store.append([draft(f"{writer}-{n}", after=newest.seq if newest else 0)])
            except Conflict:
                continue
            won += 1
        return won

    with ThreadPoolExecutor(6) as pool:
        won = sum(pool.map(move, range(6)))
    holds(store.head() == won >= 12, "every compare-and-set that was acknowledged stands, and no other")
    keys = [f"race-{n}" for n in range(8)]
    head = store.head()

    def race(key: str) -> str | None:
        try:
            return store.append([draft(key, after=head)])[0].key
        except Conflict:
            return None

    with ThreadPoolExecutor(8) as pool:
        winners = [key for key in pool.map(race, keys) if key]
    holds(len(winners) == 1 and store.head() == head + 1, "of writers with one view exactly one wins")


def a_key_sent_by_many_at_once_is_one_entry(store: LedgerStore) -> None:
    """Idempotency holds between threads that send the same at the same time."""
    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(lambda n: store.append([draft(f"{n % 5}")])[0], range(40)))
    holds(store.head() == 5, "a key is written once however many send it")
    holds(all(entry == store.find(entry.key) for entry in written), "each sender gets the one entry of its key")


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
    a_clock_that_goes_back_does_not_change_the_order,
    mentions_are_the_entries_that_name_a_digest,
    texts_that_no_index_can_hold_are_refused,
    bodies_are_bytes,
    a_scan_reads_more_than_one_page,
    a_scan_goes_on_while_others_write,
    one_of_many_wins_a_compare_and_set,
    a_key_sent_by_many_at_once_is_one_entry,
    threads_append_without_loss,
)
