"""What steps made, in one SQLite file: results by key and small values; large values are objects."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from threading import Lock

import msgspec

from trimaran.backends.closing import Closing
from trimaran.backends.group_commit import GroupCommit
from trimaran.backends.sqlite_files import Readers, closing_writer, create, scrub, transaction, writer
from trimaran.core.canon import digest as digest_of
from trimaran.core.clock import to_micros
from trimaran.core.engines import Kept, Result
from trimaran.core.errors import Corrupt
from trimaran.core.ports import ObjectStore
from trimaran.core.steps import digests_in

SMALL = 16 << 10
"""The most bytes of a value that lies in the file itself: an object costs two flushes of the disk, a row shares one."""

_PUTTERS = 4
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS results (key TEXT NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL)",
    "CREATE INDEX IF NOT EXISTS results_of_key ON results (key, at)",
    "CREATE TABLE IF NOT EXISTS bytes (digest TEXT PRIMARY KEY, data BLOB NOT NULL)",
)
_RESULT = "INSERT INTO results VALUES (?, ?, ?)"
_BYTES = "INSERT INTO bytes VALUES (?, ?) ON CONFLICT DO NOTHING"
_FIND = "SELECT body FROM results WHERE key = ? ORDER BY at DESC, rowid DESC LIMIT 20"
_READ = "SELECT data FROM bytes WHERE digest = ?"
_ALL = "SELECT rowid, body FROM results"
_SMALL = "SELECT digest, data FROM bytes"
_SIZE = "SELECT length(data) FROM bytes WHERE digest = ?"
_FORGET = "DELETE FROM results WHERE rowid = ?"
_DROP = "DELETE FROM bytes WHERE digest = ?"
_HAS = "SELECT 1 FROM bytes WHERE digest = ?"

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Result)


class SqliteSteps(Closing):
    """A ``ResultStore`` in one file, with large values in an object store; results that wait share one transaction.

    The file can be made again from the ledger and the objects: it holds nothing that a finished run's sheet does not name.
    """

    def __init__(self, path: Path, objects: ObjectStore) -> None:
        self.path = path
        self._objects = objects
        create(path, _SCHEMA)
        self._connection = writer(path)
        self._readers = Readers(path)
        self._group: GroupCommit[Kept, None] = GroupCommit(self._commit)
        self._putters = ThreadPoolExecutor(_PUTTERS, thread_name_prefix="step-values")
        self._lock = Lock()
        self._closes = (self._putters.shutdown, self._group.close, self._connection.close, self._readers.close)
        self._waiting: dict[str, tuple[bytes, int]] = {}
        self._fresh: dict[str, Result] = {}

    def find(self, key: str) -> list[Result]:
        """Return the results of a key, the newest first, those under way to the disk among them."""
        rows = self._readers.connection.execute(_FIND, (key,)).fetchall()
        found = [_decoder.decode(body) for (body,) in rows]
        fresh = self._fresh.get(key)
        return [fresh, *found] if fresh is not None and fresh not in found else found

    def keep(self, kept: Kept) -> Future[None]:
        """Keep a result and return the future of its being on the disk."""
        with self._lock:
            for digest, data in kept.data.items():
                _, count = self._waiting.get(digest, (data, 0))
                self._waiting[digest] = data, count + 1
            self._fresh[kept.result.key] = kept.result
        large = [data for data in kept.data.values() if len(data) > SMALL]
        future = self._putters.submit(self._keep_large, kept, large) if large else self._group.submit(kept)
        future.add_done_callback(lambda _: self._forget(kept))
        return future

    def read(self, digest: str) -> bytes:
        """Return bytes that were kept; raises ``NotFound`` and ``Corrupt``."""
        waiting = self._waiting.get(digest)
        if waiting is not None:
            return waiting[0]
        row = self._readers.connection.execute(_READ, (digest,)).fetchone()
        if row is None:
            return self._objects.get(digest)
        (data,) = row
        if digest_of(data) != digest:
            message = f"a value in {self.path} does not have the bytes of its name any more: remove the file, and run the steps again"
            raise Corrupt(message)
        return bytes(data)

    def has(self, digest: str) -> bool:
        """Tell whether bytes were kept."""
        if digest in self._waiting:
            return True
        return self._readers.connection.execute(_HAS, (digest,)).fetchone() is not None or self._objects.has(digest)

    def weigh(self, runs: Collection[str] = (), before: datetime | None = None) -> tuple[int, int]:
        """Return how many results were made in some runs or before a moment, and the bytes that only they need in the file."""
        gone, kept = self._divide(self._readers.connection, runs, before)
        named = {digest for _, body in kept for digest in digests_in(body.output)}
        small = {digest for _, body in gone for digest in digests_in(body.output)} - named
        sizes = (self._readers.connection.execute(_SIZE, (digest,)).fetchone() for digest in small)
        return len(gone), sum(size for (size,) in filter(None, sizes)) + sum(len(_encoder.encode(body)) for _, body in gone)

    def forget(self, runs: Collection[str] = (), before: datetime | None = None) -> int:
        """Remove the results that were made in some runs or before a moment, and what only they need; return how many.

        They are served no more. Large values are objects, which a purge takes where nothing names them.
        """
        with closing_writer(self.path) as connection:
            connection.execute("PRAGMA secure_delete=ON")
            with transaction(connection, self.path):
                gone, kept = self._divide(connection, runs, before)
                named = {digest for _, body in kept for digest in digests_in(body.output)}
                small = {digest for _, body in gone for digest in digests_in(body.output)} - named
                connection.executemany(_FORGET, [(row,) for row, _ in gone])
                connection.executemany(_DROP, [(digest,) for digest in small])
        return len(gone)

    def digests(self) -> set[str]:
        """Return the digests of all values that results have, small and large."""
        rows = self._readers.connection.execute(_ALL).fetchall()
        return {digest for _, body in rows for digest in digests_in(_decoder.decode(body).output)}

    def holding(self, holds: Callable[[bytes], bool], large: Collection[str] = ()) -> int:
        """Return how many results have a small value for which ``holds`` says so, or a large one of these."""
        return len(self._holding(self._readers.connection, holds, large)[0])

    def erase(self, holds: Callable[[bytes], bool], large: Collection[str] = ()) -> int:
        """Remove such results and values, with their traces in the file and its log; return how many results."""
        with closing_writer(self.path) as connection:
            with transaction(connection, self.path):
                rows, small = self._holding(connection, holds, large)
                connection.executemany(_FORGET, [(row,) for row in rows])
                connection.executemany(_DROP, [(digest,) for digest in small])
            scrub(connection, self.path)
        return len(rows)

    def _holding(
        self, connection: sqlite3.Connection, holds: Callable[[bytes], bool], large: Collection[str]
    ) -> tuple[list[int], set[str]]:
        small = {digest for digest, data in connection.execute(_SMALL) if holds(data)}
        marked, rows = small.union(large), []
        for row, body in connection.execute(_ALL).fetchall():
            if not marked.isdisjoint(digests_in(_decoder.decode(body).output)) or holds(body):
                rows.append(row)
        return rows, small

    def _divide(
        self, connection: sqlite3.Connection, runs: Collection[str], before: datetime | None
    ) -> tuple[list[tuple[int, Result]], list[tuple[int, Result]]]:
        gone: list[tuple[int, Result]] = []
        kept: list[tuple[int, Result]] = []
        for row, body in connection.execute(_ALL).fetchall():
            result = _decoder.decode(body)
            (gone if result.run in runs or (before is not None and result.at < before) else kept).append((row, result))
        return gone, kept

    def _keep_large(self, kept: Kept, large: Sequence[bytes]) -> None:
        for data in large:
            self._objects.put(data)
        self._group.submit(kept).result()

    def _commit(self, take: Callable[[], Sequence[Kept]]) -> list[Exception | None]:
        with transaction(self._connection, self.path):
            taken = take()
            small = [pair for kept in taken for pair in kept.data.items() if len(pair[1]) <= SMALL]
            self._connection.executemany(_BYTES, small)
            rows = [(kept.result.key, to_micros(kept.result.at), _encoder.encode(kept.result)) for kept in taken]
            self._connection.executemany(_RESULT, rows)
        return [None] * len(taken)

    def _forget(self, kept: Kept) -> None:
        with self._lock:
            for digest in kept.data:
                data, count = self._waiting[digest]
                if count > 1:
                    self._waiting[digest] = data, count - 1
                else:
                    del self._waiting[digest]
            if self._fresh.get(kept.result.key) is kept.result:
                del self._fresh[kept.result.key]
