"""The order of a Delta table's rows: that in which they were delivered, which a Delta log does not keep by itself.

An engine may read the files of a version in any order; delta-rs gives the newest first. So each file gets a place by the
commit that brought it, and one that was merged from others gets theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec
import polars as pl
from deltalake import DeltaTable

from trimaran.backends.delta_log import commit_of

IN_ORDER = "inOrder"
"""What the ``commitInfo`` of a version has that merged files in the order of their rows."""


class _Add(msgspec.Struct):
    path: str
    stats: str | None = None
    changed: bool = msgspec.field(default=True, name="dataChange")


class _Remove(msgspec.Struct):
    path: str


class _Info(msgspec.Struct):
    in_order: bool = msgspec.field(default=False, name=IN_ORDER)


class _Action(msgspec.Struct):
    add: _Add | None = None
    remove: _Remove | None = None
    info: _Info | None = msgspec.field(default=None, name="commitInfo")


class _Stats(msgspec.Struct):
    rows: int = msgspec.field(default=-1, name="numRecords")


class _File(NamedTuple):
    """A file's path in its table, its place, its number of rows, and what it was merged from in some other order."""

    path: str
    place: tuple[int, ...]
    rows: int
    parts: tuple[_File, ...] = ()


class Order:
    """The places of one table's files, learned from its log once and commit by commit; not for several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, _File] = {}
        self._until = -1

    def learn(self, version: int) -> None:
        """Read what is new in the log, up to a version; commits that were cleaned up are passed over."""
        for number in range(self._until + 1, version + 1):
            try:
                lines = commit_of(self._path, number).read_bytes().splitlines()
            except FileNotFoundError:
                continue
            self._take(number, [msgspec.json.decode(line, type=_Action) for line in lines])
        self._until = max(self._until, version)

    def sort(self, files: Iterable[str]) -> list[str]:
        """Return the addresses of files in the order of their rows; of which no commit tells is oldest."""
        return sorted(files, key=lambda file: known.place if (known := self._of(file)) else ())

    def apart(self, files: Iterable[str]) -> list[str]:
        """Return the addresses to read the rows of files from, in their order.

        Of a file that was merged in another order these are the ones that it was merged from, while all are there.
        """
        found: list[tuple[tuple[int, ...], str]] = []
        for file in files:
            known = self._of(file)
            parts = [(part.place, str(self._path / part.path)) for part in known.parts] if known else []
            if parts and all(Path(part).is_file() for _, part in parts):
                found += parts
            else:
                found.append((known.place if known else (), file))
        return [file for _, file in sorted(found, key=lambda each: each[0])]

    def runs(self, sizes: Mapping[str, int], most: int) -> Iterator[list[str]]:
        """Yield neighbours among the files of a version that make one of at most so many bytes, and those to read apart.

        ``sizes`` are those of all the version's files.
        """
        read = self.apart(sizes)
        found: list[list[str]] = []
        filled = most
        for file in self.sort(sizes):
            if filled + sizes[file] > most:
                found.append([])
                filled = 0
            found[-1].append(file)
            filled += sizes[file]
        for files in found:
            apart = self.apart(files)
            place = read.index(apart[0])
            if (len(files) > 1 or apart != files) and read[place : place + len(apart)] == apart:
                yield files

    def _of(self, file: str) -> _File | None:
        return self._known.get(_name(file))

    def _take(self, version: int, actions: Sequence[_Action]) -> None:
        gone = [known for each in actions if each.remove and (known := self._of(each.remove.path))]
        added = [each.add for each in actions if each.add]
        in_order = any(each.info.in_order for each in actions if each.info)
        for number, add in enumerate(added):
            if _name(add.path) in self._known:
                continue
            path, rows = unquote(add.path), _rows(add)
            place: tuple[int, ...] = (version, number)
            parts: tuple[_File, ...] = ()
            if gone and not add.changed:
                place = (*min(each.place for each in gone), number)
                whole = tuple(part for each in gone for part in each.parts or (each,))
                if not in_order and len(added) == 1 and rows == sum(each.rows for each in whole):
                    parts = whole
            self._known[_name(path)] = _File(path, place, rows, parts)


class Orders(dict[Path, Order]):
    """The orders of the tables that were read, by their paths."""

    def __missing__(self, path: Path) -> Order:
        return self.setdefault(path, Order(path))


class _InOrder(DeltaTable):
    """A version of a table that names its files in an order, or only some of them, to whoever scans it."""

    files: list[str]

    def file_uris(self, *_args: Any, **_filters: Any) -> list[str]:
        return self.files

    def get_add_actions(self, flatten: bool = False) -> Any:  # noqa: FBT001, FBT002 - the signature of delta-rs
        """Return what the log says of each of the files, in the same order; nothing of one that this version does not name."""
        said = pl.DataFrame(super().get_add_actions(flatten=flatten))
        asked = pl.DataFrame({"name": [_name(file) for file in self.files]})
        named = said.with_columns(pl.Series("name", [_name(file) for file in said["path"]], dtype=pl.String))
        return asked.join(named, on="name", how="left", maintain_order="left").drop("name")


def scan(path: Path, version: int, files: Sequence[str]) -> pl.LazyFrame:
    """Return the rows of some of a table's files as a version has them, in the order given, read when collected."""
    table = _InOrder(path, version=version)
    table.files = list(files)
    return pl.scan_delta(table)


def _name(file: str) -> str:
    return unquote(file).rpartition("/")[2]


def _rows(add: _Add) -> int:
    return msgspec.json.decode(add.stats or b"{}", type=_Stats).rows
