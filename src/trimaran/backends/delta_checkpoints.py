"""Checkpoints of a Delta log, which spare its readers a hundred commits, put in place so that no power cut can tear them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from deltalake import DeltaTable

from trimaran.backends.delta_log import HINT, LOG
from trimaran.backends.flushing import flush
from trimaran.backends.locking import locked

EVERY = 100
"""After how many commits one is due, as in other engines."""


def checkpoint(root: Path, path: Path) -> None:
    """Write the checkpoint of a table's newest version; ``root`` is where what is half done may lie.

    delta-rs neither flushes a checkpoint nor the hint that names it, and a table whose hint names a torn one cannot be
    opened: so it works on a copy of the log, and the hint gets its place last, when all that it names is on the disk.
    """
    log, staged = path / LOG, root / ".checkpoint"
    with locked(root / ".checkpoints", alone=True):
        shutil.rmtree(staged, ignore_errors=True)
        try:
            (staged / LOG).mkdir(parents=True)
            there = {each.name for each in log.iterdir()}
            for name in there:
                os.link(log / name, staged / LOG / name)
            (staged / LOG / HINT).unlink(missing_ok=True)  # a link: it would be written through
            DeltaTable(staged).create_checkpoint()
            made = [each for each in (staged / LOG).iterdir() if each.name not in there - {HINT}]
            for each in sorted(made, key=lambda each: each.name == HINT):
                flush(each)
                each.replace(log / each.name)
                flush(log)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
