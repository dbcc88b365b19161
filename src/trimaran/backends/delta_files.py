"""The files of a Delta table's history, as they are at a moment: which they are, and how a folder of them takes its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

import msgspec
import polars as pl

from trimaran.backends.delta_log import HINT, LOG
from trimaran.backends.flushing import flush, make_folder
from trimaran.backends.locking import locked

_COMMIT = re.compile(r"\d{20}\.json")
_CHECKPOINT = re.compile(r"(?P<version>\d{20})\.checkpoint(\.[0-9.]+)?\.parquet")


class _Add(msgspec.Struct):
    path: str


class _Action(msgspec.Struct):
    add: _Add | None = None


class _Hint(msgspec.Struct):
    version: int


def tables_below(root: Path) -> list[str]:
    """Return the addresses of the tables below a folder, sorted."""
    logs = [log.parent.relative_to(root) for log in root.rglob(LOG) if any(log.glob("*.json"))] if root.is_dir() else []
    return sorted(path.as_posix() for path in logs if not path.as_posix().startswith("."))


@contextmanager
def unerased(root: Path) -> Iterator[None]:
    """Keep erasures, which write commits anew, waiting while the files of tables are read."""
    with locked(root / ".erasures", alone=False):
        yield


def files_of(path: Path) -> list[str]:
    """Return the names of the files that the commits of a table need, as they stand now; what is half written is not one.

    The log is read first: whatever a commit names was on the disk before it. Files that were vacuumed away are left out.
    """
    log = path / LOG
    names = sorted(each.name for each in log.iterdir())
    commits = [name for name in names if _COMMIT.fullmatch(name)]
    checkpoints = [name for name in names if _CHECKPOINT.fullmatch(name)]
    data = {name for commit in commits for name in _added_by(log / commit)}
    for checkpoint in checkpoints:
        added = pl.read_parquet(log / checkpoint, columns=["add"])["add"].drop_nulls().struct.field("path")
        data |= {unquote(name) for name in added.to_list() if name is not None}
    hint = [HINT] if HINT in names and _is_of(log / HINT, checkpoints) else []
    kept = [f"{LOG}/{name}" for name in (*commits, *checkpoints, *hint)]
    return [*kept, *(name for name in sorted(data) if (path / name).is_file())]


def place(staged: Path, path: Path) -> None:
    """Give a folder of a table's files, every one flushed already, its place, once and for all."""
    make_folder(path.parent)
    for folder in (staged / LOG, staged):
        flush(folder)
    staged.rename(path)
    flush(path.parent)


def _added_by(commit: Path) -> Iterator[str]:
    for line in commit.read_bytes().splitlines():
        action = msgspec.json.decode(line, type=_Action)
        if action.add is not None:
            yield unquote(action.add.path)


def _is_of(hint: Path, checkpoints: Sequence[str]) -> bool:
    version = msgspec.json.decode(hint.read_bytes(), type=_Hint).version
    return any(int(found["version"]) == version for name in checkpoints if (found := _CHECKPOINT.fullmatch(name)))
