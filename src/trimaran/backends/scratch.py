"""Folders for what is put aside for a while; what a killed process left in one goes when the next is opened."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from trimaran.backends.locking import locked

_LOCK = ".lock"


class Scratch:
    """A place below ``root`` where any number of processes put things aside.

    >>> import tempfile
    >>> scratch = Scratch(Path(tempfile.mkdtemp()) / "scratch")
    >>> with scratch.folder() as folder:
    ...     _ = (folder / "rows").write_text("some")
    >>> folder.exists()
    False
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Open an empty folder that is removed at the end."""
        with locked(self.root / _LOCK, alone=True):
            self._sweep()
            folder = Path(mkdtemp(dir=self.root))
            own = (folder / _LOCK).open("w")
            fcntl.flock(own, fcntl.LOCK_EX)
        try:
            with own:
                yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _sweep(self) -> None:
        """Remove the folders of processes that are no more: their locks can be had."""
        for folder in self.root.iterdir():
            if not folder.is_dir():
                continue
            try:
                with (folder / _LOCK).open("a") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
            except OSError:  # its process is at work, or has just removed it
                continue
