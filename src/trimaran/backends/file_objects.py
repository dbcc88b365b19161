"""Objects as files named by their SHA-256."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from trimaran.core.canon import digest as digest_of
from trimaran.core.errors import Corrupt, NotFound, Unavailable

_DIGEST = re.compile(r"[0-9a-f]{64}")


class FileObjects:
    """An ``ObjectStore`` in a directory: ``ab/cdef…`` holds the bytes whose digest is ``abcdef…``.

    A file appears under its name only when all of it is on the disk; a name once there is never written again. What a
    killed writer leaves behind is a file whose name starts with a dot, never read.

    >>> store = FileObjects(Path(tempfile.mkdtemp()))
    >>> store.get(store.put(b"a model"))
    b'a model'
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def put(self, data: bytes) -> str:
        """Write bytes and return their digest once they are on the disk; raises ``Unavailable`` when they cannot be."""
        name = digest_of(data)
        path = self._path(name)
        try:
            if not path.exists():
                _write(path, data)
            _sync(path.parent)  # also when it was there: its writer may not have come this far
        except OSError as error:
            message = f"object {name} could not be written below {self.root} ({error}); nothing was recorded: free the disk and retry"
            raise Unavailable(message) from error
        return name

    def get(self, digest: str) -> bytes:
        """Return the bytes of a digest; raises ``NotFound``, or ``Corrupt`` when the disk gives back others."""
        if not self.has(digest):
            message = (
                f"no object {digest!r} below {self.root}; an object is named by the 64 hexadecimal digits that put returned"
            )
            raise NotFound(message)
        path = self._path(digest)
        data = path.read_bytes()
        if digest_of(data) != digest:
            message = f"{path} does not hold the bytes of its name any more; restore it from a copy"
            raise Corrupt(message)
        return data

    def has(self, digest: str) -> bool:
        """Tell whether an object was put; a text that is no digest names none."""
        return _DIGEST.fullmatch(digest) is not None and self._path(digest).exists()

    def _path(self, digest: str) -> Path:
        return self.root / digest[:2] / digest[2:]


def _write(path: Path, data: bytes) -> None:
    if not path.parent.exists():
        path.parent.mkdir(exist_ok=True)
        _sync(path.parent.parent)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
