"""What survives a power cut: files, and the names in folders, that were flushed to the disk."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from trimaran.core.errors import Unavailable


def flush(path: Path) -> None:
    """Return once the bytes of a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing; their names are on the disk when this returns.

    Also that of the lowest one that was there: whoever made it may have been killed before its name was safe. Raises
    ``Unavailable``.
    """
    if not folder.exists():
        make_folder(folder.parent)
    try:
        folder.mkdir(exist_ok=True)
        with suppress(PermissionError):  # a folder that may not be listed is not of our making
            flush(folder.parent)
    except OSError as error:
        message = f"folder {folder} could not be made ({error}); nothing was recorded: free the disk, or name another folder"
        raise Unavailable(message) from error
