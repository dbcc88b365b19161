"""The ledger as every deck sees it: typed records in, Refs out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeVar, overload

import msgspec

from trimaran.core.canon import digest_of
from trimaran.core.clock import Clock
from trimaran.core.errors import Corrupt, Fault, InputError
from trimaran.core.ledger.codec import Codec, kind_of
from trimaran.core.ledger.walking import Walk
from trimaran.core.nouns import Draft, Entry, Record, Ref
from trimaran.core.ports import LedgerStore

R = TypeVar("R", bound=Record)


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """One record about to be written, with the subject it is about; ``key`` and ``after`` as in ``Ledger.append``."""

    record: Record
    subject: str
    key: str | None = None
    after: int | None = None


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """A chain found whole: how many entries, the digest of the last, which vouches for all of them, and the Merkle root."""

    count: int
    head: str
    root: str


class Ledger:
    """Writes and reads records as one actor; any number of threads may share it.

    >>> from datetime import UTC
    >>> from trimaran.core.clock import ManualClock
    >>> from trimaran.core.nouns import Notice
    >>> from trimaran.testing import MemoryLedger
    >>> ledger = Ledger(MemoryLedger(), ManualClock(datetime(2013, 1, 1, tzinfo=UTC)), "ada")
    >>> ref = ledger.append(Notice(product="p", to="me", subject="hello", text="…"), "p")
    >>> ledger.read(ref, Notice).subject
    'hello'
    """

    def __init__(self, store: LedgerStore, clock: Clock, actor: str, codec: Codec | None = None) -> None:
        self.store = store
        self.actor = actor
        self._clock = clock
        self._codec = codec or Codec()

    def as_actor(self, actor: str) -> Ledger:
        """Return the same ledger, writing in another name."""
        return Ledger(self.store, self._clock, actor, self._codec)

    def append(self, record: Record, subject: str, *, key: str | None = None, after: int | None = None) -> Ref:
        """Write a record and return its Ref once it is durable.

        ``key`` makes a repeat harmless: it returns the first Ref. It defaults to a digest of kind, subject and content, so
        that the same words about the same subject are one fact: give a key where the same may truly happen twice.
        ``after`` is the seq of the newest entry of this kind and subject that the decision was based on (0: none).
        Raises ``Conflict`` when the key was used for something else or a newer entry stands.
        """
        (ref,) = self.append_all([Write(record=record, subject=subject, key=key, after=after)])
        return ref

    def append_all(self, writes: Sequence[Write]) -> list[Ref]:
        """Write several records, all or none, and return their Refs in the same order."""
        if not writes:
            return []
        now = self._clock.now()
        return [entry.ref for entry in self.store.append([self._draft(write, now) for write in writes])]

    @overload
    def read(self, what: Ref | Entry) -> Record: ...

    @overload
    def read(self, what: Ref | Entry, kind: type[R]) -> R: ...

    def read(self, what: Ref | Entry, kind: type[Record] = Record) -> Record:
        """Return the record a Ref or an entry stands for, of the kind asked for.

        Raises ``NotFound`` for an entry that is not there, ``Corrupt`` when it is not the one the Ref names or was
        changed since, ``UnknownKind`` for a kind of a later trimaran and ``InputError`` for another kind than asked for.
        """
        if isinstance(what, Ref):
            entry = self.store.get(what.seq)
            if entry.ref != what:
                message = (
                    f"entry {what.seq} is {entry.ref}, not {what}: the ref is of another ledger, or one of them was changed"
                )
                raise Corrupt(message)
        else:
            entry = what
        entry.verify(entry.previous)
        record = self._codec.decode(entry.kind, entry.body)
        if not isinstance(record, kind):
            fault = Fault(
                what=f"{entry.ref} is a {entry.kind}, not a {kind_of(kind)}", remedy=f"pass the ref of a {kind_of(kind)}"
            )
            raise InputError("ref", [fault])
        return record

    def latest(self, kind: type[R], subject: str) -> tuple[Ref, R] | None:
        """Return the newest record of a kind about a subject, None when there is none."""
        entry = self.store.latest(kind_of(kind), subject)
        return None if entry is None else (entry.ref, self.read(entry, kind))

    def history(
        self, kinds: Sequence[type[R]], subject: str | None = None, until: datetime | None = None, *, after: int = 0
    ) -> Iterator[tuple[Entry, R]]:
        """Yield the records of some kinds, oldest first: of one subject, at or before ``until``, past seq ``after``."""
        for entry in self.store.scan(after=after, kinds=[kind_of(kind) for kind in kinds], subject=subject, until=until):
            record = self.read(entry)
            yield entry, record  # type: ignore[misc]  # the store yields only the kinds asked for

    def verify(self) -> Verification:
        """Walk the whole chain; raises ``Corrupt`` naming every entry that is missing, changed or out of place.

        A chain cannot tell that its newest entries were cut off: a checkpoint that is kept elsewhere can (``app/auditing.py``).
        """
        walk = Walk()
        walk.go(self.store)
        if walk.faults:
            raise Corrupt("\n".join(str(fault) for fault in walk.faults))
        return Verification(count=walk.count, head=walk.head, root=walk.roots[walk.count])

    def _draft(self, write: Write, now: datetime) -> Draft:
        kind, body = kind_of(write.record), self._codec.encode(write.record)
        key = digest_of([kind, write.subject, body]) if write.key is None else write.key
        return Draft(at=now, actor=self.actor, kind=kind, subject=write.subject, body=body, key=key, after=write.after)
