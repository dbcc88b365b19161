"""Rows of tables that others keep: Delta Lake by path and version, Apache Iceberg by its metadata or a catalogue's name."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl

from trimaran.core.errors import Fault, InputError, NotFound, TrimaranError, Unavailable
from trimaran.core.ports import Progress
from trimaran.data.sources.files import S3, Files
from trimaran.data.sources.formats import parquet_parts
from trimaran.data.sources.source import Part, Shape, Span


@dataclass(frozen=True)
class Delta:
    """A Delta table, at its newest version or at one; made by ``delta``."""

    place: str
    version: int | None = None
    root: Path = Path()

    @property
    def name(self) -> str:
        """The name of the table's folder."""
        return Path(self.place).name

    @property
    def label(self) -> str:
        """The place of the table, and its version where one was asked for."""
        return self._address if self.version is None else f"{self._address}@{self.version}"

    def at(self, root: Path) -> Delta:
        """Return the table below a folder."""
        return replace(self, root=root)

    def schema(self, moments: Collection[str]) -> pl.Schema:  # noqa: ARG002  a Delta table says its types
        """Return the columns of the version."""
        with _reading(self.label):
            return self._scan().collect_schema()

    def parts(self, shape: Shape, span: Span | None, progress: Progress | None) -> Iterator[Part]:
        """Yield the rows of a span; files that hold none of it are not opened."""
        yield from _parts(self._scan, self.label, shape, span, progress)

    def fingerprint(self, moments: Collection[str]) -> str:  # noqa: ARG002  a version tells
        """Return the number of the version."""
        with _reading(self.label):
            return str(self._table().version())

    @property
    def _address(self) -> str:
        return self.place if self.place.startswith(S3) else str(self.root / self.place)

    def _table(self) -> Any:
        options = Files(self.place).bucket().options if self.place.startswith(S3) else None
        if options is None and not (Path(self._address) / "_delta_log").is_dir():
            raise NotFound(f"there is no Delta table {self._address}; check the source of the table and the data folder")
        return import_module("deltalake").DeltaTable(self._address, version=self.version, storage_options=options)

    def _scan(self) -> pl.LazyFrame:
        return pl.scan_delta(self._table())


@dataclass(frozen=True)
class Iceberg:
    """An Iceberg table, by its metadata file or as ``catalogue:namespace.table``; made by ``iceberg``."""

    reference: str
    snapshot: int | None = None
    root: Path = Path()

    @property
    def name(self) -> str:
        """The table's name in its catalogue, else that of its folder."""
        if self._listed:
            return self.reference.rpartition(".")[2]
        return Path(self.reference).parent.parent.name

    @property
    def label(self) -> str:
        """The reference, and the snapshot where one was asked for."""
        return self.reference if self.snapshot is None else f"{self.reference}@{self.snapshot}"

    def at(self, root: Path) -> Iceberg:
        """Return the table with a relative metadata file looked up in a folder."""
        return replace(self, root=root)

    def schema(self, moments: Collection[str]) -> pl.Schema:  # noqa: ARG002  an Iceberg table says its types
        """Return the columns of the snapshot."""
        with _reading(self.label):
            return self._scan().collect_schema()

    def parts(self, shape: Shape, span: Span | None, progress: Progress | None) -> Iterator[Part]:
        """Yield the rows of a span."""
        yield from _parts(self._scan, self.label, shape, span, progress)

    def fingerprint(self, moments: Collection[str]) -> str:  # noqa: ARG002  a snapshot tells
        """Return the number of the snapshot."""
        with _reading(self.label):
            newest = self._table().current_snapshot()
            return str(self.snapshot or (newest.snapshot_id if newest is not None else 0))

    @property
    def _listed(self) -> bool:
        return ":" in self.reference and "/" not in self.reference

    def _table(self) -> Any:
        try:
            if self._listed:
                catalogue, _, table = self.reference.partition(":")
                return import_module("pyiceberg.catalog").load_catalog(catalogue).load_table(table)
            where = self.reference if "://" in self.reference else str(self.root / self.reference)
            return import_module("pyiceberg.table").StaticTable.from_metadata(where)
        except ModuleNotFoundError as error:
            message = f"{self.label} needs a library that is not installed: run `pip install 'trimaran[iceberg]'`"
            raise Unavailable(message) from error

    def _scan(self) -> pl.LazyFrame:
        return pl.scan_iceberg(self._table(), snapshot_id=self.snapshot)


def delta(place: str | Path, *, version: int | None = None) -> Delta:
    """Return a Delta table as the source of a table, by its path, at the newest version by default.

    >>> delta("lake/flights", version=3).label
    'lake/flights@3'
    """
    return Delta(str(place), version)


def iceberg(reference: str | Path, *, snapshot: int | None = None) -> Iceberg:
    """Return an Iceberg table as the source of a table: ``catalogue:namespace.table``, or the path of a metadata file.

    >>> iceberg("lake:airport.flights").name
    'flights'
    """
    return Iceberg(str(reference), snapshot)


@contextmanager
def _reading(label: str) -> Iterator[None]:
    """Turn what goes wrong in a library inside into an error of ours that names the place."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pl.exceptions.PerformanceWarning)  # PyIceberg plans a scan well enough
            yield
    except TrimaranError:
        raise
    except Exception as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        fault = Fault(what=f"cannot be read: {text}", where=label, remedy="check the reference and the version")
        raise InputError("source", [fault]) from error


def _parts(
    rows: Callable[[], pl.LazyFrame], label: str, shape: Shape, span: Span | None, progress: Progress | None
) -> Iterator[Part]:
    """Yield the rows of a span in batches; how many there are is in the files' footers, and read first."""
    task = f"read {shape.table}"
    with _reading(label):
        found = rows()
        if progress is not None:
            progress.start(task, int(found.select(pl.len()).collect().item()))
        for part in parquet_parts(found, label, shape, span):
            yield part
            if progress is not None:
                progress.advance(task, part.rows.height)
    if progress is not None:
        progress.finish(task)
