"""Objects as files named by their SHA-256."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from trimaran.backends.arrivals import Arrivals
from trimaran.backends.flushing import flush, make_folder
from trimaran.backends.locking import locked
from trimaran.backends.object_packs import Packs, is_older
from trimaran.core.canon import digest as digest_of
from trimaran.core.errors import Corrupt, NotFound, Unavailable
from trimaran.core.objects import BLOCK, arrive, blocks_of, pour, sizes_of

_DIGEST = re.compile(r"[0-9a-f]{64}")
_NEW = ".new"
_PACKS = "packs"
_SMALL, _MANY, _PACK = 1 << 20, 16, 64 << 20  # bytes of a small file, how many make packing worth it, bytes of a pack
_WRITERS = 8  # threads: the disk gathers their fsyncs into few flushes; more only wait for each other


class FileObjects:
    """An ``ObjectStore`` in a directory: ``ab/cdef…`` holds the bytes whose digest is ``abcdef…``.

    A file appears under its name only when all of it is on the disk, and is only ever replaced when it was found changed.
    Small files put many at once share packs.
    What a killed writer leaves behind lies in ``.new``, is never read, and is thrown away by a later writer after a day.

    >>> import tempfile
    >>> store = FileObjects(Path(tempfile.mkdtemp()))
    >>> store.get(store.put(b"a model"))
    b'a model'
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._removals = root / ".removals"
        self._arrivals = Arrivals(root / _NEW)
        self._packs = Packs(root / _PACKS, self._arrivals)
        self._settled: set[Path] = set()  # folders that are there, their own names durable
        if not root.exists():
            make_folder(root)

    def put(self, data: bytes) -> str:
        """Write bytes and return their digest once they are on the disk; raises ``Unavailable`` when they cannot be."""
        name = digest_of(data)
        with _using(self.root, f"object {name} could not be written"):
            self._keep(data)
            flush(self._path(name).parent)  # also when it was there: its writer may not have come this far
        return name

    def put_all(self, values: Sequence[bytes]) -> list[str]:
        """Write values, small ones in packs, and return their digests once all are on the disk; raises as ``put`` does."""
        small = [place for place, value in enumerate(values) if len(value) <= _SMALL]
        with _using(self.root, f"some of {len(values)} objects could not be written"):
            packed = self._pack(values[place] for place in small) if len(small) > 1 else []
        names = dict(zip(small, packed, strict=False))
        return [names.get(place) or self.put(value) for place, value in enumerate(values)]

    def put_files(self, paths: Sequence[Path]) -> list[str]:
        """Store files and return their digests once all are on the disk: small ones in packs, large ones some at a time.

        Raises ``InputError`` naming every path that is no readable file, and ``Unavailable`` when the disk fails.
        """
        small = dict.fromkeys(path for path, size in zip(paths, sizes_of(paths), strict=True) if size <= _SMALL)
        with _using(self.root, f"some of {len(paths)} files could not be written"), ThreadPoolExecutor(_WRITERS) as pool:
            packed = self._pack(path.read_bytes() for path in small) if len(small) >= _MANY else []
            names = dict(zip(small, packed, strict=False))
            large = [path for path in dict.fromkeys(paths) if path not in names]
            names |= zip(large, pool.map(self._take, large), strict=True)
            folders = {self.root / shelf for shelf in {name[:2] for name in names.values()}}
            list(pool.map(flush, filter(Path.exists, folders)))
        return [names[path] for path in paths]

    def get(self, digest: str) -> bytes:
        """Return the bytes of a digest; raises ``NotFound``, or ``Corrupt`` when the disk gives back others."""
        path = self._there(digest)
        with _using(self.root, f"object {digest} could not be read"):
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                data = _packed(self._packs, digest, self.root)
        if digest_of(data) != digest:
            message = (
                f"object {digest} below {self.root} does not have the bytes of its name any more; "
                "restore it from a copy, or put the same bytes again"
            )
            raise Corrupt(message)
        return data

    def fetch(self, digest: str, path: Path) -> None:
        """Write an object to a new file; raises ``NotFound``, ``Corrupt``, and ``Conflict`` when the file is there."""
        there = self._there(digest)
        with _using(self.root, f"object {digest} could not be fetched"):
            try:
                with there.open("rb") as file:
                    arrive(blocks_of(file), digest, path)
            except FileNotFoundError:
                arrive([_packed(self._packs, digest, self.root)], digest, path)

    def has(self, digest: str) -> bool:
        """Tell whether an object was put; a text that is no digest names none."""
        return _DIGEST.fullmatch(digest) is not None and (
            self._path(digest).exists() or self._packs.find(digest) is not None
        )

    def size(self, digest: str) -> int:
        """Return the bytes of an object on the disk; raises ``NotFound``."""
        path = self._there(digest)
        found = None if path.exists() else self._packs.find(digest)
        return found.size if found else path.stat().st_size

    def digests(self, *, before: datetime | None = None) -> Iterator[str]:
        """Yield the digest of every object, but for those put at or after ``before``.

        Raises ``Corrupt`` when a pack cannot be listed.
        """
        for folder in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            for path in folder.iterdir():
                if _DIGEST.fullmatch(name := folder.name + path.name) and (before is None or is_older(path, before)):
                    yield name
        yield from (name for name in self._packs.digests(before) if not self._path(name).exists())

    def remove(self, digests: Sequence[str], *, before: datetime | None = None) -> int:
        """Remove objects and return how many bytes that freed, once their names are gone from the disk.

        What was put at or after ``before``, for the first time or again, is passed over.
        """
        names = {digest for digest in digests if _DIGEST.fullmatch(digest)}
        freed, folders = 0, set()
        with _using(self.root, f"some of {len(names)} objects could not be removed"), locked(self._removals, alone=True):
            for path in (self._path(name) for name in names):
                if path.exists() and (before is None or is_older(path, before)):
                    freed += path.stat().st_size
                    path.unlink(missing_ok=True)
                folders.add(path.parent)
            for folder in filter(Path.exists, folders):
                flush(folder)
            return freed + self._packs.remove(names, before)

    def _take(self, path: Path) -> str:
        with path.open("rb") as file:
            first = file.read(BLOCK)
            if len(first) < BLOCK:
                return self._keep(first)
            with self._arrivals.new() as new:
                name = pour(chain([first], blocks_of(file)), new.write)
                if not self._verifies(name):
                    self._name(new, name)
            return name

    def _pack(self, values: Iterable[bytes]) -> list[str]:
        self._settle(self.root / _PACKS)
        names: list[str] = []
        fresh: dict[str, bytes] = {}
        waiting = 0
        with locked(self._removals, alone=False):  # what is found in a pack stays there until it counts as put again
            self._packs.open()
            shelves = {path.name for path in self.root.iterdir()}
            for data in values:
                name = digest_of(data)
                names.append(name)
                lies = name[:2] in shelves and self._lies(name, data)
                if name in fresh or lies or self._packs.holds(name, data):
                    continue
                fresh[name] = data
                waiting += len(data)
                if waiting >= _PACK:
                    self._packs.add(fresh)
                    fresh, waiting = {}, 0
            if fresh:
                self._packs.add(fresh)
            self._packs.sync()
        return names

    def _keep(self, data: bytes) -> str:
        name = digest_of(data)
        if self._lies(name, data):
            return name
        with self._arrivals.new() as new:
            new.write(data)
            self._name(new, name)
        return name

    def _lies(self, name: str, data: bytes) -> bool:
        path = self._path(name)
        if not (path.exists() and path.read_bytes() == data and self._touch(path)):
            return False
        self._settle(path.parent)
        return True

    def _verifies(self, name: str) -> bool:
        path = self._path(name)
        if not path.exists():
            return False
        self._settle(path.parent)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == name and self._touch(path)

    def _touch(self, path: Path) -> bool:
        """Note that an object was put again, so that no removal takes it for old; return whether it is still there."""
        with locked(self._removals, alone=False), suppress(FileNotFoundError):
            os.utime(path)
            return True
        return False

    def _name(self, new: BinaryIO, name: str) -> None:
        new.flush()
        os.fsync(new.fileno())
        path = self._path(name)
        self._settle(path.parent)
        Path(new.name).replace(path)

    def _settle(self, folder: Path) -> None:
        if folder not in self._settled:
            folder.mkdir(exist_ok=True)
            flush(self.root)  # also when it was there: whoever made it may not have come this far
            self._settled.add(folder)

    def _there(self, digest: str) -> Path:
        if not self.has(digest):
            raise NotFound(_missing(self.root, digest))
        return self._path(digest)

    def _path(self, digest: str) -> Path:
        return self.root / digest[:2] / digest[2:]


@contextmanager
def _using(root: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"{what} below {root} ({error}); nothing was recorded: see to the disk and retry"
        raise Unavailable(message) from error


def _packed(packs: Packs, digest: str, root: Path) -> bytes:
    data = packs.read(digest)
    if data is None:
        raise NotFound(_missing(root, digest))
    return data


def _missing(root: Path, digest: str) -> str:
    return f"no object {digest!r} below {root}; an object is named by the 64 hexadecimal digits that put returned"
