"""The signing key and the checkpoints of a workspace, as small files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trimaran.backends.flushing import flush
from trimaran.core.errors import NotFound, Unavailable
from trimaran.core.ledger import SigningKey, VerifierKey

_KEY = "checkpoints.key"


class CheckpointFiles:
    """``keys/checkpoints.key``, which only its owner may read, and ``checkpoints/``, a file a checkpoint, named by its size.

    Both folders are made at first use; a file once there is never written again.

    >>> import tempfile
    >>> files = CheckpointFiles(Path(tempfile.mkdtemp()))
    >>> files.signing_key().verifier == files.verifier_key()
    True
    """

    def __init__(self, root: Path) -> None:
        self._keys = root / "keys"
        self.folder = root / "checkpoints"

    def signing_key(self) -> SigningKey:
        """Return the key that signs, made at first use; raises ``Corrupt`` when its file was changed."""
        path = self._keys / _KEY
        if not path.exists():
            _make(self._keys, 0o700)
            _place(path, SigningKey.generate().secret())  # of two processes at once, the first one's stays
        return SigningKey.parse(path.read_bytes().decode(errors="replace"))

    def verifier_key(self) -> VerifierKey:
        """Return the public half of the key; raises ``NotFound`` where there is none yet."""
        if not (self._keys / _KEY).exists():
            message = f"there is no key in {self._keys} yet; the first checkpoint makes one: `trimaran audit checkpoint`"
            raise NotFound(message)
        return self.signing_key().verifier

    def keep(self, size: int, note: str) -> Path:
        """Keep a signed checkpoint and return its file once it is on the disk; one of the same size stays as it is."""
        path = self.folder / f"{size:012d}.txt"
        _make(self.folder, 0o777)
        _place(path, note)
        self.settle()
        return path

    def settle(self) -> None:
        """Return once every name here is on the disk: a writer may have been killed between its file and its flush.

        Raises ``Unavailable``.
        """
        with _written(self.folder):
            for folder in (self._keys, self.folder, self.folder.parent):
                flush(folder)

    def kept(self) -> list[Path]:
        """Return the files of the checkpoints, the smallest first."""
        return sorted(self.folder.glob("[0-9]*.txt"))


def write_whole(path: Path, blocks: Iterable[bytes]) -> None:
    """Write a file that is under its name only when all of it is on the disk; an older one of the name is replaced.

    Raises ``Unavailable`` when it cannot be written.
    """
    _write(path, blocks, Path.replace)


def _place(path: Path, text: str) -> None:
    """Write a file unless it is there; whoever is first stays."""

    def link(aside: Path, path: Path) -> None:
        with suppress(FileExistsError):
            os.link(aside, path)

    _write(path, [text.encode()], link)


def _write(path: Path, blocks: Iterable[bytes], name: Callable[[Path, Path], object]) -> None:
    aside = path.with_name(f".{secrets.token_hex(16)}")
    try:
        with _written(path):
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.writelines(blocks)
                file.flush()
                os.fsync(file.fileno())
            name(aside, path)
            for folder in (path.parent, path.parent.parent):
                flush(folder)
    finally:
        with suppress(OSError):  # after a rename it is not there
            aside.unlink()


def _make(folder: Path, mode: int) -> None:
    with _written(folder):
        folder.mkdir(mode=mode, parents=True, exist_ok=True)


@contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"{path} could not be written ({error}); nothing was acknowledged: free the disk or name another place"
        raise Unavailable(message) from error
