"""A local cache in front of an object store: bounded, verified on every read, shared by processes."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from trimaran.backends.locking import locked
from trimaran.core.canon import digest as digest_of
from trimaran.core.clock import SystemClock
from trimaran.core.errors import Corrupt, Unavailable
from trimaran.core.objects import arrive, blocks_of
from trimaran.core.ports import ObjectStore

_DIGEST = re.compile(r"[0-9a-f]{64}")
_ROOM = 0.9  # part of the bound left after an eviction, so that it is not needed at the next object again
_ABANDONED = 24 * 3600.0  # seconds after which a copy on its way in has been given up


class CachedObjects:
    """An ``ObjectStore`` that keeps copies of what was put and read in a folder of at most ``limit`` bytes.

    The far store alone counts: a put returns once it has the bytes, and it is asked whether an object is still there before
    a copy is used, so that what was removed elsewhere is gone here too; only while it cannot answer do copies stand in. A
    copy spares a download: it is verified on every read, fetched again when it was changed, and thrown away when it was the
    longest unread.

    >>> import tempfile
    >>> from trimaran.testing import MemoryObjects
    >>> far = MemoryObjects()
    >>> store = CachedObjects(far, Path(tempfile.mkdtemp()), limit=1 << 20)
    >>> far.get(store.put(b"a model")), store.held()
    (b'a model', 7)
    """

    def __init__(self, far: ObjectStore, folder: Path, *, limit: int) -> None:
        self.far = far
        self.limit = limit
        self._folder = folder
        self._lock, self._total = folder / ".lock", folder / ".total"
        folder.mkdir(parents=True, exist_ok=True)
        with locked(self._lock, alone=True):
            self._evict()

    def put(self, data: bytes) -> str:
        """Store bytes in the far store and return their digest; a copy stays here."""
        name = self.far.put(data)
        self._keep(name, data)
        return name

    def put_all(self, values: Sequence[bytes]) -> list[str]:
        """Store values in the far store and return their digests; no copies stay here before they are read."""
        return self.far.put_all(values)

    def put_files(self, paths: Sequence[Path]) -> list[str]:
        """Store files in the far store and return their digests; no copies stay here before they are read."""
        return self.far.put_files(paths)

    def get(self, digest: str) -> bytes:
        """Return the bytes of a digest, from here or from the far store; raises as it does."""
        path = self._copy(digest)
        if path is not None:
            with suppress(FileNotFoundError):
                data = path.read_bytes()
                if digest_of(data) == digest:
                    os.utime(path)
                    return data
                self._forget([digest])
        data = self.far.get(digest)
        self._keep(digest, data)
        return data

    def fetch(self, digest: str, path: Path) -> None:
        """Write an object to a new file, from here or from the far store; raises as it does."""
        copy = self._copy(digest)
        if copy is not None:
            with suppress(FileNotFoundError), copy.open("rb") as file:
                try:
                    arrive(blocks_of(file), digest, path)
                except Corrupt:
                    self._forget([digest])
                else:
                    with suppress(FileNotFoundError):
                        os.utime(copy)
                    return
        self.far.fetch(digest, path)
        self._keep_file(digest, path)

    def has(self, digest: str) -> bool:
        """Tell whether the far store has an object."""
        return self.far.has(digest)

    def size(self, digest: str) -> int:
        """Return the bytes of an object in the far store; raises ``NotFound``."""
        return self.far.size(digest)

    def digests(self, *, before: datetime | None = None) -> Iterator[str]:
        """Yield the digest of every object in the far store, but for those put at or after ``before``."""
        return self.far.digests(before=before)

    def remove(self, digests: Sequence[str], *, before: datetime | None = None) -> int:
        """Remove objects from the far store, and any copy of them here; return how many bytes the far store freed."""
        try:
            return self.far.remove(digests, before=before)
        finally:
            self._forget(digests)

    def held(self) -> int:
        """Return how many bytes of copies are here, of every process that shares the folder."""
        with locked(self._lock, alone=False):
            return sum(size for _, size, _ in self._copies())

    def _copy(self, digest: str) -> Path | None:
        """Return where the copy of an object that still stands is, None when there is none."""
        path = self._path(digest)
        if path is None or not path.exists():
            return None
        try:
            if self.far.has(digest):
                return path
        except Unavailable:
            return path
        self._forget([digest])
        return None

    def _keep(self, name: str, data: bytes) -> None:
        if len(data) > self.limit:
            return
        aside = self._folder / f".{secrets.token_hex(16)}"
        try:
            aside.write_bytes(data)
            self._enter(name, aside, len(data))
        finally:
            aside.unlink(missing_ok=True)

    def _keep_file(self, name: str, path: Path) -> None:
        size = path.stat().st_size
        if size > self.limit:
            return
        aside = self._folder / f".{secrets.token_hex(16)}"
        try:
            with path.open("rb") as file, aside.open("xb") as new:
                new.writelines(blocks_of(file))
            self._enter(name, aside, size)
        finally:
            aside.unlink(missing_ok=True)

    def _enter(self, name: str, aside: Path, size: int) -> None:
        """Make room, then give a copy its name: the bound holds at every moment, whatever the number of processes."""
        path = self._folder / name
        with locked(self._lock, alone=True):
            if path.exists():
                os.utime(path)
                return
            total = self._counted() + size
            if total > self.limit:
                total = self._evict(room=size) + size
            self._total.write_text(
                str(total), encoding="ascii"
            )  # first: killed in between, it is a copy too many, not too few
            aside.replace(path)

    def _counted(self) -> int:
        try:
            return int(self._total.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):  # a writer was killed between the two steps of a write
            return self._evict()

    def _evict(self, room: int = 0) -> int:
        """Throw away the longest unread until ``room`` bytes more fit, and return how many are left; the lock is held."""
        copies = sorted(self._copies())
        left = sum(size for _, size, _ in copies)
        goal = self.limit if room == 0 else min(self.limit - room, int(self.limit * _ROOM))
        for _, size, path in copies:
            if left <= goal:
                break
            path.unlink(missing_ok=True)
            left -= size
        self._total.write_text(str(left), encoding="ascii")
        return left

    def _copies(self) -> list[tuple[float, int, Path]]:
        oldest = SystemClock().now().timestamp() - _ABANDONED
        found = []
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # thrown away, or given its name, meanwhile
                told = path.stat()
                if _DIGEST.fullmatch(path.name):
                    found.append((told.st_mtime, told.st_size, path))
                elif path not in {self._lock, self._total} and told.st_mtime < oldest:
                    path.unlink()
        return found

    def _forget(self, digests: Sequence[str]) -> None:
        with locked(self._lock, alone=True):
            for path in filter(None, map(self._path, digests)):
                path.unlink(missing_ok=True)
            self._evict()

    def _path(self, digest: str) -> Path | None:
        return self._folder / digest if _DIGEST.fullmatch(digest) else None
