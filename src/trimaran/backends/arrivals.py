"""Files on their way into a store: written aside, and thrown away when their writer died."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from trimaran.core.clock import SystemClock

_ABANDONED = 24 * 3600.0  # seconds since the last write to a file after which its writer is taken to be dead


class Arrivals:
    """A folder for files that have no name yet; nothing in it is ever read, and what is a day old is thrown away."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tidied = False

    @contextmanager
    def new(self) -> Iterator[BinaryIO]:
        """Open a file that its writer renames once it is on the disk; one that was not is removed."""
        self._tidy()
        path = self._folder / secrets.token_hex(16)
        try:
            with path.open("xb") as file:
                yield file
        finally:
            path.unlink(missing_ok=True)

    def _tidy(self) -> None:
        """Throw away, once in a store's life, what writers left that died long ago."""
        if self._tidied:
            return
        self._folder.mkdir(exist_ok=True)
        oldest = SystemClock().now().timestamp() - _ABANDONED
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # its writer finished, or another threw it away
                if path.stat().st_mtime < oldest:
                    path.unlink()
        self._tidied = True
