"""Opens a bundle, tar file or folder: nothing is unpacked, and no name in it is ever a path."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from trimaran.app.moving.bundle import (
    MANIFEST,
    MOST_MANIFEST,
    MOST_MEMBERS,
    MOST_NOTE,
    NOTE,
    Manifest,
    Member,
    read_manifest,
)
from trimaran.backends.file_objects import FileObjects
from trimaran.core.errors import Fault, InputError, NotFound

_TAR = 512
_NAMED = re.compile(r"^manifest ([0-9a-f]{64})$", re.MULTILINE)


class Bundle(Protocol):
    """A bundle to read; nothing in it is trusted before it was verified."""

    data: bytes
    note: str
    manifest: Manifest

    def open(self, member: Member) -> BinaryIO:
        """Return the bytes of a member to read; the caller closes it."""
        ...


class TarBundle:
    """A bundle in one tar file: plain files that its manifest lists, at most once each, and nothing else.

    Raises ``InputError`` naming everything that is not as the manifest says, and ``NotFound``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with _reading(path) as file:
            places = dict(_places(file, path))
            self.data = _read(file, places, MANIFEST, MOST_MANIFEST)
            self.note = _read(file, places, NOTE, MOST_NOTE).decode(errors="replace")
        self.manifest = read_manifest(self.data)
        listed = {member.name: member.size for member in self.manifest.members}
        found = {name: size for name, (_, size) in places.items() if name not in {MANIFEST, NOTE}}
        faults = [
            Fault(what=_difference(listed.get(name), found.get(name)), where=name[:200], remedy="copy or export it again")
            for name in sorted({*listed, *found})
            if listed.get(name) != found.get(name)
        ]
        if faults:
            raise InputError(str(path), faults[:100])
        self._places = places

    def open(self, member: Member) -> BinaryIO:
        """Return the bytes of a member to read."""
        offset, size = self._places[member.name]
        return io.BufferedReader(_Part(self._path, offset, size), 1 << 20)


class FolderBundle:
    """A backup in a folder: members by their digests, and the note that says which of them count."""

    def __init__(self, folder: Path) -> None:
        if not (folder / NOTE).is_file():
            raise NotFound(f"there is no finished backup in {folder}; name a folder that `trimaran backup` wrote")
        self._folder = folder / "members"
        self._store = store = FileObjects(self._folder)
        self.note = (folder / NOTE).read_bytes()[:MOST_NOTE].decode(errors="replace")
        named = _NAMED.search(self.note)
        if named is None:
            fault = Fault(what="names no manifest", where=str(folder / NOTE), remedy="restore another backup")
            raise InputError("backup", [fault])
        if store.size(named[1]) > MOST_MANIFEST:
            raise InputError("backup", [_too_large(MANIFEST, MOST_MANIFEST)])
        self.data = store.get(named[1])
        self.manifest = read_manifest(self.data)
        faults = []
        for member in self.manifest.members:
            found = store.size(member.digest) if store.has(member.digest) else None
            if found != member.size:
                fault = Fault(what=_difference(member.size, found), where=member.name, remedy="restore another backup")
                faults.append(fault)
        if faults:
            raise InputError(str(folder), faults[:100])

    def open(self, member: Member) -> BinaryIO:
        """Return the bytes of a member to read."""
        try:
            return (self._folder / member.digest[:2] / member.digest[2:]).open("rb")
        except FileNotFoundError:
            return io.BytesIO(self._store.get(member.digest))  # small ones may share a file


def open_bundle(path: Path) -> Bundle:
    """Return the bundle that a tar file or a backup folder holds."""
    return FolderBundle(path) if path.is_dir() else TarBundle(path)


class _Part(io.RawIOBase):
    """A stretch of a file, as a file."""

    def __init__(self, path: Path, offset: int, size: int) -> None:
        super().__init__()
        self._file = path.open("rb", buffering=0)
        self._file.seek(offset)
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # the stub has a wider buffer
        wanted = min(len(buffer), self._left)
        read = self._file.readinto(memoryview(buffer)[:wanted]) if wanted else 0
        self._left -= read
        return read

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def _reading(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}; name one that `trimaran export` wrote") from error


def _places(file: BinaryIO, path: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield name, offset and size of each file in a tar; anything but plain files of short names is refused."""
    end, offset = path.stat().st_size, 0
    seen: set[str] = set()
    while True:
        file.seek(offset)
        block = file.read(_TAR)
        if not any(block) and len(block) == _TAR:
            return
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            fault = Fault(what=f"is no bundle, or was cut short: {error}", where=str(path), remedy="copy or export it again")
            raise InputError("bundle", [fault]) from error
        offset += _TAR
        wrong = _fault(info, seen, end - offset)
        if wrong is not None:
            raise InputError("bundle", [wrong])
        seen.add(info.name)
        yield info.name, (offset, info.size)
        offset += info.size + -info.size % _TAR


def _fault(info: tarfile.TarInfo, seen: set[str], left: int) -> Fault | None:
    where, remedy = info.name[:200], "give a file that `trimaran export` wrote"
    if info.type != tarfile.REGTYPE:
        return Fault(what="is no plain file", where=where, remedy=remedy)
    if info.name in seen:
        return Fault(what="is there twice", where=where, remedy=remedy)
    if not 0 <= info.size <= left:
        return Fault(what=f"has {info.size:,} bytes by its header and {left:,} in the file", where=where, remedy=remedy)
    if len(seen) > MOST_MEMBERS:
        return Fault(what=f"more than {MOST_MEMBERS:,} members, the most that are taken", where=where, remedy=remedy)
    return None


def _read(file: BinaryIO, places: dict[str, tuple[int, int]], name: str, most: int) -> bytes:
    if name not in places:
        fault = Fault(what="is not there", where=name, remedy="give a file that `trimaran export` wrote")
        raise InputError("bundle", [fault])
    offset, size = places[name]
    if size > most:
        raise InputError("bundle", [_too_large(name, most)])
    file.seek(offset)
    return file.read(size)


def _too_large(name: str, most: int) -> Fault:
    return Fault(what=f"is larger than {most:,} bytes, the most that is taken", where=name, remedy="export fewer products")


def _difference(listed: int | None, found: int | None) -> str:
    if listed is None:
        return "is not listed in the manifest"
    return f"should have {listed:,} bytes and " + ("is missing" if found is None else f"has {found:,}")
