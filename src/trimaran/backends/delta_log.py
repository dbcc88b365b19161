"""Where the log of a Delta table lies, and what each of its commits is called."""

from __future__ import annotations

from pathlib import Path

LOG = "_delta_log"


def commit_of(path: Path, version: int) -> Path:
    """Return the file in a table's log that holds a version's commit."""
    return path / LOG / f"{version:020}.json"
