"""Judges a delivery of rows by a table's declaration, contract and expectations: kept rows, refused rows with every reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import polars as pl

from trimaran.core.errors import Fault, InputError, NotFound
from trimaran.core.nouns import Finding
from trimaran.data.contracts.checks import Check, RowCheck, Surroundings
from trimaran.data.contracts.columns import Required
from trimaran.data.contracts.expressions import holding
from trimaran.data.contracts.judging import REASONS, judge
from trimaran.data.contracts.literals import is_of
from trimaran.data.contracts.tables import Fresh, Reference, Rows, first_of

_TYPES: Mapping[str, pl.DataType] = {
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "string": pl.String(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us", "UTC"),
}
"""The type of a column of text that is promised to be of a logical type."""


@dataclass(frozen=True)
class Contract:
    """What a table promises: columns with their logical types, and checks.

    ``absent`` says, of a contract in a file that is gone, where the file was: deliveries cannot be judged then.
    """

    name: str = ""
    types: Mapping[str, str | None] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict, compare=False)
    absent: str = ""

    @property
    def references(self) -> list[str]:
        """The tables that rows must be found in."""
        return list(dict.fromkeys(check.table for check in self.checks if isinstance(check, Reference)))

    def settles(self, guessed: Mapping[str, pl.DataType]) -> pl.Schema:
        """Return columns whose types are guesses from text with those that are promised, where the guess is another.

        >>> guessed = {"zip": pl.Int64(), "seats": pl.String(), "x": pl.Date()}
        >>> list(Contract("", {"zip": "string", "seats": "integer"}).settles(guessed).values())
        [String, Int64, Date]
        """
        types = {name: _TYPES.get(logical) for name, logical in self.types.items() if logical is not None}
        return pl.Schema(
            {
                name: kind if wanted is None or (is_of(kind, self.types[name] or "") and kind != pl.Null) else wanted
                for name, kind in guessed.items()
                for wanted in [types.get(name)]
            }
        )

    def faults(self, schema: Mapping[str, pl.DataType]) -> list[Fault]:
        """Return which columns a delivery lacks, and which came as another type than was promised."""
        found = []
        for name, logical in self.types.items():
            where = self.places.get(name, self.name)
            if name not in schema:
                found.append(Fault(what=f"column {name!r} is missing", where=where, remedy="deliver it"))
            elif logical is not None and not is_of(schema[name], logical):
                what = f"column {name!r} came as {schema[name]}"
                found.append(Fault(what=what, where=where, remedy=f"deliver it as {logical}"))
        return found


class Judgeable(Protocol):
    """What a table must say of itself for its deliveries to be judged."""

    @property
    def name(self) -> str:
        """The name of the table."""
        ...

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of its key."""
        ...

    @property
    def time(self) -> str | None:
        """Its event time."""
        ...

    @property
    def schema(self) -> pl.Schema:
        """Its columns."""
        ...

    @property
    def contract(self) -> Any:
        """Its ``Contract``, or None."""
        ...


class Expected(Protocol):
    """A function of the product about a table: an expression that is true."""

    @property
    def name(self) -> str:
        """What a reason calls it."""
        ...

    @property
    def table(self) -> str:
        """The table it is about."""
        ...

    @property
    def expression(self) -> pl.Expr:
        """What must be true."""
        ...


@dataclass(frozen=True)
class Delivery:
    """A judged delivery: rows in = kept + refused + repeated, always.

    ``refused`` has the delivery's columns and ``refused_because``, the list of every reason; ``repeated`` counts rows that
    the table already holds unchanged in key and time, ``differing`` those of them with other values; ``findings`` say what each check of the contract and each
    expectation about the whole found; ``stopped`` names the checks that stop the line.
    """

    rows_in: int
    kept: pl.DataFrame
    refused: pl.DataFrame
    repeated: int
    findings: list[Finding]
    stopped: list[str] = field(default_factory=list)
    differing: int = 0

    @property
    def reasons(self) -> dict[str, int]:
        """How many rows each reason refused; a row with two reasons counts in both."""
        counted = self.refused[REASONS].explode().value_counts(sort=True)
        return dict(counted.iter_rows())


def identity(table: Judgeable) -> list[str]:
    """Return the columns that name one row of a table: its key, and its time where the key alone comes again and again."""
    return list(dict.fromkeys([*table.key, *([table.time] if table.time else [])]))


