"""Where the log of a Delta table lies, and what each of its commits is called."""

from __future__ import annotations

from pathlib import Path

LOG = "_delta_log"
HINT = "_last_checkpoint"


def commit_of(path: Path, version: int) -> Path:
    """Return the file in a table's log that holds a version's commit."""
    return path / LOG / f"{version:020}.json"


def tip_of(path: Path) -> int:
    """Return when a table's newest checkpoint was written, 0 where there is none.

    A log is cleaned up only behind a checkpoint: as long as this stands and the next commit is not there, nothing is new.
    """
    hint = path / LOG / HINT
    return hint.stat().st_mtime_ns if hint.exists() else 0
