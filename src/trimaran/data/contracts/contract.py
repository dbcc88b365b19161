"""Judges a delivery of rows by a table's declaration and expectations: kept rows, refused rows with every reason, findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from trimaran.core.errors import Fault, InputError
from trimaran.core.nouns import Finding
from trimaran.data.declaration import Expectation, Table

REASONS = "refused_because"


@dataclass(frozen=True)
class Delivery:
    """A judged delivery: rows in = kept + refused + repeated, always.

    ``refused`` has the delivery's columns and ``refused_because``, the list of every reason; ``repeated`` counts rows that
    the table already holds unchanged in key and time; ``findings`` say what the expectations about the whole found.
    """

    rows_in: int
    kept: pl.DataFrame
    refused: pl.DataFrame
    repeated: int
    findings: list[Finding]

    @property
    def reasons(self) -> dict[str, int]:
        """How many rows each reason refused; a row with two reasons counts in both."""
        counted = self.refused[REASONS].explode().value_counts(sort=True)
        return dict(counted.iter_rows())


def identity(table: Table) -> list[str]:
    """Return the columns that name one row of a table: its key, and its time where the key alone comes again and again.

    >>> identity(Table("weather", "w.parquet", ("origin",), time="time_hour"))
    ['origin', 'time_hour']
    """
    return list(dict.fromkeys([*table.key, *([table.time] if table.time else [])]))


def judge_delivery(
    table: Table, expectations: Sequence[Expectation], rows: pl.DataFrame, present: pl.DataFrame | None = None
) -> Delivery:
    """Judge the rows of one delivery; ``present`` are the rows the table holds already.

    Columns that are missing or have changed type break the contract as a whole: an ``InputError`` with all of them, and
    nothing is kept. A row is refused when a part of its key or its time is null, when it repeats a key of the same
    delivery, and where an expectation about rows is not true (null is not true). An expectation about the whole that
    fails refuses the whole delivery.
    """
    rows = _conform(table, rows)
    names = identity(table)
    fresh = rows
    if present is not None and not present.is_empty() and not rows.is_empty():
        fresh = rows.join(_near(table, rows, present).select(names), on=names, how="anti", maintain_order="left")
    rules: dict[str, pl.Expr] = {f"{name} is empty": pl.col(name).is_null() for name in names}
    rules["repeats a key of the same delivery"] = ~pl.struct(names).is_first_distinct()
    findings: list[Finding] = []
    for expectation in expectations:
        if expectation.table != table.name:
            continue
        whole, verdict = _verdict(expectation, fresh)
        if whole is None:
            rules[expectation.name] = ~expectation.expression.fill_null(value=False)
            continue
        findings.append(verdict)
        if not whole:
            rules[f"{expectation.name}: the delivery as a whole"] = pl.lit(value=True)
    reasons = pl.concat_list(pl.when(broken).then(pl.lit(reason)) for reason, broken in rules.items()).list.drop_nulls()
    judged = fresh.with_columns(reasons.alias(REASONS)) if not fresh.is_empty() else _nothing(fresh)
    broken = pl.col(REASONS).list.len() > 0
    return Delivery(
        rows_in=rows.height,
        kept=judged.filter(~broken).drop(REASONS),
        refused=judged.filter(broken),
        repeated=rows.height - fresh.height,
        findings=findings,
    )


def _near(table: Table, rows: pl.DataFrame, present: pl.DataFrame) -> pl.DataFrame:
    """Return the rows the table holds that could be delivered again: only one of the same time can be the same row."""
    if table.time is None:
        return present
    earliest = rows[table.time].min()
    return present.clear() if earliest is None else present.filter(pl.col(table.time) >= earliest)


def _conform(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    faults = []
    for name, kind in table.schema.items():
        if name not in rows.schema:
            faults.append(Fault(what=f"column {name!r} is missing", where=table.name, remedy=f"deliver it as {kind}"))
        elif rows.schema[name] not in (kind, pl.Null):
            fault = Fault(
                what=f"column {name!r} came as {rows.schema[name]}", where=table.name, remedy=f"deliver it as {kind}"
            )
            faults.append(fault)
    if faults:
        raise InputError(f"delivery to {table.name!r}", faults)
    return rows.select(pl.col(name).cast(kind) for name, kind in table.schema.items())


def _verdict(expectation: Expectation, rows: pl.DataFrame) -> tuple[bool | None, Finding]:
    """Return whether an expectation about the whole holds (None when it speaks of single rows), and its finding."""
    padded = pl.concat([rows, pl.DataFrame({name: [None] * 2 for name in rows.schema}, schema=rows.schema)])
    if padded.lazy().select(expectation.expression).collect().height != 1:
        return None, Finding(check=expectation.name, outcome="pass", reason="judged row by row")
    if rows.is_empty():
        return True, Finding(check=expectation.name, outcome="unknown", reason="the delivery has no rows")
    held = rows.select(expectation.expression).item() is True
    reason = "holds" if held else f"does not hold for the {rows.height} rows delivered"
    return held, Finding(check=expectation.name, outcome="pass" if held else "fail", reason=reason)


def _nothing(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.lit(None, dtype=pl.List(pl.String)).alias(REASONS)).clear()
