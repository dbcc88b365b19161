"""What a ledger in SQL does alike on every database: reads from its tables, appends in groups, builds its index again."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from trimaran.backends import ledger_index
from trimaran.backends.group_commit import GroupCommit
from trimaran.backends.ledger_tables import (
    ENTRIES,
    FIRST_PAGE,
    FORM,
    HEAD,
    MENTIONS,
    NAME,
    NEWEST,
    NEWEST_ENTRY,
    OF_KEY,
    OF_SEQ,
    PAGE,
    POINT,
    TIP,
    WRITE,
    Asked,
    Row,
    entry_of,
    further,
    mention_rows,
    row_of,
    scanned,
)
from trimaran.core.clock import from_micros, to_micros
from trimaran.core.errors import NotFound, TrimaranError, Unavailable
from trimaran.core.ledger import Tip, prepared
from trimaran.core.nouns import GENESIS, Draft, Entry

Take = Callable[[], Sequence[Sequence[Draft]]]

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Appending:
    """How a group is appended: ``of_keys`` is the database's condition for a list of keys, in the form ``keys`` gives it."""

    def __init__(self, of_keys: str, keys: Callable[[list[str]], Any]) -> None:
        self._of_keys, self._keys = f"{ENTRIES} WHERE {of_keys}", keys

    def __call__(self, connection: Asked, take: Take, name: str) -> list[list[Entry] | Exception]:
        """Link what waits to the end of the chain, in a transaction that keeps other writers away and that the caller ends."""
        ((form, seq, digest, at),) = connection.execute(TIP)
        known(form, name)
        batches = take()
        keys = list({draft.key for drafts in batches for draft in drafts})
        rows = connection.execute(self._of_keys, (self._keys(keys),)) if keys else ()
        before = {entry.key: entry for entry in map(entry_of, rows)}

        def newest(kind: str, subject: str) -> int:
            return next((seq for (seq,) in connection.execute(NEWEST, (kind, subject))), 0)

        tip = Tip(seq or 0, digest or GENESIS, None if at is None else from_micros(at), first=before.get, newest=newest)
        results = [_linked(tip, drafts) for drafts in batches]
        if tip.fresh:
            connection.executemany(WRITE, [row_of(entry) for entry in tip.fresh])
            places = {(entry.kind, entry.subject): entry.seq for entry in tip.fresh}
            connection.executemany(POINT, [(*place, seq) for place, seq in places.items()])
            named = mention_rows((entry.seq, entry.body) for entry in tip.fresh)
            if named:
                connection.executemany(NAME, named)
        return results


class SqlLedger(ABC):
    """A ``LedgerStore`` over the tables of ``ledger_tables``; ``name`` is what messages call it.

    A backend says how one question is answered (``_rows``), how one state of everything is looked at (``_snapshot``) and
    how it is written while no other process writes (``_writing``); appends of the threads of one process share a commit.
    """

    def __init__(self, name: str, appending: Appending) -> None:
        self.name = name
        self._appending = appending
        self._group: GroupCommit[Sequence[Draft], list[Entry]] = GroupCommit(self._commit)

    def append(self, drafts: Sequence[Draft]) -> list[Entry]:
        """Write a batch, all or nothing, and return its entries once they are on the disk."""
        return self.submit(drafts).result()

    def submit(self, drafts: Sequence[Draft]) -> Future[list[Entry]]:
        """Queue a batch and return the future of its entries, done once they are on the disk."""
        return self._group.submit(prepared(drafts))

    def get(self, seq: int) -> Entry:
        """Return one entry; raises ``NotFound``."""
        rows = self._rows(OF_SEQ, (seq,))
        if not rows:
            message = f"the ledger {self.name} has no entry {seq}; its newest is {self.head()}"
            raise NotFound(message)
        return entry_of(rows[0])

    def head(self) -> int:
        """Return the seq of the newest entry, 0 when there is none."""
        return int(self._rows(HEAD)[0][0])

    def latest(self, kind: str, subject: str) -> Entry | None:
        """Return the newest entry of a kind about a subject, from the index."""
        return self._entry(NEWEST_ENTRY, kind, subject)

    def find(self, key: str) -> Entry | None:
        """Return the entry first written under an idempotency key, None when there is none."""
        return self._entry(OF_KEY, key)

    def mentions(self, digest: str) -> Iterator[Entry]:
        """Yield, oldest first, every entry whose body holds a digest, from the index."""
        if _DIGEST.fullmatch(digest) is None:
            return
        yield from self._paged(MENTIONS, (bytes.fromhex(digest),), 0)

    def scan(
        self, *, after: int = 0, kinds: Sequence[str] = (), subject: str | None = None, until: datetime | None = None
    ) -> Iterator[Entry]:
        """Yield entries in order of seq, a page at a time; entries written meanwhile are among them."""
        moment = None if until is None else to_micros(until)
        yield from self._paged(*scanned(kinds=kinds, subject=subject, until=moment), after)

    def disagreements(self) -> Iterator[str]:
        """Yield where the index says something else than the entries."""
        with self._snapshot() as connection:
            yield from ledger_index.disagreements(connection)

    def rebuild(self) -> None:
        """Throw the index away and build it again from the entries."""
        with self._writing() as connection:
            ledger_index.build_index(connection)

    @abstractmethod
    def _rows(self, question: str, values: Sequence[object] = ()) -> Sequence[Row]: ...

    @abstractmethod
    def _snapshot(self) -> AbstractContextManager[Asked]: ...

    @abstractmethod
    def _writing(self) -> AbstractContextManager[Asked]: ...

    @abstractmethod
    def _commit(self, take: Take) -> list[list[Entry] | Exception]: ...

    def _entry(self, question: str, *values: str) -> Entry | None:
        if any("\0" in value for value in values):  # no store keeps one, and some refuse to be asked
            return None
        rows = self._rows(question, values)
        return entry_of(rows[0]) if rows else None

    def _paged(self, question: str, values: Sequence[object], after: int) -> Iterator[Entry]:
        size = FIRST_PAGE
        while True:
            page = [entry_of(row) for row in self._rows(question, (*values, after, size))]
            yield from page
            if len(page) < size:
                return
            after, size = further(page[-1].seq, after), min(PAGE, size * 4)


def known(form: int, name: str) -> None:
    """Raise ``Unavailable`` unless a layout is today's."""
    if form != FORM:
        remedy = "install the newer trimaran that wrote it" if form > FORM else "open it again"
        message = f"the ledger {name} has layout {form}, this trimaran reads layout {FORM}; {remedy}"
        raise Unavailable(message)


def _linked(tip: Tip, drafts: Sequence[Draft]) -> list[Entry] | Exception:
    try:
        return tip.link(drafts)
    except TrimaranError as error:
        return error
