"""Stores that keep everything in memory: as lawful as the others, and gone with the process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from threading import Lock

from trimaran.core.canon import digest as digest_of
from trimaran.core.errors import NotFound
from trimaran.core.ledger import Tip
from trimaran.core.nouns import GENESIS, Draft, Entry


class MemoryLedger:
    """A ``LedgerStore`` in a list.

    >>> MemoryLedger().head()
    0
    """

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._keys: dict[str, Entry] = {}
        self._latest: dict[tuple[str, str], Entry] = {}
        self._lock = Lock()

    def append(self, drafts: Sequence[Draft]) -> list[Entry]:
        """Link a batch to the chain, all or nothing."""
        with self._lock:
            digest = self._entries[-1].digest if self._entries else GENESIS
            tip = Tip(len(self._entries), digest, first=self._keys.get, newest=self._newest)
            entries = tip.link(drafts)
            for entry in tip.fresh:
                self._keys[entry.key] = self._latest[entry.kind, entry.subject] = entry
            self._entries.extend(tip.fresh)
        return entries

    def get(self, seq: int) -> Entry:
        """Return one entry; raises ``NotFound``."""
        if not 1 <= seq <= len(self._entries):
            message = f"the ledger has no entry {seq}; its newest is {self.head()}"
            raise NotFound(message)
        return self._entries[seq - 1]

    def head(self) -> int:
        """Return the seq of the newest entry, 0 when there is none."""
        return len(self._entries)

    def latest(self, kind: str, subject: str) -> Entry | None:
        """Return the newest entry of a kind about a subject."""
        return self._latest.get((kind, subject))

    def find(self, key: str) -> Entry | None:
        """Return the entry first written under an idempotency key, None when there is none."""
        return self._keys.get(key)

    def scan(
        self, *, after: int = 0, kinds: Sequence[str] = (), subject: str | None = None, until: datetime | None = None
    ) -> Iterator[Entry]:
        """Yield entries in order of seq, those written meanwhile among them."""
        while after < len(self._entries):
            entry = self._entries[after]
            after = entry.seq
            if (
                (not kinds or entry.kind in kinds)
                and (subject is None or entry.subject == subject)
                and (until is None or entry.at <= until)
            ):
                yield entry

    def rebuild(self) -> None:
        """Build the index again from the entries."""
        with self._lock:
            self._latest = {(entry.kind, entry.subject): entry for entry in self._entries}

    def _newest(self, kind: str, subject: str) -> int:
        entry = self._latest.get((kind, subject))
        return entry.seq if entry else 0


class MemoryObjects:
    """An ``ObjectStore`` in a dictionary.

    >>> store = MemoryObjects()
    >>> store.get(store.put(b"a model"))
    b'a model'
    """

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        """Keep bytes and return their digest."""
        name = digest_of(data)
        self._objects[name] = bytes(data)
        return name

    def get(self, digest: str) -> bytes:
        """Return the bytes of a digest; raises ``NotFound``."""
        if digest not in self._objects:
            message = f"no object {digest!r} was put"
            raise NotFound(message)
        return self._objects[digest]

    def has(self, digest: str) -> bool:
        """Tell whether an object was put."""
        return digest in self._objects
