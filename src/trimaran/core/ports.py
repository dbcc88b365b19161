"""What trimaran needs of the world, as small protocols; backends implement them, ``trimaran.testing`` holds their laws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from trimaran.core.nouns import Draft, Entry, Label, Prediction


class LedgerStore(Protocol):
    """An append-only, hash-chained list of entries.

    Law: ``append`` is atomic and durable when it returns; seq numbers are 1, 2, 3 … without gaps; entry ``seq`` links to
    the digest of ``seq - 1``. A key seen before returns its first entry if the body is the same (whatever the time and
    actor), else raises ``Conflict``; a stale ``after`` raises ``Conflict``. On any error nothing of the batch stands.
    Any number of threads and processes may append and read at once; readers never wait for the writer.
    """

    def append(self, drafts: Sequence[Draft]) -> list[Entry]: ...

    def get(self, seq: int) -> Entry:
        """Return one entry; raises ``NotFound``."""
        ...

    def head(self) -> int:
        """Return the seq of the newest entry, 0 when there is none."""
        ...

    def latest(self, kind: str, subject: str) -> Entry | None:
        """Return the newest entry of a kind about a subject, from the index."""
        ...

    def find(self, key: str) -> Entry | None:
        """Return the entry first written under an idempotency key, None when there is none."""
        ...

    def scan(
        self, *, after: int = 0, kinds: Sequence[str] = (), subject: str | None = None, until: datetime | None = None
    ) -> Iterator[Entry]:
        """Yield entries in order of seq: past ``after``, of the kinds (all when empty), of one subject, at or before ``until``."""
        ...

    def rebuild(self) -> None:
        """Throw the index tables away and build them again from the entries."""
        ...


class ObjectStore(Protocol):
    """Bytes named by their SHA-256.

    Law: ``put`` returns once the bytes are durable; putting the same bytes again changes nothing. ``get`` verifies what
    it read and raises ``Corrupt`` rather than return other bytes; a digest never put raises ``NotFound``.
    """

    def put(self, data: bytes) -> str: ...

    def get(self, digest: str) -> bytes: ...

    def has(self, digest: str) -> bool: ...


class TableStore(Protocol):
    """Versioned tables, readable by other engines without us.

    Law: ``append`` makes the next version (the first is 0) or, when ``key`` was appended before, returns that version and
    changes nothing; ``read`` of a version gives the same rows for ever, later appends or not.
    """

    def append(self, table: str, rows: pl.DataFrame, *, key: str) -> int: ...

    def read(self, table: str, version: int | None = None) -> pl.LazyFrame:
        """Return the rows of a version (the newest by default); raises ``NotFound``."""
        ...

    def version(self, table: str) -> int | None:
        """Return the newest version, None when the table does not exist."""
        ...


class CaptureStore(Protocol):
    """What was answered, and later the truth.

    Law: ``record`` and ``join`` return once every row is durable. A prediction's (product, id, version) and a label's
    (product, id) are written once: a repeat changes nothing and is not counted in the returned number of new rows.
    """

    def record(self, predictions: Sequence[Prediction]) -> int: ...

    def join(self, labels: Sequence[Label]) -> int: ...

    def answers(self, product: str, ids: Sequence[str]) -> dict[tuple[str, int], Prediction]:
        """Return the captured predictions of some ids, by (id, version)."""
        ...

    def frame(
        self, product: str, *, since: datetime | None = None, until: datetime | None = None, features: bool = False
    ) -> pl.DataFrame:
        """Return predictions with since <= event_at < until, joined with their labels.

        Columns: id, version (Int32), role, mode, event_at, asked_at (UTC datetimes), score (Float64, null when the version
        failed to answer), seconds, notes (list of
        strings), label (Float64, null while waiting or never known), known_at, joined_at (null while waiting) and, on
        request, features (list of Float64 in the version's order).
        """
        ...

    def counts(self, product: str, *, since: datetime | None = None) -> Mapping[str, int]:
        """Return totals of what holds for ``since`` <= event_at (everything by default).

        predictions; answered (distinct ids that a live or canary version answered) = labelled + waiting + unknowable.
        """
        ...


class OnlineStore(Protocol):
    """The newest facts of each table, for features at serving time.

    Law: ``push`` is atomic and durable when it returns; the same batch key again changes nothing. ``since`` returns the
    batches pushed after a mark, and the new mark, without waiting for a writer. ``trim`` forgets facts too old to matter.
    """

    def push(self, product: str, table: str, rows: pl.DataFrame, *, key: str) -> None: ...

    def since(self, product: str, mark: int) -> tuple[int, list[tuple[str, pl.DataFrame]]]:
        """Return the newest mark and every (table, rows) pushed after ``mark``, oldest first."""
        ...

    def mark(self, product: str) -> int:
        """Return the newest mark, 0 when nothing was pushed: cheap enough to ask before every request."""
        ...

    def trim(self, product: str, table: str, before: datetime) -> int: ...


class Scorer(Protocol):
    """A model ready to answer: float32 features (n, k), NaN for missing, to probabilities (n,) as float64."""

    def __call__(self, features: np.ndarray) -> np.ndarray: ...


class ModelFormat(Protocol):
    """A way to keep a fitted model as bytes that need no pickle.

    Law: ``load(dump(model))`` answers like the model; bytes it does not know raise ``InputError`` without running any of
    them. The same fitted model gives the same bytes.
    """

    name: str

    def dump(self, model: Any, features: Sequence[str]) -> bytes: ...

    def load(self, data: bytes) -> Scorer: ...


class Progress(Protocol):
    """Shows how far a long act is; the numbers it is given are the truth."""

    def start(self, task: str, total: int) -> None: ...

    def advance(self, task: str, done: int = 1, note: str = "") -> None: ...

    def finish(self, task: str) -> None: ...
