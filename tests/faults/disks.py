"""What a disk holds after the power went: built from a recorded run, under the strictest rule that POSIX allows.

The rule: the bytes of a file survive once an fsync or fdatasync of that file returned that began after they were written;
a name (made, moved or removed) survives once an fsync of its folder returned that began after. Everything else, each
512-byte sector and each name by itself, may have reached the disk or not, in any order. After an fsync that failed, what
it should have covered stays in doubt for ever, also when a later fsync says that all is well (as Linux does it).
SQLite's -shm files live in memory only.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path

from tracing import OPENS, SYNCS, WRITES, Call

SECTOR = 512


@dataclass
class _Change:
    """One change of a file (bytes at a place, or a new length) or of a folder (a name and what it means from now on)."""

    place: int
    data: bytes | None = None
    length: int = 0
    name: str = ""
    node: _Node | None = None
    safe: bool = False
    doubtful: bool = False
    fate: object = None


@dataclass
class _Node:
    folder: bool
    data: bytes = b""
    names: dict[str, _Node] = field(default_factory=dict)
    changes: list[_Change] = field(default_factory=list)

    def sync(self, since: int, *, failed: bool) -> None:
        for change in self.changes:
            if change.place < since:
                change.doubtful |= failed and not change.safe and not self.folder
                change.safe |= not failed and not change.doubtful


class Disk:
    """The folder as it was before the run, and every change since; ``image`` writes one of the disks that may be left."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._nodes: dict[int, _Node] = {}
        self._tree = self._known(root)

    def replay(self, calls: Sequence[Call], start: int, stop: int) -> None:
        """Let some of a run's calls happen, in order."""
        for place, call in islice(enumerate(calls), start, stop):
            if call.name != "sendto" and not call.path.endswith("-shm"):
                self._apply(place, call)

    def image(self, to: Path, dice: random.Random, chance: float | None = None) -> float:
        """Write one disk and return the chance that each thing not synced had to survive on it, at random if not given."""
        if chance is None:
            chance = dice.choice((0.0, 0.0, 0.5, 0.9, 1.0))
        fates: dict[int, bool] = {}
        self._lay(self._tree, to, dice, chance, fates)
        return chance

    def _known(self, path: Path) -> _Node:
        node = _Node(folder=path.is_dir())
        self._nodes[path.stat().st_ino] = node
        if node.folder:
            node.names = {each.name: self._known(each) for each in path.iterdir() if not each.name.endswith("-shm")}
        else:
            node.data = path.read_bytes()
        return node

    def _apply(self, place: int, call: Call) -> None:
        if call.error:
            if call.name in SYNCS:
                self._nodes[call.inode].sync(call.since, failed=True)
            return
        act = next(act for names, act in self._acts() if call.name in names)
        act(place, call)

    def _acts(self) -> Iterator[tuple[tuple[str, ...], Callable[[int, Call], None]]]:
        yield WRITES, self._write
        yield SYNCS, lambda _, call: self._nodes[call.inode].sync(call.since, failed=False)
        yield OPENS, self._open
        yield ("mkdir", "mkdirat"), lambda place, call: self._make(place, call, folder=True)
        yield ("rename", "renameat", "renameat2"), self._move
        yield ("link", "linkat"), lambda place, call: self._name(place, call.target, self._nodes[call.inode])
        yield ("unlink", "unlinkat", "rmdir"), lambda place, call: self._name(place, call.path, None)
        yield ("ftruncate", "truncate"), self._cut
        yield ("fallocate",), self._extend

    def _write(self, place: int, call: Call) -> None:
        self._nodes[call.inode].changes.append(_Change(place, data=call.data, length=call.offset))

    def _open(self, place: int, call: Call) -> None:
        if call.created:
            self._make(place, call, folder=False)
        else:
            self._nodes[call.inode].changes.append(_Change(place, length=0))

    def _make(self, place: int, call: Call, *, folder: bool) -> None:
        self._nodes[call.inode] = _Node(folder=folder)
        self._name(place, call.path, self._nodes[call.inode])

    def _move(self, place: int, call: Call) -> None:
        fate = object()  # both names change together or not at all, unless one folder was synced
        self._name(place, call.target, self._nodes[call.inode], fate)
        self._name(place, call.path, None, fate)

    def _cut(self, place: int, call: Call) -> None:
        self._nodes[call.inode].changes.append(_Change(place, length=call.length))

    def _extend(self, place: int, call: Call) -> None:
        if call.truncated:  # the mode that also lengthens the file
            self._nodes[call.inode].changes.append(_Change(place, data=b"", length=call.offset + call.length))

    def _name(self, place: int, path: str, node: _Node | None, fate: object = None) -> None:
        folder, name = os.path.split(path)
        self._at(folder).changes.append(_Change(place, name=name, node=node, fate=fate))

    def _at(self, path: str) -> _Node:
        node = self._tree
        for part in Path(path).relative_to(self.root).parts:
            node = _cached(node)[part]
        return node

    def _lay(self, node: _Node, to: Path, dice: random.Random, chance: float, fates: dict[int, bool]) -> None:
        if not node.folder:
            to.write_bytes(_survived(node, dice, chance))
            return
        to.mkdir()
        names = dict(node.names)
        for change in node.changes:
            kept = change.safe
            if not kept:
                thrown = dice.random() < chance
                kept = fates.setdefault(id(change.fate), thrown) if change.fate is not None else thrown
            if kept and change.node is None:
                names.pop(change.name, None)
            elif kept and change.node is not None:
                names[change.name] = change.node
        for name, inner in names.items():
            self._lay(inner, to / name, dice, chance, fates)


def _cached(node: _Node) -> dict[str, _Node]:
    names = dict(node.names)
    for change in node.changes:
        if change.node is None:
            names.pop(change.name, None)
        else:
            names[change.name] = change.node
    return names


def _survived(node: _Node, dice: random.Random, chance: float) -> bytes:
    left = bytearray(node.data)
    for change in node.changes:
        if change.data is None:
            if change.safe or dice.random() < chance:
                del left[change.length :]
                left.extend(bytes(change.length - len(left)))
        elif change.safe:
            _put(left, change.length, change.data)
        else:
            for start, sector in _sectors(change.length, change.data):
                if dice.random() < chance:
                    _put(left, start, sector)
    return bytes(left)


def _put(left: bytearray, start: int, data: bytes) -> None:
    left.extend(bytes(max(0, start - len(left))))
    left[start : start + len(data)] = data


def _sectors(start: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    first = SECTOR - start % SECTOR
    cuts = [0, *range(first, len(data), SECTOR), len(data)]
    for low, high in pairwise(cuts):
        yield start + low, data[low:high]
