"""The port of objects: bytes named by their digest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol


class ObjectStore(Protocol):
    """Bytes named by their SHA-256.

    Law: every ``put`` returns once the bytes are durable; putting the same bytes again changes nothing. ``get`` and
    ``fetch`` verify all they read and raise ``Corrupt`` rather than hand other bytes out; a digest never put raises
    ``NotFound``. Files of any size pass through in bounded memory. What a killed ``put`` leaves behind is never read.
    """

    def put(self, data: bytes) -> str: ...

    def put_all(self, values: Sequence[bytes]) -> list[str]:
        """Store values and return their digests in the same order, once all of them are durable; a thousand cost a few flushes."""
        ...

    def put_files(self, paths: Sequence[Path]) -> list[str]:
        """Store files and return their digests in the same order, once all of them are durable; after a crash, again from there."""
        ...

    def get(self, digest: str) -> bytes: ...

    def fetch(self, digest: str, path: Path) -> None:
        """Write an object to a file that must not be there; the file appears only when all of it was verified."""
        ...

    def has(self, digest: str) -> bool: ...

    def size(self, digest: str) -> int:
        """Return how many bytes the store keeps for an object; raises ``NotFound``."""
        ...

    def digests(self, *, before: datetime | None = None) -> Iterator[str]:
        """Yield the digest of every object, in no order, but for those put at or after ``before``: as ``remove`` would take."""
        ...

    def remove(self, digests: Sequence[str], *, before: datetime | None = None) -> int:
        """Remove objects for good and return how many bytes that freed; one that is not there is passed over.

        So is one that was put at or after ``before`` by the store's own clock, which is the machine's. To put the same
        bytes again counts: what a writer was told is durable is not taken while the writer has yet to write its entry.
        """
        ...
