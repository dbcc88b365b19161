"""The ledger's port: an append-only, hash-chained list of entries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from trimaran.core.nouns import Draft, Entry


class LedgerStore(Protocol):
    """An append-only, hash-chained list of entries.

    Law: ``append`` is atomic and durable when it returns; seq numbers are 1, 2, 3 … without gaps; entry ``seq`` links to
    the digest of ``seq - 1``. A key seen before returns its first entry if the body is the same (whatever the time and
    actor), else raises ``Conflict``; a stale ``after`` raises ``Conflict``. On any error nothing of the batch stands.
    An entry's time is never before that of the entry before it: a clock that went back does not change the order.
    Any number of threads and processes may append and read at once; readers never wait for the writer.
    """

    def append(self, drafts: Sequence[Draft]) -> list[Entry]: ...

    def get(self, seq: int) -> Entry:
        """Return one entry; raises ``NotFound``."""
        ...

    def head(self) -> int:
        """Return the seq of the newest entry, 0 when there is none."""
        ...

    def latest(self, kind: str, subject: str) -> Entry | None:
        """Return the newest entry of a kind about a subject, from the index."""
        ...

    def find(self, key: str) -> Entry | None:
        """Return the entry first written under an idempotency key, None when there is none."""
        ...

    def mentions(self, digest: str) -> Iterator[Entry]:
        """Yield, oldest first, every entry whose body holds a digest (of an object, or of the entry a Ref names), from the index."""
        ...

    def scan(
        self, *, after: int = 0, kinds: Sequence[str] = (), subject: str | None = None, until: datetime | None = None
    ) -> Iterator[Entry]:
        """Yield entries in order of seq: past ``after``, of the kinds (all when empty), of one subject, at or before ``until``."""
        ...

    def disagreements(self) -> Iterator[str]:
        """Yield, in words, where the index or the file itself says something else than the entries; nothing when all agree."""
        ...

    def rebuild(self) -> None:
        """Throw the index tables away and build them again from the entries."""
        ...
