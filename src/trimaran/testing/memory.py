"""Stores that keep everything in memory: as lawful as the others, and gone with the process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from threading import Lock

from trimaran.core.canon import digest as digest_of
from trimaran.core.clock import SystemClock
from trimaran.core.errors import NotFound
from trimaran.core.ledger import Tip, mentioned, prepared
from trimaran.core.nouns import GENESIS, Draft, Entry
from trimaran.core.objects import arrive, sizes_of


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
        ready = prepared(drafts)
        with self._lock:
            last = self._entries[-1] if self._entries else None
            digest, at = (last.digest, last.at) if last else (GENESIS, None)
            tip = Tip(len(self._entries), digest, at, first=self._keys.get, newest=self._newest)
            entries = tip.link(ready)
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

    def mentions(self, digest: str) -> Iterator[Entry]:
        """Yield every entry whose body holds a digest, oldest first."""
        yield from (entry for entry in self._entries[:] if digest in mentioned(entry.body))

    def disagreements(self) -> Iterator[str]:
        """Yield each place of the index that says something else than the entries."""
        folded = {(entry.kind, entry.subject): entry for entry in self._entries}
        for kind, subject in folded.keys() | self._latest.keys():
            if folded.get((kind, subject)) is not self._latest.get((kind, subject)):
                yield f"the newest {kind} of {subject} is not what the index says"

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
        self._put: dict[str, datetime] = {}

    def put(self, data: bytes) -> str:
        """Keep bytes and return their digest."""
        name = digest_of(data)
        self._objects[name] = bytes(data)
        self._put[name] = SystemClock().now()
        return name

    def get(self, digest: str) -> bytes:
        """Return the bytes of a digest; raises ``NotFound``."""
        if digest not in self._objects:
            message = f"no object {digest!r} was put"
            raise NotFound(message)
        return self._objects[digest]

    def put_all(self, values: Sequence[bytes]) -> list[str]:
        """Keep values and return their digests."""
        return [self.put(value) for value in values]

    def put_files(self, paths: Sequence[Path]) -> list[str]:
        """Keep the bytes of files and return their digests; raises ``InputError`` for a path that is no file."""
        sizes_of(paths)
        return [self.put(path.read_bytes()) for path in paths]

    def fetch(self, digest: str, path: Path) -> None:
        """Write an object to a new file; raises ``NotFound``, and ``Conflict`` when the file is there."""
        arrive([self.get(digest)], digest, path)

    def has(self, digest: str) -> bool:
        """Tell whether an object was put."""
        return digest in self._objects

    def size(self, digest: str) -> int:
        """Return the size of an object; raises ``NotFound``."""
        return len(self.get(digest))

    def digests(self, *, before: datetime | None = None) -> Iterator[str]:
        """Yield every digest, but for those put since ``before``."""
        yield from [
            name for name, put in list(self._put.items()) if name in self._objects and (before is None or put < before)
        ]

    def remove(self, digests: Sequence[str], *, before: datetime | None = None) -> int:
        """Forget objects, but for those put since ``before``, and return how many bytes they had."""
        old = [digest for digest in digests if before is None or self._put.get(digest, before) < before]
        return sum(len(self._objects.pop(digest, b"")) for digest in old)
