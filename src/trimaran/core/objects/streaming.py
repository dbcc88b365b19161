"""Bytes on their way through: hashed while they are written, and a file that appears only when it is whole."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from trimaran.core.errors import Conflict, Corrupt, Fault, InputError

BLOCK = 2 << 20
"""Bytes read at once: large enough that hashing, which leaves Python, runs beside the writing of the block."""


def sizes_of(paths: Sequence[Path]) -> list[int]:
    """Return the bytes of each file; raises ``InputError`` naming every path that is no file to read."""
    sizes = [_size(path) for path in paths]
    faults = [
        Fault(what="is no file that can be read", where=str(path), remedy="name an existing file, not a folder")
        for path, size in zip(paths, sizes, strict=True)
        if size is None
    ]
    if faults:
        raise InputError("files to store", faults)
    return [size for size in sizes if size is not None]


def _size(path: Path) -> int | None:
    name = os.fspath(path)  # every touch of a Path makes its text anew: this is asked of ten thousand files
    with suppress(OSError, ValueError):
        told = os.stat(name)  # noqa: PTH116  for the same reason
        return told.st_size if stat.S_ISREG(told.st_mode) and os.access(name, os.R_OK) else None
    return None


def blocks_of(file: BinaryIO) -> Iterator[bytes]:
    """Yield the bytes of an open file, a block at a time."""
    while block := file.read(BLOCK):
        yield block


def pour(blocks: Iterable[bytes], write: Callable[[bytes], object]) -> str:
    """Write blocks one after the other and return the SHA-256 of them all; at most three are in memory at once.

    >>> kept = []
    >>> pour([b"a ", b"model"], kept.append) == hashlib.sha256(b"a model").hexdigest()
    True
    """
    waiting = iter(blocks)
    first = next(waiting, b"")
    seen = hashlib.sha256(first)
    write(first)
    second = next(waiting, None)
    if second is None:  # a small file is not worth a thread
        return seen.hexdigest()
    hashing: Future[None] | None = None
    with ThreadPoolExecutor(1) as beside:
        for block in chain([second], waiting):
            if hashing is not None:
                hashing.result()
            hashing = beside.submit(seen.update, block)
            write(block)
    return seen.hexdigest()


def arrive(blocks: Iterable[bytes], digest: str, path: Path) -> None:
    """Write blocks to a new file, which appears under its name once all of it is on the disk and has the digest.

    Raises ``Corrupt`` for other bytes, ``Conflict`` when something is there under the name, which stays as it is, and
    ``InputError`` when its folder is not there.
    """
    if not path.parent.is_dir():
        fault = Fault(what="is no folder to write to", where=str(path.parent), remedy="make it first")
        raise InputError("file to fetch", [fault])
    if os.path.lexists(path):
        raise Conflict(_there(path))
    aside = path.with_name(f".{secrets.token_hex(16)}")
    try:
        with aside.open("xb") as file:
            found = pour(blocks, file.write)
            if found != digest:
                message = f"object {digest} does not verify: its store gave back other bytes; restore it from a copy"
                raise Corrupt(message)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(aside, path)  # unlike a rename, it never replaces
        except FileExistsError as error:
            raise Conflict(_there(path)) from error
    finally:
        aside.unlink(missing_ok=True)


def _there(path: Path) -> str:
    return f"{path} is there already, and a fetched object never replaces a file; move it away or name another"
