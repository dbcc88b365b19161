"""The port of tables: versions of rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import polars as pl


class LetGo(NamedTuple):
    """Versions of a table that can be read no more, and how many files and bytes that gives back."""

    versions: list[int]
    files: int
    size: int


class TableStore(Protocol):
    """Versioned tables, readable by other engines without us.

    Law: ``append`` makes the next version (the first is 0) or, when ``key`` was appended before, returns that version and
    changes nothing; with ``evolve`` it gives the table the columns that only the rows have, null in all rows before; ``read``
    of a version gives the same rows for ever, later appends or not, until ``let_go`` takes its files; and always in the order
    in which they were appended, whatever was merged, erased or let go since, and from whichever process.
    """

    def append(self, table: str, rows: pl.DataFrame, *, key: str, evolve: bool = False) -> int: ...

    def read(self, table: str, version: int | None = None) -> pl.LazyFrame:
        """Return the rows of a version (the newest by default); raises ``NotFound``."""
        ...

    def version(self, table: str) -> int | None:
        """Return the newest version, None when the table does not exist."""
        ...

    def brought(self, table: str, version: int) -> pl.DataFrame:
        """Return the rows that one version added; raises ``NotFound``, also when its own rows can be told apart no more."""
        ...

    def matching(self, table: str, criteria: Mapping[str, Collection[str]]) -> pl.DataFrame:
        """Return the rows of all versions whose text in any of some columns is wanted; ``__version`` says which brought each."""
        ...

    def erase(self, table: str, criteria: Mapping[str, Collection[str]]) -> int:
        """Take the rows that ``matching`` returns out of every version, for good, and return how many they were.

        Law: versions, keys and all other rows stay; at every moment each version can be read, with the rows or without;
        when it returns, no byte of the store holds them. After a kill, again from the start completes.
        """
        ...

    def find(self, table: str, key: str) -> int | None:
        """Return the version that a key was appended as, None when it was not."""
        ...

    def small(self, table: str) -> int:
        """Return how many files the newest version reads that are so small that ``compact`` would merge them."""
        ...

    def compact(self, table: str) -> int:
        """Merge the small files of a table and return the version that reads them; older versions stay readable.

        Law: it has the rows of the one before it, in their order, and no key; with nothing to merge there is none. A kill leaves either.
        """
        ...

    def let_go(self, table: str, keep: Collection[int], *, before: datetime, dry: bool = False) -> LetGo:
        """Remove the files that only versions read which nobody needs, and return what went; ``dry`` only says what would.

        Law: the newest version, those to ``keep`` and every one that was the newest at or after ``before``, by the machine's
        clock, are read as ever; ``read`` of one whose files went raises ``NotFound``, and it keeps nothing any more. After a
        kill, again completes.
        """
        ...

    def commits(self, table: str) -> pl.DataFrame:
        """Return what is known of how each version came about, oldest first, empty when the table does not exist.

        Columns: version (Int64), key (the one appended; null where somebody else wrote), changed (whether rows came or went,
        false for a tidying up) and rows (how many the version has by the store's own record).
        """
        ...
