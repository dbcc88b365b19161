"""Versioned tables as Delta Lake on a local disk, readable by Spark, Trino, DuckDB and Databricks without us."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec
import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from trimaran.backends.delta_checkpoints import EVERY, checkpoint
from trimaran.backends.delta_commits import SMALL, append_rows, merge_files, sweep
from trimaran.backends.delta_history import matching, rewrite
from trimaran.backends.delta_log import LOG, commit_of, tip_of
from trimaran.backends.delta_order import Orders, scan
from trimaran.backends.delta_versions import brought, unread
from trimaran.backends.flushing import flush
from trimaran.backends.locking import locked
from trimaran.core.errors import Fault, InputError, NotFound, Unavailable
from trimaran.core.ports import LetGo

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*")
_COLOUR, _BRANCH = re.compile(r"\x1b\[[0-9;]*m"), re.compile(r"\s*↳\s*")
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


COMMITS = pl.Schema({"version": pl.Int64(), "key": pl.String(), "changed": pl.Boolean(), "rows": pl.Int64()})
"""The columns of ``commits``."""


class _Add(msgspec.Struct):
    path: str
    stats: str | None = None
    changed: bool = msgspec.field(default=True, name="dataChange")


class _Remove(msgspec.Struct):
    path: str
    changed: bool = msgspec.field(default=True, name="dataChange")


class _Txn(msgspec.Struct):
    key: str = msgspec.field(name="appId")


class _Stats(msgspec.Struct):
    rows: int = msgspec.field(default=0, name="numRecords")


class _Action(msgspec.Struct):
    add: _Add | None = None
    remove: _Remove | None = None
    txn: _Txn | None = None


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
        self._marks: dict[str, int] = {}
        self._orders = Orders()
        self._lock = Lock()
        self._erasures = root / ".erasures"
        self._seen = 0

    def append(self, table: str, rows: pl.DataFrame, *, key: str, evolve: bool = False) -> int:
        """Write rows as the next version and return it once they are on the disk; a key seen before changes nothing.

        Raises ``InputError`` for a name that is no name, and for columns the table does not have or cannot hold; with
        ``evolve`` it gets those it does not have, null in all rows before.
        """
        storable = _storable(table, rows)
        with self._appending():
            for _ in range(_ATTEMPTS):
                current = self._current(table)
                before = self._settled(table, key, current)
                if before is not None:
                    return before
                if current:
                    storable = _fitting(table, storable, pl.Schema(current.schema()), evolve=evolve)
                version = current.version() + 1 if current else 0
                grown = current if current and storable.width > len(current.schema().fields) else None
                if self._write(table, storable, key, version, grown):
                    return version
        raise self._outrun(table)

    def read(self, table: str, version: int | None = None) -> pl.LazyFrame:
        """Return the rows of a version (the newest by default), as they were delivered, read when collected; raises ``NotFound``."""
        newest = self.version(table)
        if newest is None:
            message = f"no table {table} below {self.root}; append to it first"
            raise NotFound(message)
        if version is not None and not 0 <= version <= newest:
            message = f"table {table} has no version {version}; it has 0 to {newest}"
            raise NotFound(message)
        found = DeltaTable(self._path(table), version=newest if version is None else version)
        if found.version() < newest and not all(Path(file).is_file() for file in found.file_uris()):
            message = f"version {version} of table {table} cannot be read any more: files that it alone needs were let go"
            raise NotFound(message)
        with self._lock:
            order = self._orders[self._path(table)]
            order.learn(found.version())
            files = order.apart(found.file_uris())
        return scan(self._path(table), found.version(), files)

    def brought(self, table: str, version: int) -> pl.DataFrame:
        """Return the rows that one version added; raises ``NotFound``, also when its files were let go."""
        frame = self.read(table, version)
        path = self._path(table)
        files = brought(path, version) if commit_of(path, version).exists() else None
        if files is None or not all(file.is_file() for file in files):
            message = (
                f"the rows that version {version} of {table} brought cannot be told apart any more: its files were let go"
            )
            raise NotFound(message)
        rows = [pl.read_parquet(file) for file in files]
        return pl.concat(rows) if rows else frame.clear().collect()

    def version(self, table: str) -> int | None:
        """Return the newest version, None when the table does not exist."""
        with self._lock:
            current = self._current(table)
            return current.version() if current else None

    def find(self, table: str, key: str) -> int | None:
        """Return the version that a key was appended as, None when it was not."""
        with self._lock:
            return self._settled(table, key, self._current(table))

    def commits(self, table: str) -> pl.DataFrame:
        """Return how each version came about, by the log alone: no row is read.

        A log that was cleaned up begins with the first version that can still be told.
        """
        newest, path = self.version(table), self._path(table)
        if newest is None:
            return COMMITS.to_frame()
        kept = [version for version in range(newest + 1) if commit_of(path, version).exists()]
        files: dict[str, int] = {}
        if kept and kept[0]:
            before = pl.DataFrame(DeltaTable(path, version=kept[0] - 1).get_add_actions(flatten=True))
            files = dict(before.select("path", "num_records").iter_rows())
        rows = []
        for version in kept:
            actions = _actions(commit_of(path, version))
            changed = False
            for action in actions:
                if action.remove is not None:
                    files.pop(action.remove.path, None)
                    changed |= action.remove.changed
                if action.add is not None:
                    files[action.add.path] = msgspec.json.decode(action.add.stats or b"{}", type=_Stats).rows
                    changed |= action.add.changed
            key = next((action.txn.key for action in actions if action.txn is not None), None)
            rows.append((version, key, changed, sum(files.values())))
        return pl.DataFrame(rows, schema=COMMITS, orient="row")

    def small(self, table: str) -> int:
        """Return how many files of less than 8 MiB the newest version reads."""
        with self._lock:
            current = self._current(table)
            sizes = pl.DataFrame(current.get_add_actions())["size_bytes"] if current else pl.Series([], dtype=pl.Int64)
        return int((sizes < SMALL).sum())

    def let_go(self, table: str, keep: Collection[int], *, before: datetime, dry: bool = False) -> LetGo:
        """Remove the files that only versions read which nobody needs, and return what went; ``dry`` only says what would.

        Appends of all processes wait meanwhile.
        """
        path = self._path(table)
        if self.version(table) is None:
            return LetGo([], 0, 0)
        with self._lock, self._durably(table), locked(self._erasures, alone=True):
            versions, files = unread(path, keep, before)
            for name in () if dry else files:
                (path / name).unlink(missing_ok=True)
            flush(path)
        return LetGo(versions, len(files), sum(files.values()))

    def compact(self, table: str) -> int:
        """Merge the small files of a table and return the version that reads them; older versions stay readable."""
        with self._appending():
            for _ in range(_ATTEMPTS):
                if self._current(table) is None:
                    message = f"no table {table} below {self.root}; append to it first"
                    raise NotFound(message)
                with self._durably(table):
                    merged = merge_files(self.root, self._path(table), self._orders[self._path(table)])
                newest = self._current(table)
                if merged and newest is not None:
                    return newest.version()
        raise self._outrun(table)

    def matching(self, table: str, criteria: Mapping[str, Collection[str]]) -> pl.DataFrame:
        """Return the rows of all versions whose text in any of some columns is wanted; ``__version`` says which brought each."""
        if self.version(table) is None:
            return pl.DataFrame()
        with locked(self._erasures, alone=False):
            return matching(self._path(table), criteria)

    def erase(self, table: str, criteria: Mapping[str, Collection[str]]) -> int:
        """Take the rows that ``matching`` returns out of every version, for good, and return how many they were.

        Appends of all processes wait meanwhile. Raises ``Refused`` for a history that another engine wrote or cut short.
        """
        if self.version(table) is None:
            return 0
        with self._lock, self._durably(table), locked(self._erasures, alone=True):
            try:
                self._forget()
                sweep(self.root)
                taken = rewrite(self._path(table), criteria)
                if taken:
                    checkpoint(self.root, self._path(table))
                return taken
            finally:
                self._forget()

    @contextmanager
    def _appending(self) -> Iterator[None]:
        with self._lock, locked(self._erasures, alone=False):
            yield

    def _forget(self) -> None:
        """Make every process open its tables anew: what they hold in memory names files that are no more."""
        os.utime(self._erasures)

    def _current(self, table: str) -> DeltaTable | None:
        seen = self._erasures.stat().st_mtime_ns if self._erasures.exists() else 0
        if seen != self._seen:
            self._open.clear()
            self._orders.clear()
            self._seen = seen
        path = self._path(table)
        mark = tip_of(path)
        if table not in self._open:
            try:
                self._open[table] = DeltaTable(path)
            except TableNotFoundError:
                return None
        elif self._marks[table] != mark or commit_of(path, self._open[table].version() + 1).exists():
            self._open[table].update_incremental()  # lists the log, some milliseconds, where two looks say that nothing came
        self._marks[table] = mark
        return self._open[table]

    def _settled(self, table: str, key: str, current: DeltaTable | None) -> int | None:
        """Return the version of a key, its name on the disk: who made it may have been killed before that."""
        found = current.transaction_version(key) if current else None
        if found is None:
            return None
        with self._durably(table):
            return int(found)

    def _write(self, table: str, rows: pl.DataFrame, key: str, version: int, grown: DeltaTable | None) -> bool:
        with self._durably(table):
            if not append_rows(self.root, self._path(table), rows, key, version, grown=grown):
                return False
        if (version + 1) % EVERY == 0:
            with suppress(OSError, DeltaError):  # the rows are safe; the next one will spare readers as much
                checkpoint(self.root, self._path(table))
        return True

    def _outrun(self, table: str) -> Unavailable:
        return Unavailable(
            f"table {table} was written by others {_ATTEMPTS} times in a row; nothing was written: send it again"
        )

    @contextmanager
    def _durably(self, table: str) -> Iterator[None]:
        """Flush the names of a table's versions at the end; what fails is ``Unavailable``."""
        try:
            yield
            flush(self._path(table) / LOG)
        except (OSError, DeltaError) as error:
            message = f"table {table} could not be written ({_plain(error)}); nothing was acknowledged: free the disk and send it again"
            raise Unavailable(message) from error

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


def _fitting(table: str, rows: pl.DataFrame, schema: pl.Schema, *, evolve: bool = False) -> pl.DataFrame:
    names = schema if evolve else {**schema, **rows.schema}
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
    return rows.select(list(dict.fromkeys([*schema.names(), *rows.columns])))


def _actions(commit: Path) -> list[_Action]:
    return [msgspec.json.decode(line, type=_Action) for line in commit.read_bytes().splitlines()]


def _plain(error: Exception) -> str:
    # delta-rs draws its causes as a coloured tree.
    return _BRANCH.sub(": ", _COLOUR.sub("", str(error))).strip()
