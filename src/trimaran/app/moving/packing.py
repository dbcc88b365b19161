"""Writes what was taken: as one tar file, the same bytes for the same content, or as a folder that keeps what it has."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from trimaran.app.moving.bundle import MANIFEST, MOST_NOTE, NOTE, Member
from trimaran.app.moving.taking import Taken
from trimaran.backends.checkpoint_files import write_whole
from trimaran.backends.file_objects import FileObjects
from trimaran.backends.flushing import flush
from trimaran.core.errors import Conflict, Corrupt

_BLOCK = 4 << 20
_SMALL = 16 << 20
_WRITERS = 8
_TAR = 512


def write_tar(taken: Taken, path: Path) -> int:
    """Write everything into a new file, which appears when all of it is on the disk; return its size in bytes.

    Raises ``Conflict`` when the file is there, and ``Corrupt`` when a file changed while it was taken.
    """
    aside = taken.spool / "bundle"
    write_whole(aside, _blocks(taken))
    try:
        os.link(aside, path)  # unlike a rename, it never replaces
    except FileExistsError as error:
        raise Conflict(f"{path} is there already and is not replaced; move it away or name another file") from error
    flush(path.parent)
    return path.stat().st_size


def write_folder(taken: Taken, folder: Path) -> tuple[int, int]:
    """Bring a folder up to what was taken, and return how many members were new and how many bytes they have.

    What the folder holds stays a whole backup until its note is replaced, at the end; then what only the old one needed
    is removed. Raises ``Conflict`` for a folder that holds something else.
    """
    note = folder / NOTE
    others = [path for path in folder.iterdir() if path.name not in {NOTE, "members"} and not path.name.startswith(".")]
    if others:
        raise Conflict(f"{folder} holds {others[0].name}, which is of no backup; name another folder")
    origin = taken.note.splitlines()[1]
    if note.exists() and _head(note).splitlines()[1:2] != [origin]:
        raise Conflict(
            f"{folder} holds a backup of another workspace ({_head(note).splitlines()[1:2]}); name another folder"
        )
    store = FileObjects(folder / "members")
    missing = [each for each in taken.members if not (store.has(each.digest) and store.size(each.digest) == each.size)]
    with ThreadPoolExecutor(_WRITERS) as pool:
        list(pool.map(lambda each: _put(taken, store, each), [each for each in missing if each.size <= _SMALL]))
    for each in missing:
        if each.size > _SMALL:
            _put(taken, store, each)
    manifest = store.put(taken.manifest)
    write_whole(note, [taken.note.encode()])
    wanted = {manifest, *(each.digest for each in taken.members)}
    store.remove([name for name in store.digests() if name not in wanted])
    return len(missing), sum(each.size for each in missing)


def _put(taken: Taken, store: FileObjects, member: Member) -> None:
    with taken.open(member) as file:
        if member.size <= _SMALL:
            found = store.put(file.read())
        else:
            (found,) = store.put_files([Path(file.name)])
    if found != member.digest:
        raise Corrupt(f"{member.name} changed while it was taken; nothing was finished: take it again")


def _blocks(taken: Taken) -> Iterator[bytes]:
    yield from _small(MANIFEST, taken.manifest)
    yield from _small(NOTE, taken.note.encode())
    for member in taken.members:
        yield _header(member.name, member.size)
        with taken.open(member) as file:
            yield from _verified(file, member)
        yield _padding(member.size)
    yield bytes(2 * _TAR)


def _verified(file: BinaryIO, member: Member) -> Iterator[bytes]:
    seen, size = hashlib.sha256(), 0
    while block := file.read(_BLOCK):
        seen.update(block)
        size += len(block)
        yield block
    if size != member.size or seen.hexdigest() != member.digest:
        raise Corrupt(f"{member.name} changed while it was taken; nothing was finished: take it again")


def _small(name: str, data: bytes) -> Iterator[bytes]:
    yield _header(name, len(data))
    yield data
    yield _padding(len(data))


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644  # no owner, no time: they are not content
    return info.tobuf(tarfile.GNU_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % _TAR)


def _head(note: Path) -> str:
    with note.open("rb") as file:
        return file.read(MOST_NOTE).decode(errors="replace")
