"""Takes rows out of every version of a Delta table, without a moment in which the table cannot be read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.parse import quote, unquote

import msgspec
import polars as pl
from deltalake import write_deltalake

from trimaran.backends.delta_commits import WHOLE
from trimaran.backends.delta_log import HINT, LOG
from trimaran.backends.selecting import selects
from trimaran.core.errors import Refused

VERSION = "__version"
"""The column that says which version brought a row."""

_NEW = ".erasing-"
_PLACE = "__place"
_UNKNOWN = ("cdc", "sidecar", "checkpointMetadata")

Action = dict[str, Any]


def matching(path: Path, criteria: Mapping[str, Collection[str]]) -> pl.DataFrame:
    """Return the rows of the whole history that criteria select, with the version that brought each in ``VERSION``.

    Where the files that a version brought were let go, its rows count for the version that merged them into others.
    """
    found: list[pl.DataFrame] = []
    for version, commit in _commits(path):
        added = [each for each in _of(_actions(commit), "add") if (path / unquote(each["path"])).is_file()]
        parts = [_rows(path, each).filter(selects(criteria, _columns(path, each))).collect() for each in added]
        moved = any(not each.get("dataChange", True) for each in added)
        rows = pl.concat(parts, how="diagonal") if parts else pl.DataFrame()
        if moved and found and rows.height:
            rows = _only(rows, pl.concat([one.drop(VERSION) for one in found], how="diagonal"))
        if rows.height:
            found.append(rows.with_columns(pl.lit(version, pl.Int64).alias(VERSION)))
    return pl.concat(found, how="diagonal") if found else pl.DataFrame(schema={VERSION: pl.Int64})


def rewrite(path: Path, criteria: Mapping[str, Collection[str]]) -> int:
    """Take the rows that criteria select out of every version, and return how many they were.

    Files with such rows are written anew beside the old; then each commit names the new ones, the newest commit first, so
    that at every step each version is whole, with the rows or without; then the old files go, and all that no commit
    names. Nobody may append meanwhile. After a kill, again from the start does what is left.
    """
    commits = _commits(path)
    _sweep(path)
    fresh: dict[str, list[Action]] = {}
    taken = matching(path, criteria).height
    for _, commit in commits:
        for added in _of(_actions(commit), "add"):
            if not (path / unquote(added["path"])).is_file():
                continue
            rows = _rows(path, added)
            doomed = selects(criteria, _columns(path, added))
            count = int(rows.filter(doomed).select(pl.len()).collect().item())
            if count:
                fresh[added["path"]] = _written_anew(path, added, rows.filter(~doomed).collect())
    if fresh:
        _flush(path)
        _drop_checkpoints(path)
        for _, commit in reversed(commits):
            _replace(path, commit, fresh)
    _drop_unnamed(path)
    return taken


def _commits(path: Path) -> list[tuple[int, Path]]:
    found = sorted((int(file.stem), file) for file in (path / LOG).glob("*.json") if file.stem.isdigit())
    if [version for version, _ in found] != list(range(len(found))) or not found:
        message = (
            f"the log of {path} does not begin at version 0: its early commits were cleaned up, and cannot be rewritten"
        )
        raise Refused(message)
    return found


def _actions(commit: Path) -> list[Action]:
    actions = [msgspec.json.decode(line, type=dict[str, Any]) for line in commit.read_bytes().splitlines()]
    strange = {kind for action in actions for kind in action if kind in _UNKNOWN}
    if strange or any(added.get("deletionVector") for added in _of(actions, "add")):
        message = f"{commit} was written by another engine, in a way that cannot be rewritten ({', '.join(strange) or 'deletion vectors'})"
        raise Refused(message)
    return actions


def _of(actions: Sequence[Action], kind: str) -> list[Action]:
    return [action[kind] for action in actions if kind in action]


def _rows(path: Path, added: Action) -> pl.LazyFrame:
    return pl.scan_parquet(path / unquote(added["path"]))


def _columns(path: Path, added: Action) -> list[str]:
    return list(pl.read_parquet_schema(path / unquote(added["path"])))


def _written_anew(path: Path, added: Action, rows: pl.DataFrame) -> list[Action]:
    """Write rows as a table of their own, so that delta-rs makes the file and its statistics, and take its file over.

    It is one for one: more would get places that other files of their commit have.
    """
    if rows.is_empty():
        return []
    aside = Path(mkdtemp(prefix=_NEW, dir=path))
    write_deltalake(aside, rows, mode="error", target_file_size=WHOLE)
    made = []
    for action in _of(_actions(aside / LOG / f"{0:020}.json"), "add"):
        name = unquote(action["path"])
        (aside / name).replace(path / name)
        _fsync(path / name)
        # The file is new, its row is not: all but the file itself stays as it was, its time as well.
        made.append({**added, "path": quote(name), "size": action["size"], "stats": action["stats"]})
    shutil.rmtree(aside)
    return made


def _replace(path: Path, commit: Path, fresh: Mapping[str, list[Action]]) -> None:
    actions, seen = _actions(commit), commit.stat()
    written: list[Action] = []
    for action in actions:
        kind = next(iter(action))
        about: str = action[kind].get("path", "") if kind in {"add", "remove"} else ""
        if about and not (path / unquote(about)).is_file():
            written.append({kind: _told_less(action[kind])})
        elif about not in fresh:
            written.append(action)
        elif kind == "add":
            written += [{"add": each} for each in fresh[about]]
        else:
            # An older commit may still name the old file: both are removed, and each version is whole at every step.
            one = {name: value for name, value in action["remove"].items() if name not in {"size", "stats"}}
            written += [action, *({"remove": {**one, "path": each["path"], "size": each["size"]}} for each in fresh[about])]
    if written == actions:
        return
    aside = commit.with_name(f"{_NEW}{commit.name}")
    aside.write_bytes(b"\n".join(msgspec.json.encode(action) for action in written) + b"\n")
    os.utime(aside, ns=(seen.st_atime_ns, seen.st_mtime_ns))  # other engines read a version's time from its file
    _fsync(aside)
    aside.replace(commit)
    _fsync(commit.parent)


def _told_less(about: Action) -> Action:
    """Return what a commit says of a file that was let go without the least and greatest values of its columns."""
    if not about.get("stats"):
        return about
    number = msgspec.json.decode(about["stats"], type=dict[str, Any]).get("numRecords", 0)
    return {**about, "stats": msgspec.json.encode({"numRecords": number}).decode()}


def _only(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that are not among those known, each as often as it is there more often."""
    names = rows.columns
    aligned = pl.concat([rows.clear(), known], how="diagonal").select(names)
    mine, theirs = (frame.with_columns(pl.int_range(pl.len()).over(names).alias(_PLACE)) for frame in (rows, aligned))
    return mine.join(theirs, on=[*names, _PLACE], how="anti", nulls_equal=True).drop(_PLACE)


def _drop_checkpoints(path: Path) -> None:
    """Remove what repeats the commits, with the least and greatest value of each column."""
    log = path / LOG
    (log / HINT).unlink(missing_ok=True)
    for pattern in ("*.checkpoint*", "*.crc", ".*.crc"):
        for file in log.glob(pattern):
            file.unlink()
    _fsync(log)


def _drop_unnamed(path: Path) -> None:
    named = {unquote(added["path"]) for _, commit in _commits(path) for added in _of(_actions(commit), "add")}
    for file in path.glob("*.parquet"):
        if file.name not in named:
            file.unlink()
    _flush(path)


def _sweep(path: Path) -> None:
    """Remove what a rewriting that was killed left half written."""
    for left in path.glob(f"{_NEW}*"):
        shutil.rmtree(left)
    for left in (path / LOG).glob(f"{_NEW}*"):
        left.unlink()


def _flush(path: Path) -> None:
    _fsync(path)
    _fsync(path / LOG)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
