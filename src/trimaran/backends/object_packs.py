"""Small objects kept many to a file: ten thousand cost two fsyncs instead of ten thousand."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from trimaran.backends.arrivals import Arrivals
from trimaran.backends.flushing import flush
from trimaran.core.canon import digest as digest_of
from trimaran.core.errors import Corrupt

_NAME = re.compile(r"[0-9a-f]{64}")
_RECORD = struct.Struct(">32sQQ")  # digest, offset, size
_FOOTER = struct.Struct(">QQ8s")  # where the index starts, how many records, what this is
_MARK = b"trimpack"


class Packed(NamedTuple):
    """Where a packed object lies: its pack, and the bytes in it."""

    pack: Path
    offset: int
    size: int


class Packs:
    """A folder of packs, each written once: the objects one after the other, an index sorted by digest, a footer.

    A pack is named by the SHA-256 of its index, which is verified when it is opened; the objects are verified by whoever
    reads them. Removing writes the pack's other objects to a new one first, so that they are there at every moment.
    """

    def __init__(self, folder: Path, arrivals: Arrivals) -> None:
        self._folder = folder
        self._arrivals = arrivals
        self._indexes: Mapping[str, bytes] = {}
        self._renewed: set[Path] = set()
        self._one = Lock()

    def add(self, objects: Mapping[str, bytes]) -> Path:
        """Write a pack of objects by digest and return it: on the disk, and its name as well once the folder is synced."""
        offset, records = 0, []
        for digest, data in sorted(objects.items()):
            records.append(_RECORD.pack(bytes.fromhex(digest), offset, len(data)))
            offset += len(data)
        index = b"".join(records)
        with self._arrivals.new() as file:
            file.writelines(data for _, data in sorted(objects.items()))
            file.write(index + _FOOTER.pack(offset, len(records), _MARK))
            file.flush()
            os.fsync(file.fileno())
            return Path(file.name).replace(self._folder / digest_of(index))

    def find(self, digest: str) -> Packed | None:
        """Return where an object lies, None when no pack has it; raises ``Corrupt`` when it may be in one that is broken."""
        wanted = bytes.fromhex(digest)
        if found := self._among_opened(wanted):
            return found
        broken = self._refresh()
        if found := self._among_opened(wanted):
            return found
        _refuse(broken)  # it may be in there
        return None

    def read(self, digest: str) -> bytes | None:
        """Return an object's bytes, from the first of its packs where they verify; None when no pack has it."""
        while found := self.find(digest):
            with suppress(FileNotFoundError):  # rewritten meanwhile: look again
                data = _slice(found)
                if digest_of(data) == digest:
                    return data
                self._refresh()
                others = map(_slice, self._all_opened(bytes.fromhex(digest)))
                return next((other for other in others if digest_of(other) == digest), data)
        return None

    def holds(self, digest: str, data: bytes) -> bool:
        """Tell whether the bytes lie in a pack opened before (see ``open``), which then counts as put again."""
        for found in self._all_opened(bytes.fromhex(digest)):
            if _slice(found) == data:
                if found.pack not in self._renewed:
                    os.utime(found.pack)
                    self._renewed.add(found.pack)
                return True
        return False

    def open(self) -> None:
        """Open the packs that were written since, as far as they verify."""
        self._renewed.clear()
        self._refresh()

    def digests(self, before: datetime | None = None) -> Iterator[str]:
        """Yield the digest of every object that lies only in packs put before a moment, once.

        Raises ``Corrupt`` for a pack whose index does not verify.
        """
        _refuse(self._refresh())
        ages = {name: is_older(self._folder / name, before) if before else True for name in self._indexes}
        young = [(name, index) for name, index in self._indexes.items() if not ages[name]]
        passed: list[tuple[str, bytes]] = []
        for name, index in self._indexes.items():
            if ages[name]:
                for digest, _, _ in _RECORD.iter_unpack(index):
                    if not any(self._look(*other, digest) for other in young + passed):
                        yield digest.hex()
                passed.append((name, index))

    def remove(self, digests: Collection[str], before: datetime | None = None) -> int:
        """Take objects out of every pack put before a moment and return how many bytes that freed, once it is on the disk.

        The caller holds whatever keeps two removals apart: each would keep what the other removes.
        """
        _refuse(self._refresh())
        freed = 0
        for name, index in self._indexes.items():
            gone = {digest: found for digest in digests if (found := self._look(name, index, bytes.fromhex(digest)))}
            if gone and (before is None or is_older(self._folder / name, before)):
                self._rewrite(name, index, gone)
                freed += sum(found.size for found in gone.values())
        if self._folder.exists():
            self.sync()  # also when nothing was there: the removal that took it away may have failed before this
        return freed

    def sync(self) -> None:
        """Make the names of all packs durable."""
        flush(self._folder)

    def _rewrite(self, name: str, index: bytes, gone: Collection[str]) -> None:
        pack, kept = self._folder / name, {}
        with pack.open("rb") as file:
            for digest, offset, size in _RECORD.iter_unpack(index):
                if digest.hex() not in gone:
                    kept[digest.hex()] = os.pread(file.fileno(), size, offset)
        if kept:
            put = pack.stat().st_mtime_ns
            new = self.add(kept)
            os.utime(new, ns=(put, put))
            self.sync()
        pack.unlink()
        self.sync()

    def _among_opened(self, wanted: bytes) -> Packed | None:
        return next(self._all_opened(wanted), None)

    def _all_opened(self, wanted: bytes) -> Iterator[Packed]:
        for name, index in self._indexes.items():
            if (found := self._look(name, index, wanted)) and found.pack.exists():
                yield found

    def _look(self, name: str, index: bytes, wanted: bytes) -> Packed | None:
        low, high = 0, len(index) // _RECORD.size
        while low < high:
            middle = (low + high) // 2
            if index[middle * _RECORD.size : middle * _RECORD.size + len(wanted)] < wanted:
                low = middle + 1
            else:
                high = middle
        record = index[low * _RECORD.size : (low + 1) * _RECORD.size]
        if not record.startswith(wanted):
            return None
        _, offset, size = _RECORD.unpack(record)
        return Packed(self._folder / name, offset, size)

    def _refresh(self) -> list[Path]:
        """Open the packs written since, here or elsewhere, forget those that are gone, and return those that are broken."""
        if not self._folder.exists():
            return []
        names, broken = {path.name for path in self._folder.iterdir() if _NAME.fullmatch(path.name)}, []
        with self._one:
            indexes = {name: index for name, index in self._indexes.items() if name in names}
            for name in sorted(names - indexes.keys()):
                with suppress(FileNotFoundError):  # rewritten meanwhile
                    index = _index(self._folder / name)
                    if index is None:
                        broken.append(self._folder / name)
                    else:
                        indexes[name] = index
            self._indexes = indexes  # replaced, never changed: other threads are reading the one before
        return broken


def is_older(path: Path, moment: datetime) -> bool:
    """Tell whether a file was written, or put again, before a moment."""
    return path.stat().st_mtime < moment.timestamp()


def _slice(found: Packed) -> bytes:
    with found.pack.open("rb") as file:
        return os.pread(file.fileno(), found.size, found.offset)


def _refuse(broken: Sequence[Path]) -> None:
    if broken:
        names = ", ".join(map(str, broken))
        message = f"the index of {names} does not verify, so that the objects in it cannot be found; restore it from a copy"
        raise Corrupt(message)


def _index(pack: Path) -> bytes | None:
    with pack.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        if end < _FOOTER.size:
            return None
        start, count, mark = _FOOTER.unpack(os.pread(file.fileno(), _FOOTER.size, end - _FOOTER.size))
        if mark != _MARK or start + count * _RECORD.size + _FOOTER.size != end:
            return None
        index = os.pread(file.fileno(), count * _RECORD.size, start)
    return index if digest_of(index) == pack.name else None
