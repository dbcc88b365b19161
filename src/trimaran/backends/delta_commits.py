"""How a version of a Delta table comes to be: all that it names is on the disk before it can be seen.

delta-rs flushes nothing: after a power cut its log may name files, or hold a commit, of which only the names arrived, and
such a table cannot be read at all. So it works on a table aside, whose files then get their places one flush at a time.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.parse import unquote

import polars as pl
from deltalake import (
    CommitProperties,
    DeltaTable,
    PostCommitHookProperties,
    Transaction,
    WriterProperties,
    write_deltalake,
)

from trimaran.backends.delta_log import LOG, commit_of
from trimaran.backends.delta_order import IN_ORDER, Order, scan
from trimaran.backends.flushing import flush, make_folder

SMALL = 8 * 2**20
"""Bytes: a file of less is small."""

WHOLE = 2**50
"""Bytes: no file grows so large that its rows would be parted."""

_MERGED = 4 * SMALL
_ASIDE = ".aside"
_BARE = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
_TIGHT = WriterProperties(compression="ZSTD", compression_level=4)
_OF_BIRTH = (b'{"protocol"', b'{"metaData"')


def append_rows(
    root: Path, path: Path, rows: pl.DataFrame, key: str, version: int, *, grown: DeltaTable | None = None
) -> bool:
    """Make rows, with their key, the next version of a table, or its first; False when others took its place.

    A table that is to have more columns is given as it was, ``grown``. ``root`` is where what is half done may lie. Raises
    ``OSError`` and delta-rs's errors, and then no version was made.
    """
    make_folder(path / LOG)
    with _aside(root) as aside:
        properties = CommitProperties(app_transactions=[Transaction(key, version)])
        write_deltalake(aside, rows, mode="error", commit_properties=properties, post_commithook_properties=_BARE)
        commit = commit_of(aside, 0)
        if version:
            lines = commit.read_bytes().splitlines(keepends=True)
            born = [line for line in lines if line.startswith(_OF_BIRTH)]
            kept = [line for line in lines if not line.startswith(_OF_BIRTH)]
            commit.write_bytes(b"".join([*(_grown(born, grown) if grown is not None else []), *kept]))
        return _publish(aside, path, {commit: version})


def _grown(born: list[bytes], before: DeltaTable) -> Iterator[bytes]:
    """Yield how a commit says that a table has more columns from here on: it stays the table that it is."""
    metadata, protocol = before.metadata(), before.protocol()
    for line in born:
        action = json.loads(line)
        if "metaData" in action:
            action["metaData"] |= {
                "id": metadata.id,
                "createdTime": metadata.created_time,
                "configuration": metadata.configuration,
            }
            yield json.dumps(action).encode() + b"\n"
        elif action["protocol"]["minWriterVersion"] > protocol.min_writer_version:
            yield line


def merge_files(root: Path, path: Path, order: Order) -> bool:
    """Make versions that read the rows of small files from fewer, if there are such; False when others took the place of one.

    Files are merged with their neighbours only, each time into one and by one version, so that rows stay in their order.
    What another engine wrote in ways that we do not is left as it is.
    """
    table = DeltaTable(path)
    if table.metadata().partition_columns or table.protocol().reader_features not in (None, [], ["timestampNtz"]):
        return True
    newest = table.version()
    order.learn(newest)
    said = {str(path / unquote(one["path"])): one for one in pl.DataFrame(table.get_add_actions()).to_dicts()}
    for number, files in enumerate(order.runs({file: one["size_bytes"] for file, one in said.items()}, _MERGED)):
        rows = scan(path, newest, order.apart(files)).collect()
        if not _merge(root, path, rows, [said[file] for file in files], newest + 1 + number):
            return False
    return True


def _merge(root: Path, path: Path, rows: pl.DataFrame, gone: list[dict[str, Any]], version: int) -> bool:
    """Make the version of a table that reads rows from one file instead of from those that are gone from it."""
    with _aside(root) as aside:
        write_deltalake(
            aside,
            rows,
            mode="error",
            target_file_size=WHOLE,
            writer_properties=_TIGHT,
            post_commithook_properties=_BARE,
        )
        commit = commit_of(aside, 0)
        actions = [json.loads(line) for line in commit.read_bytes().splitlines()]
        added = [{"add": {**action["add"], "dataChange": False}} for action in actions if "add" in action]
        now = next(action["commitInfo"]["timestamp"] for action in actions if "commitInfo" in action)
        info = {"timestamp": now, "operation": "OPTIMIZE", "operationParameters": {}, IN_ORDER: True}
        removed = [
            {
                "remove": {
                    "path": one["path"],
                    "dataChange": False,
                    "deletionTimestamp": now,
                    "extendedFileMetadata": True,
                    "partitionValues": {},
                    "size": one["size_bytes"],
                }
            }
            for one in gone
        ]
        written = [{"commitInfo": info}, *removed, *added]
        commit.write_bytes(b"".join(json.dumps(action).encode() + b"\n" for action in written))
        return _publish(aside, path, {commit: version})


def sweep(root: Path) -> None:
    """Throw away all that is half done, while nobody appends: it may hold rows that are to be erased."""
    shutil.rmtree(root / _ASIDE, ignore_errors=True)


def _publish(aside: Path, path: Path, commits: dict[Path, int]) -> bool:
    moved = [each for each in aside.glob("*.parquet") if not (path / each.name).exists()]
    for each in moved:
        flush(each)
        each.rename(path / each.name)
    flush(path)
    for commit, version in commits.items():
        flush(commit)
        try:
            os.link(commit, commit_of(path, version))  # fails where a commit stands: the law of Delta's log
        except FileExistsError:
            for each in moved:
                (path / each.name).unlink()
            return False
    return True


@contextmanager
def _aside(root: Path) -> Iterator[Path]:
    below = root / _ASIDE
    below.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(dir=below))
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            _tidy(below)


def _tidy(below: Path) -> None:
    """Throw away what killed writers left: a folder whose lock nobody holds."""
    for folder in below.iterdir():
        try:
            with (folder / ".lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # its writer is at work, or has not come as far as its lock
            continue
