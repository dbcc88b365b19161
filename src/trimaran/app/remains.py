"""Objects as a workspace has them: one that is not there any more says what became of it, or gives what stands for it now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from trimaran.control.fates import fate_of
from trimaran.core.errors import NotFound
from trimaran.core.ledger import Ledger
from trimaran.core.ports import ObjectStore


class RecordedObjects:
    """An ``ObjectStore`` that asks the ledger about what it does not have.

    An object that was purged is ``NotFound`` with who did it, when and in which entry. One whose rows of a person were
    erased gives the object without them: then the bytes are not those of the digest asked for, but those of the digest
    that the ledger names in its place, and these are verified.
    """

    def __init__(self, store: ObjectStore, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger

    def put(self, data: bytes) -> str:
        """Keep bytes and return their digest once they are durable."""
        return self._store.put(data)

    def put_all(self, values: Sequence[bytes]) -> list[str]:
        """Keep values and return their digests once they are durable."""
        return self._store.put_all(values)

    def put_files(self, paths: Sequence[Path]) -> list[str]:
        """Keep files and return their digests once they are durable."""
        return self._store.put_files(paths)

    def get(self, digest: str) -> bytes:
        """Return the bytes of a digest, or of what stands for it; raises ``NotFound`` and ``Corrupt``."""
        try:
            return self._store.get(digest)
        except NotFound as error:
            return self._store.get(self._heir(digest, error))

    def fetch(self, digest: str, path: Path) -> None:
        """Write an object, or what stands for it, to a new file; raises ``NotFound`` and ``Corrupt``."""
        try:
            self._store.fetch(digest, path)
        except NotFound as error:
            self._store.fetch(self._heir(digest, error), path)

    def has(self, digest: str) -> bool:
        """Tell whether an object, or what stands for it, is there."""
        if self._store.has(digest):
            return True
        fate = fate_of(self._ledger, digest)
        return fate is not None and fate[1] is not None and self.has(fate[1])

    def size(self, digest: str) -> int:
        """Return how many bytes the store keeps for an object, or for what stands for it; raises ``NotFound``."""
        try:
            return self._store.size(digest)
        except NotFound as error:
            return self._store.size(self._heir(digest, error))

    def digests(self, *, before: datetime | None = None) -> Iterator[str]:
        """Yield the digest of every object that is there."""
        return self._store.digests(before=before)

    def remove(self, digests: Sequence[str], *, before: datetime | None = None) -> int:
        """Remove objects and return how many bytes that freed."""
        return self._store.remove(digests, before=before)

    def _heir(self, digest: str, error: NotFound) -> str:
        """Return the object that stands for another; raises what became of it."""
        while not self._store.has(digest):
            fate = fate_of(self._ledger, digest)
            if fate is None:
                raise error
            entry, heir = fate
            if heir is None:
                message = (
                    f"object {digest} was purged on {entry.at:%Y-%m-%d %H:%M} UTC by {entry.actor} (entry {entry.seq}): "
                    "it cannot be brought back but from a copy of the workspace"
                )
                raise NotFound(message) from error
            digest = heir
        return digest
