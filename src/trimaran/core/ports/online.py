"""The ports of what is looked up by key while requests wait: newest facts, and features."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import polars as pl

    from trimaran.core.nouns import Kept, Standing, View, Written


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

    def removable(self, product: str, table: str, before: datetime) -> int:
        """Return how many rows ``trim`` would forget."""
        ...

    def weight(self, product: str, table: str, before: datetime) -> int:
        """Return the bytes of what ``trim`` would forget."""
        ...

    def trim(self, product: str, table: str, before: datetime) -> int: ...

    def matching(self, product: str, criteria: Mapping[str, Collection[str]]) -> Mapping[str, pl.DataFrame]:
        """Return, by table, the facts whose text in any of some columns is wanted."""
        ...

    def erase(self, product: str, criteria: Mapping[str, Collection[str]]) -> int:
        """Remove what ``matching`` returns for good and return how many rows; no byte of the store holds them afterwards."""
        ...


class ViewStore(Protocol):
    """Features by key: one packed record for each key of a view, in generations of which readers see one.

    Law: ``refresh`` writes a whole new generation beside the one that is read and then switches to it at once; a reader
    sees the old or the new one, never a mixture or an empty view; killed anywhere, so does everybody after. Generations
    that nobody can read any more are removed by the next refresh at the latest. ``advance`` writes only what changed, and
    each key wholly or not at all. Neither lets an older fact take the place of a newer one: a record gives way only to one
    with a later ``event``, or the same and no earlier ``computed``; a view never goes back to an earlier ``as_of``
    (``Conflict``). Both are durable when they return, as far as the server is; the same ``key`` again changes nothing and
    returns what came of it the first time. Readers never wait for writers.
    """

    def refresh(self, view: View, batches: Iterable[Sequence[Kept]], *, as_of: int, sources: bytes, key: str) -> Written:
        """Make batches of records the view's new generation; raises ``Conflict`` when another refresh overtook it."""

    def advance(self, view: View, batches: Iterable[Sequence[Kept]], *, as_of: int, sources: bytes, key: str) -> Written:
        """Write records over those of the generation that is read.

        Raises ``NotFound`` before the first refresh, ``Conflict`` when the view was refreshed by another definition.
        """

    def read(self, product: str, view: str, keys: Sequence[bytes]) -> tuple[Standing, list[Kept | None]]:
        """Return how the view stands and what it keeps of some keys, in their order, all of one generation.

        Raises ``NotFound`` for a view that was never refreshed.
        """

    def standing(self, product: str) -> list[Standing]:
        """Return how each view of a product stands, with its sources, by name."""

    def scan(self, product: str, view: str) -> Iterator[Kept]:
        """Yield every record of the generation that is read, in no order."""

    def drop(self, product: str, view: str) -> int:
        """Remove a view and return how many records that took."""

    def scrub(self) -> None:
        """Leave no byte of what was removed, as far as the store itself keeps any."""