def judge_delivery(
    table: Judgeable,
    expectations: Sequence[Expected],
    rows: pl.DataFrame,
    present: pl.DataFrame | None = None,
    around: Surroundings | None = None,
) -> Delivery:
    """Judge the rows of one delivery; ``present`` are the rows the table holds already.

    Columns that are missing or have changed type break the contract as a whole: an ``InputError`` with all of them, and
    nothing is kept. A row is refused when a part of its key or its time is null, when it repeats a key of the same
    delivery, where an expectation about rows is not true (null is not true), and where it breaks a check of the contract
    whose policy says so. An expectation about the whole that fails refuses the whole delivery.
    """
    contract: Contract = table.contract or Contract()
    if contract.absent:
        raise NotFound(
            f"the contract of {table.name} is not there: {contract.absent}; put it back, or declare the table without"
        )
    rows = _conform(table, contract, rows)
    names = identity(table)
    fresh, differing = rows, 0
    if present is not None and not present.is_empty() and not rows.is_empty():
        near = _near(table, rows, present)
        fresh = rows.join(near.select(names), on=names, how="anti", maintain_order="left")
        differing = _differing(rows, near, names) if fresh.height < rows.height else 0
    keys: list[Check] = [Required(columns=(name,)) for name in names]
    keys.append(_Repeats(columns=tuple(names), title="repeats a key of the same delivery"))
    own = [holding(each.expression, table.schema, title=each.name) for each in expectations if each.table == table.name]
    around = around or Surroundings()
    # A delivery that only repeats what is held has nothing new whose number or age could be judged.
    again = fresh.is_empty() and not rows.is_empty()
    stated = [check for check in contract.checks if not (again and isinstance(check, Rows | Fresh))]
    judged = judge([*keys, *stated, *own], fresh, Surroundings(around.now, present, around.others))
    quiet = {check.name for check in [*keys, *own] if isinstance(check, RowCheck)} - {one.name for one in contract.checks}
    refused = fresh.filter(judged.refused)
    return Delivery(
        rows_in=rows.height,
        kept=fresh if refused.is_empty() else fresh.filter(~judged.refused),
        refused=refused.with_columns(judged.reasons.alias(REASONS)),
        repeated=rows.height - fresh.height,
        findings=[finding for finding in judged.findings if finding.check not in quiet],
        stopped=judged.stopped,
        differing=differing,
    )


@dataclass(frozen=True, kw_only=True)
class _Repeats(RowCheck):
    """Two rows of a delivery with one key; null equals null here, so that a row is never kept twice."""

    def broken(self, schema: Mapping[str, pl.DataType]) -> pl.Expr:  # noqa: ARG002  the same for every type
        return ~first_of(self.columns)


def _differing(rows: pl.DataFrame, near: pl.DataFrame, names: list[str]) -> int:
    """Return how many rows that the table holds came with other values, of columns that have any here and there."""
    again = rows.join(near.select(names), on=names, how="semi")
    empty = {name for frame in (again, near) for name in frame.columns if frame[name].null_count() == frame.height}
    both = [name for name in again.columns if name in names or (name in near.columns and name not in empty)]
    return again.join(near, on=both, how="anti", nulls_equal=True).height


def _near(table: Judgeable, rows: pl.DataFrame, present: pl.DataFrame) -> pl.DataFrame:
    """Return the rows the table holds that could be delivered again: only one of the same time can be the same row."""
    if table.time is None:
        return present
    earliest = rows[table.time].min()
    return present.clear() if earliest is None else present.filter(pl.col(table.time) >= earliest)


def _conform(table: Judgeable, contract: Contract, rows: pl.DataFrame) -> pl.DataFrame:
    faults = []
    for name, kind in table.schema.items():
        if name not in rows.schema:
            faults.append(Fault(what=f"column {name!r} is missing", where=table.name, remedy=f"deliver it as {kind}"))
        elif rows.schema[name] not in (kind, pl.Null):
            fault = Fault(
                what=f"column {name!r} came as {rows.schema[name]}", where=table.name, remedy=f"deliver it as {kind}"
            )
            faults.append(fault)
    said = {fault.what for fault in faults}
    faults += [fault for fault in contract.faults(rows.schema) if fault.what not in said]
    if faults:
        raise InputError(f"delivery to {table.name!r}", faults)
    return rows.select(pl.col(name).cast(kind) for name, kind in table.schema.items())
