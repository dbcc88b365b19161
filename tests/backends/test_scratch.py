"""Scratch folders: gone at the end, and gone at the next start after a kill."""

import signal
import subprocess
import sys

import pytest

from trimaran.backends.scratch import Scratch


def fill(scratch, seen):
    with scratch.folder() as folder:
        seen.append(folder)
        (folder / "deep").mkdir()
        (folder / "deep" / "rows").write_text("some")
        raise ValueError(folder)


def test_a_folder_is_gone_at_the_end_whatever_happens(tmp_path):
    seen = []
    with pytest.raises(ValueError, match="scratch"):
        fill(Scratch(tmp_path / "scratch"), seen)
    assert not seen[0].exists()


def test_two_folders_are_open_side_by_side(tmp_path):
    scratch = Scratch(tmp_path)
    with scratch.folder() as one, scratch.folder() as other:
        (one / "rows").write_text("some")
        assert [path.name for path in other.iterdir()] == [".lock"]
        assert (one / "rows").exists()


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    text = """
import os, signal, sys
from pathlib import Path
from trimaran.backends.scratch import Scratch
with Scratch(Path(sys.argv[1])).folder() as folder:
    (folder / "rows").write_text("some")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", text, tmp_path], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob("*/rows"))) == 1
    with Scratch(tmp_path).folder():
        assert not list(tmp_path.glob("*/rows"))
