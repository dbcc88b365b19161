"""Rows in files: a path, a glob, a folder, or the same below ``s3://bucket``."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Self

import polars as pl

from trimaran.core.canon import canonical, digest
from trimaran.core.errors import DefinitionError, Fault, InputError, NotFound, Unavailable
from trimaran.core.ports import Progress
from trimaran.data.sources.formats import PARQUET, SUFFIXES, Unusable, file_parts, file_schema, format_of
from trimaran.data.sources.source import Part, Shape, Span

S3 = "s3://"


class Found(NamedTuple):
    """One file: how messages name it, where it is, its bytes, and what changes when they do."""

    place: str
    address: Path | str
    size: int
    mark: str


@dataclass(frozen=True)
class Files:
    """Parquet, CSV (also ``.gz``) and JSON lines below one place; of several files, each is read by how its name ends.

    A field of CSV that is empty, or says one of ``nulls``, has no value.

    >>> Files("data/2013/*.csv.gz").name, Files("s3://lake/flights/").name
    ('2013', 'flights')
    """

    place: str
    root: Path = Path()
    nulls: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the file or folder without its ending."""
        parts = [part for part in self.place.removeprefix(S3).split("/") if part and not glob.has_magic(part)]
        last = parts[-1] if parts else ""
        end = next((end for end in sorted(SUFFIXES, key=len, reverse=True) if last.lower().endswith(end)), "")
        return last[: len(last) - len(end)] if end else Path(last).stem

    @property
    def label(self) -> str:
        """The place as it was declared."""
        return self.place if self._far else str(self.root / self.place)

    @property
    def guessed(self) -> bool:
        """Whether types are only what text looks like: Parquet says its own."""
        return all(format_of(found.place) not in {PARQUET, None} for found in self._found())

    def at(self, root: Path) -> Files:
        """Return the files below a folder; those of a bucket stay where they are."""
        return replace(self, root=root)

    def schema(self, moments: Collection[str]) -> pl.Schema:
        """Return the columns of the first file that has any, and those that only later ones of its kind have."""
        faults: list[Fault] = []
        merged: dict[str, pl.DataType] = {}
        for found in self._found():
            try:
                with _Near(self, found) as near:
                    schema = file_schema(near.address, moments, near.options, self.nulls)
            except Unusable as error:
                faults.append(Fault(what=error.what, where=found.place, remedy=error.remedy))
                continue
            merged = {**schema, **merged}
            if format_of(found.place) in {PARQUET, None}:
                break  # a Parquet file says its types; text is looked at whole, since a column may begin with gaps
        if not merged:
            none = Fault(what="has no columns", where=self.label, remedy="deliver it with the columns of the table")
            raise InputError("source", faults or [none])
        return pl.Schema(merged)

    def parts(self, shape: Shape, span: Span | None, progress: Progress | None) -> Iterator[Part]:
        """Yield the rows of each file, in order of their names."""
        found = self._found()
        task = f"read {shape.table}"
        if progress is not None:
            progress.start(task, sum(one.size for one in found))
        for one in found:
            with _Near(self, one) as near:
                for part in file_parts(near.address, shape, span, near.options, self.nulls):
                    yield replace(part, place=one.place, fault=_at(part.fault, one.place))
            _require_still(one)
            if progress is not None:
                progress.advance(task, one.size, one.place)
        if progress is not None:
            progress.finish(task)

    def fingerprint(self, moments: Collection[str]) -> str:  # noqa: ARG002  files tell by themselves when they change
        """Return what changes when a file comes, goes, or is written."""
        seen = [[found.place, found.size, found.mark] for found in self._found()]
        return digest(canonical([*seen, list(self.nulls)] if self.nulls else seen))

    @property
    def _far(self) -> bool:
        return self.place.startswith(S3)

    def _found(self) -> list[Found]:
        found = self.bucket().find() if self._far else _local(self.root, self.place)
        if not found:
            raise NotFound(f"there is no file {self.label}; check the source of the table and the data folder")
        return found

    def bucket(self) -> Any:
        """Return the bucket the files are in; raises ``Unavailable`` without the extra ``s3``, ``InputError`` without keys."""
        try:
            return import_module("trimaran.data.sources.buckets").Bucket(self.place)
        except ModuleNotFoundError as error:
            message = f"{self.place} needs a library that is not installed: run `pip install 'trimaran[s3]'`"
            raise Unavailable(message) from error


