"""What every check of a contract has: which rows of a delivery break it, or how it judges the delivery as a whole."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import polars as pl

from trimaran.core.nouns import Outcome
from trimaran.data.contracts.literals import Value, literal

Policy = Literal["refuse", "warn", "stop"]
"""What a broken check does: refuse the rows that break it, say so only, or refuse the whole delivery and stop the line."""
POLICIES: tuple[Policy, ...] = ("refuse", "warn", "stop")


@dataclass(frozen=True)
class Allowance:
    """How many rows may break a check before it is broken: up to ``limit``, or fewer where ``strict``.

    >>> Allowance(5, percent=True).covers(5, of=100), Allowance(5, percent=True, strict=True).covers(5, of=100)
    (True, False)
    """

    limit: float = 0
    percent: bool = False
    strict: bool = False

    def covers(self, broken: int, of: int) -> bool:
        """Return whether so many broken rows of a delivery are allowed; none is always allowed."""
        amount, limit = (100 * broken, self.limit * of) if self.percent else (broken, self.limit)
        return not broken or (amount < limit if self.strict else amount <= limit)

    def __str__(self) -> str:
        if not self.limit:
            return "none may"
        return f"{'fewer than' if self.strict else 'up to'} {self.limit:,g}{' %' if self.percent else ''} may"


@dataclass(frozen=True)
class Surroundings:
    """What a delivery is judged beside: the moment, the rows the table holds, and the other tables of the product."""

    now: datetime | None = None
    present: pl.DataFrame | None = None
    others: Mapping[str, pl.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Check:
    """What every check has: its columns, what happens when it is broken, how many rows may break it, and its place.

    ``title`` is the name people gave it; without one its own words name it.
    """

    columns: tuple[str, ...] = ()
    policy: Policy = "refuse"
    allowed: Allowance = Allowance()
    title: str = ""
    where: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """What reasons and findings call the check."""
        return self.title or self.words

    @property
    def words(self) -> str:
        """What is wrong with a row that breaks the check; a check that always has a title needs no better ones."""
        return f"{', '.join(self.columns)} is wrong"

    def faults(self, schema: Mapping[str, pl.DataType]) -> list[str]:  # noqa: ARG002  most have none
        """Return why the check cannot be made on columns of these types."""
        return []

    def resolved(self, schema: Mapping[str, pl.DataType]) -> Check:  # noqa: ARG002  most are what they are
        """Return the check as it is made on columns of these types."""
        return self


class RowCheck(Check, ABC):
    """A check of single rows; ``broken`` is true where a row breaks it, and null counts as not broken."""

    @abstractmethod
    def broken(self, schema: Mapping[str, pl.DataType]) -> pl.Expr:
        """Return the rows that break the check."""

    def unknown(self, around: Surroundings) -> str:  # noqa: ARG002  most can always be judged
        """Return why the check cannot be judged beside these surroundings, empty where it can."""
        return ""

    def beside(self, rows: pl.LazyFrame, around: Surroundings) -> pl.LazyFrame:  # noqa: ARG002  most need nothing
        """Return the rows with what the check needs from elsewhere."""
        return rows


class WholeCheck(Check, ABC):
    """A check of a delivery as a whole."""

    @abstractmethod
    def measured(self, schema: Mapping[str, pl.DataType], around: Surroundings) -> pl.Expr:
        """Return the one value that the check judges."""

    @abstractmethod
    def judged(self, value: Any, rows: int, around: Surroundings) -> tuple[Outcome, str]:
        """Return ``pass``, ``fail`` or ``unknown``, and why."""


def needs(check: Check, schema: Mapping[str, pl.DataType], what: str, fits: Callable[[Any], bool]) -> list[str]:
    """Return which columns of a check do not fit; one of nothing but nulls fits everything."""
    return [
        f"needs {what}, and {name!r} is {schema[name]}"
        for name in check.columns
        if schema[name] != pl.Null and not fits(schema[name])
    ]


def unlike(check: Check, values: Iterable[Value], schema: Mapping[str, pl.DataType]) -> list[str]:
    """Return which values cannot be compared with a check's column."""
    found = []
    for value in values:
        try:
            literal(value, schema[check.columns[0]])
        except ValueError as error:
            found.append(f"cannot compare {check.columns[0]!r}: {error}")
    return found
