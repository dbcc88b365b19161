"""What a source of rows is, what a reading of it brings, and what the table behind it declares."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import polars as pl

from trimaran.core.errors import Fault
from trimaran.core.ports import Progress

REASONS = "refused_because"
PLACE = "refused_at"
"""The columns that rows which could not be read as declared have besides their own: every reason, and the place."""


SOURCE = "source"
"""What findings are called that are about a source."""


@dataclass(frozen=True)
class Shape:
    """What a table declares of its rows: columns and types, which columns are moments, and which it cannot do without.

    With ``strict`` every difference of columns or types breaks its contract.
    """

    table: str
    schema: pl.Schema
    moments: frozenset[str] = frozenset()
    needed: frozenset[str] = frozenset()
    strict: bool = False


class Span(NamedTuple):
    """The rows with a column in (``after``, ``until``]; None leaves a side open."""

    column: str
    after: Any = None
    until: Any = None

    @property
    def expression(self) -> pl.Expr:
        """The span as a condition; a row without a value is inside, so that it is judged and not passed over."""
        column, inside = pl.col(self.column), pl.lit(value=True)
        if self.after is not None:
            inside &= column > self.after
        if self.until is not None:
            inside &= column <= self.until
        return inside | column.is_null()


@dataclass(frozen=True)
class Part:
    """Some rows of a source as they came, with the place they stand at and how many stood there before them.

    ``spoiled`` is the name of a column with the reason why a record is none, null where it is one. ``fault`` says what is
    wrong with the place itself, like a file that ends in the middle; what could be read before it is in ``rows``.
    """

    rows: pl.DataFrame
    place: str
    before: int = 0
    spoiled: str | None = None
    fault: Fault | None = None


@dataclass(frozen=True)
class Reading:
    """What was read: ``rows`` as the table declares them, and ``unreadable`` ones with every reason and their place.

    Rows that stood in the source = ``rows`` + ``unreadable``. ``drift`` says where the source is otherwise than the table
    declares, and what came of it; ``faults`` which places could not be read to their end.
    """

    rows: pl.DataFrame
    unreadable: pl.DataFrame
    drift: list[Fault] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """Drift and faults as findings of a delivery."""
        return [f"{SOURCE}: warn ({fault})" for fault in (*self.drift, *self.faults)]


@runtime_checkable
class Source(Protocol):
    """Where a table's rows come from.

    Law: declaring one opens nothing. ``label`` names it in the ledger and in messages, and never holds a password.
    ``parts`` hands out every row of a span exactly once, in bounded memory where the format allows, and raises only
    errors of ours; rows outside of the span may come too. ``fingerprint`` is another one whenever the rows may be others,
    None where that cannot be told without reading.
    """

    @property
    def name(self) -> str:
        """What a table is called that is given no name, or empty."""
        ...

    @property
    def label(self) -> str:
        """What the ledger and messages call it."""
        ...

    def at(self, root: Path) -> Source:
        """Return the source with relative places looked up in a folder."""
        ...

    def schema(self, moments: Collection[str]) -> pl.Schema:
        """Return columns and types; text in a column of ``moments`` counts as what it says. Raises ``NotFound``, ``InputError``."""
        ...

    def parts(self, shape: Shape, span: Span | None, progress: Progress | None) -> Iterator[Part]:
        """Yield the rows of a span, all by default."""
        ...

    def fingerprint(self, moments: Collection[str]) -> str | None:
        """Return what is another one whenever rows may be."""
        ...


@runtime_checkable
class Growing(Protocol):
    """A source that is asked only for what is new.

    By time, reaching back as far as rows may come late (``late``), or by a column that only grows (``grows``).
    """

    @property
    def late(self) -> timedelta | None:
        """How late rows may come; None where all are read each time."""
        ...

    @property
    def grows(self) -> str | None:
        """The column that only grows."""
        ...
