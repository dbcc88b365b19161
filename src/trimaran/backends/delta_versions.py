"""What the log of a Delta table says of its versions: which files each reads, which rows it brought, what none reads any more."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import msgspec

from trimaran.backends.delta_log import LOG, commit_of


class _Add(msgspec.Struct):
    path: str
    changed: bool = msgspec.field(default=True, name="dataChange")


class _Remove(msgspec.Struct):
    path: str


class _Action(msgspec.Struct):
    add: _Add | None = None
    remove: _Remove | None = None


class _Stay(NamedTuple):
    """A file and the versions that read it: from ``since`` on, before ``until``."""

    name: str
    since: int
    until: int


def brought(path: Path, version: int) -> list[Path]:
    """Return the files that a version added with rows that were not there before; of one that merged files, none."""
    added = (action.add for action in _actions(commit_of(path, version)))
    return [path / unquote(one.path) for one in added if one is not None and one.changed]


def unread(path: Path, keep: Collection[int], before: datetime) -> tuple[list[int], dict[str, int]]:
    """Return the versions that could be read no more, and the files with their bytes that would go, were only some kept.

    Kept are also the newest version and each that was the newest at or after ``before``, by the times of the commits' files.
    A version that lacks a file already keeps nothing. Files that no commit names are left alone: a writer may be about to
    name them.
    """
    versions = sorted(int(each.stem) for each in (path / LOG).glob("*.json") if each.stem.isdigit())
    if not versions:
        return [], {}
    stays = list(_stays(path, versions))
    there = {stay.name for stay in stays if (path / stay.name).is_file()}
    lacking = _of(versions, [stay for stay in stays if stay.name not in there])
    since, newest = before.timestamp(), versions[-1]
    young = {one for one, following in pairwise(versions) if commit_of(path, following).stat().st_mtime >= since}
    wanted = sorted({*young, *keep} - lacking | {newest})
    going = there - {stay.name for stay in stays if _meets(wanted, stay)}
    files = {name: (path / name).stat().st_size for name in sorted(going)}
    return sorted(_of(versions, [stay for stay in stays if stay.name in going]) - lacking), files


def _stays(path: Path, versions: Sequence[int]) -> Iterator[_Stay]:
    came: dict[str, int] = {}
    for version in versions:
        for action in _actions(commit_of(path, version)):
            if action.remove is not None and (name := unquote(action.remove.path)) in came:
                yield _Stay(name, came.pop(name), version)
            if action.add is not None:
                came.setdefault(unquote(action.add.path), version)
    for name, since in came.items():
        yield _Stay(name, since, versions[-1] + 1)


def _meets(wanted: Sequence[int], stay: _Stay) -> bool:
    place = bisect_left(wanted, stay.since)
    return place < len(wanted) and wanted[place] < stay.until


def _of(versions: Sequence[int], stays: Sequence[_Stay]) -> set[int]:
    """Return the versions that read any of some files."""
    edges: dict[int, int] = {}
    for stay in stays:
        edges[stay.since] = edges.get(stay.since, 0) + 1
        edges[stay.until] = edges.get(stay.until, 0) - 1
    read, found = 0, set()
    for version in versions:
        read += edges.get(version, 0)
        if read:
            found.add(version)
    return found


def _actions(commit: Path) -> list[_Action]:
    return [msgspec.json.decode(line, type=_Action) for line in commit.read_bytes().splitlines()]
