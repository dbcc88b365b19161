"""A folder for the files of one attempt, made only where there are any."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Self


class PassingFolder:
    """Calling it returns a folder that goes away at the end.

    >>> with PassingFolder() as folder:
    ...     made = folder()
    >>> made.exists()
    False
    """

    def __init__(self) -> None:
        self._made: Path | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._made is not None:
            shutil.rmtree(self._made, ignore_errors=True)

    def __call__(self) -> Path:
        """Return the folder; it is made the first time."""
        if self._made is None:
            self._made = Path(tempfile.mkdtemp(prefix="trimaran-"))
        return self._made
