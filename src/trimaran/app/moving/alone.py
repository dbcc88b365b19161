"""Folders that one process at a time works in, and that go away with the work."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trimaran.core.errors import Conflict


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Make a folder where there is none, and hold it; a process that is killed lets go of it.

    Raises ``Conflict`` while another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise Conflict(f"another process writes to {folder}; wait for it, or name another folder") from error
    finally:
        os.close(handle)


@contextmanager
def workroom(folder: Path) -> Iterator[None]:
    """Make a folder, empty, for the time of some work; what a process left in it that was killed is thrown away.

    The work may give the folder another name. Raises ``Conflict`` while another process works in it.
    """
    with alone(folder):
        for left in folder.iterdir():
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()
        try:
            yield
        finally:
            shutil.rmtree(folder, ignore_errors=True)