def files(place: str | Path, *, nulls: Collection[str] = ()) -> Files:
    """Return files as a source of rows, of which CSV says in words that a value is missing: ``tm.files("a.csv", nulls=["NA"])``.

    A path alone is the same without ``nulls``. Raises ``DefinitionError``.

    >>> files("weather.csv", nulls=["NA"]).nulls
    ('NA',)
    """
    words = (nulls,) if isinstance(nulls, str) else tuple(nulls)
    if not all(isinstance(word, str) for word in words):
        fault = Fault(what=f"nulls= is {nulls!r}", remedy='list the words that mean no value, like nulls=["NA", "-"]')
        raise DefinitionError("tm.files", [fault])
    return Files(str(place), nulls=words)


class _Near:
    """A file where it can be read: Parquet where it lies, text of a bucket as a copy that goes away again."""

    def __init__(self, source: Files, found: Found) -> None:
        self._source, self._found = source, found
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.address: Path | str = found.address
        self.options: dict[str, str] | None = None

    def __enter__(self) -> Self:
        if isinstance(self._found.address, str):
            bucket = self._source.bucket()
            if format_of(self._found.place) in {PARQUET, None}:
                self.options = bucket.options
            else:
                self._folder = tempfile.TemporaryDirectory(prefix="trimaran-")
                self.address = Path(self._folder.name) / self._found.place.rsplit("/", 1)[-1]
                bucket.fetch(self._found.address, self.address)
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()


def chosen(names: Collection[str]) -> list[str]:
    """Return which names in a folder are of files with rows, in order: none hidden, none that writers keep beside them.

    >>> chosen(["b.parquet", "a.csv", "_SUCCESS", ".x.csv", "_tmp/c.csv", "readme.txt"])
    ['a.csv', 'b.parquet']
    """
    return sorted(
        name for name in names if format_of(name) and not any(part.startswith((".", "_")) for part in name.split("/"))
    )


def _local(root: Path, place: str) -> list[Found]:
    path = root / place
    if path.is_dir():
        if (path / "_delta_log").is_dir():
            fault = Fault(
                what="is a Delta table, not a folder of files", where=str(path), remedy=f"write tm.delta({place!r})"
            )
            raise InputError("source", [fault])
        names = [file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()]
        return [_seen(path / name, f"{place.rstrip('/')}/{name}") for name in chosen(names)]
    if os.path.lexists(path) or not glob.has_magic(place):
        return [_seen(path, path.name)] if os.path.lexists(path) else []
    files = sorted(Path(name) for name in glob.glob(str(path), recursive=True))  # noqa: PTH207  Path.glob takes no absolute one
    return [_seen(file, file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file)) for file in files]


def _seen(path: Path, place: str) -> Found:
    try:
        stat = path.stat()
    except OSError as error:  # a link that leads nowhere, or to itself: reading it says so
        return Found(place, path, 0, type(error).__name__)
    return Found(place, path, stat.st_size, f"{stat.st_mtime_ns}:{stat.st_ino}")


def _require_still(found: Found) -> None:
    """Raise ``InputError`` for a file that was written or replaced while it was read: it may be half of each."""
    if isinstance(found.address, Path) and _seen(found.address, found.place) != found:
        what = "was changed while it was read, and nothing of it was taken in"
        remedy = "write new files beside the old ones and rename them; then run it again"
        raise InputError("source", [Fault(what=what, where=found.place, remedy=remedy)])


def _at(fault: Fault | None, place: str) -> Fault | None:
    return None if fault is None else Fault(what=fault.what, where=place, remedy=fault.remedy)
