"""Versioned tables as Delta Lake on a local disk, readable by Spark, Trino, DuckDB and Databricks without us."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec
import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from trimaran.core.errors import Fault, InputError, NotFound, Unavailable

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*")
_ATTEMPTS = 100
_WIDER: Mapping[type[pl.DataType], pl.DataType] = {
    pl.UInt8: pl.Int16(),
    pl.UInt16: pl.Int32(),
    pl.UInt32: pl.Int64(),
    pl.Categorical: pl.String(),
    pl.Enum: pl.String(),
}
"""Types that Delta Lake does not have, and those that hold all their values."""

_REFUSED = (pl.UInt64, pl.Time, pl.Duration, pl.Object, pl.Null, pl.Int128)


class _Add(msgspec.Struct):
    path: str


class _Action(msgspec.Struct):
    add: _Add | None = None


class DeltaTables:
    """A ``TableStore`` below one directory; several processes may append.

    A key is kept as an application transaction inside the same Delta commit as its rows, so that no kill can part them.
    Times keep their zone and microseconds; a type Delta Lake lacks is widened where no value can change, else refused.

    >>> import tempfile
    >>> store = DeltaTables(Path(tempfile.mkdtemp()))
    >>> rows = pl.DataFrame({"wind": [3.0]})
    >>> store.append("weather", rows, key="a"), store.append("weather", rows, key="a"), store.append("weather", rows, key="b")
    (0, 0, 1)
    >>> store.read("weather").collect().height
    2
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._open: dict[str, DeltaTable] = {}
        self._lock = Lock()

    def append(self, table: str, rows: pl.DataFrame, *, key: str) -> int:
        """Write rows as the next version and return it once they are on the disk; a key seen before changes nothing.

        Raises ``InputError`` for a name that is no name, and for columns the table does not have or cannot hold.
        """
        path, storable = self._path(table), _storable(table, rows)
        with self._lock:
            for _ in range(_ATTEMPTS):
                current = self._current(table)
                before = current.transaction_version(key) if current else None
                if before is not None:
                    return int(before)
                if current:
                    storable = _fitting(table, storable, pl.Schema(current.schema()))
                version = current.version() + 1 if current else 0
                if self._write(table, current, storable, key, version):
                    _sync(path, version)
                    return version
        message = f"table {table} was written by others {_ATTEMPTS} times in a row; nothing was appended: send it again"
        raise Unavailable(message)

    def read(self, table: str, version: int | None = None) -> pl.LazyFrame:
        """Return the rows of a version (the newest by default), read when collected; raises ``NotFound``."""
        newest = self.version(table)
        if newest is None:
            message = f"no table {table} below {self.root}; append to it first"
            raise NotFound(message)
        if version is not None and not 0 <= version <= newest:
            message = f"table {table} has no version {version}; it has 0 to {newest}"
            raise NotFound(message)
        return pl.scan_delta(DeltaTable(self._path(table), version=newest if version is None else version))

    def version(self, table: str) -> int | None:
        """Return the newest version, None when the table does not exist."""
        with self._lock:
            current = self._current(table)
            return current.version() if current else None

    def compact(self, table: str) -> int:
        """Merge the small files of a table and return the version that reads them; older versions stay readable."""
        if self.version(table) is None:
            message = f"no table {table} below {self.root}; append to it first"
            raise NotFound(message)
        with self._lock:
            current = self._open[table]
            before = current.version()
            current.optimize.compact()
            current.update_incremental()
            for version in range(before + 1, current.version() + 1):
                _sync(self._path(table), version)
            return current.version()

    def _current(self, table: str) -> DeltaTable | None:
        if table in self._open:
            self._open[table].update_incremental()
            return self._open[table]
        try:
            self._open[table] = DeltaTable(self._path(table))
        except TableNotFoundError:
            return None
        return self._open[table]

    def _write(self, table: str, current: DeltaTable | None, rows: pl.DataFrame, key: str, version: int) -> bool:
        # delta-rs would silently commit a later version after a conflict; the key must name the one it is in.
        properties = CommitProperties(max_commit_retries=0, app_transactions=[Transaction(key, version)])
        try:
            if current is None:
                self._path(table).mkdir(parents=True, exist_ok=True)
                write_deltalake(self._path(table), rows, mode="error", commit_properties=properties)
            else:
                write_deltalake(current, rows, mode="append", commit_properties=properties)
        except CommitFailedError:
            return False
        except DeltaError as error:
            if current is None and DeltaTable.is_deltatable(str(self._path(table))):
                return False
            message = f"table {table} could not be written ({error}); nothing was appended: free the disk and send it again"
            raise Unavailable(message) from error
        return True

    def _path(self, table: str) -> Path:
        if not _NAME.fullmatch(table):
            remedy = "use letters, digits, '_', '.' and '-', with '/' between the parts"
            raise InputError("table", [Fault(what=f"{table!r} is no name of a table", remedy=remedy)])
        return self.root / table


def _storable(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    faults = [
        Fault(what=f"column {name!r} is {dtype}, which Delta Lake has no type for", where=table, remedy="cast it")
        for name, dtype in rows.schema.items()
        if isinstance(dtype, _REFUSED)
    ]
    if faults:
        raise InputError("rows", faults)
    casts: dict[Any, Any] = {name: _WIDER[type(dtype)] for name, dtype in rows.schema.items() if type(dtype) in _WIDER}
    casts |= {
        name: pl.Datetime("us", dtype.time_zone and "UTC")
        for name, dtype in rows.schema.items()
        if isinstance(dtype, pl.Datetime)
    }
    return rows.cast(casts) if casts else rows


def _fitting(table: str, rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    names = {**schema, **rows.schema}
    faults = [
        Fault(
            what=f"column {name!r} is {sent}, the table has {has}",
            where=table,
            remedy="send the table's columns, or begin a new table",
        )
        for name in names
        if (sent := rows.schema.get(name, "not sent")) != (has := schema.get(name, "no such column"))
    ]
    if faults:
        raise InputError("rows", faults)
    return rows.select(schema.names())


def _sync(path: Path, version: int) -> None:
    # delta-rs renames into place but leaves the flush to the system.
    commit = path / "_delta_log" / f"{version:020}.json"
    actions = (msgspec.json.decode(line, type=_Action) for line in commit.read_bytes().splitlines())
    for written in [*(path / action.add.path for action in actions if action.add), path, commit, commit.parent]:
        handle = os.open(written, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
