"""Expectations: expressions that must be true, of each row or of the delivery as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from trimaran.core.nouns import Outcome
from trimaran.data.contracts.checks import Check, RowCheck, Surroundings, WholeCheck


@dataclass(frozen=True, kw_only=True)
class Expression(Check):
    """An expression in SQL over the columns of a row, or with aggregates over the delivery; null is not true.

    >>> Expression(text="landed is null or landed >= started").columns
    ('landed', 'started')
    """

    text: str

    def __post_init__(self) -> None:
        fault = sql_fault(self.text)
        object.__setattr__(self, "columns", () if fault else tuple(dict.fromkeys(pl.sql_expr(self.text).meta.root_names())))

    @property
    def words(self) -> str:
        return f"not true: {self.text}"

    def faults(self, schema: Mapping[str, pl.DataType]) -> list[str]:
        fault = sql_fault(self.text)
        if fault:
            return [fault]
        try:
            kind = pl.LazyFrame(schema=dict(schema)).select(pl.sql_expr(self.text).alias("_")).collect_schema()["_"]
        except pl.exceptions.PolarsError as error:
            return [f"cannot be computed: {str(error).splitlines()[0]}"]
        return [] if kind in {pl.Boolean, pl.Null} else [f"gives {kind}; end it with a comparison"]

    def resolved(self, schema: Mapping[str, pl.DataType]) -> Check:
        found = holding(pl.sql_expr(self.text), schema, title=self.name)
        return replace(found, columns=self.columns, policy=self.policy, allowed=self.allowed, where=self.where)


@dataclass(frozen=True, kw_only=True)
class Holds(RowCheck):
    """An expression that must be true of each row; null is not true."""

    expression: pl.Expr

    def broken(self, schema: Mapping[str, pl.DataType]) -> pl.Expr:
        return ~self.expression.fill_null(value=False)


@dataclass(frozen=True, kw_only=True)
class HoldsWhole(WholeCheck):
    """An expression that must be true of a delivery as a whole."""

    expression: pl.Expr

    def measured(self, schema: Mapping[str, pl.DataType], around: Surroundings) -> pl.Expr:
        return self.expression

    def judged(self, value: Any, rows: int, around: Surroundings) -> tuple[Outcome, str]:
        if not rows:
            return "unknown", "the delivery has no rows"
        return ("pass", "holds") if value is True else ("fail", f"does not hold for the {rows} rows delivered")


def is_whole(expression: pl.Expr, schema: Mapping[str, pl.DataType]) -> bool:
    """Return whether an expression gives one value for two rows: it speaks of the whole."""
    rows = pl.DataFrame({name: [None] * 2 for name in schema}, schema=dict(schema))
    return rows.lazy().select(expression).collect().height == 1


def holding(expression: pl.Expr, schema: Mapping[str, pl.DataType], *, title: str) -> Holds | HoldsWhole:
    """Return the check that an expression is, of single rows or of the whole."""
    made = HoldsWhole if is_whole(expression, schema) else Holds
    return made(title=title, expression=expression)


def sql_fault(text: str) -> str:
    """Return why a text is no expression over a table's own columns, empty where it is one.

    >>> sql_fault("(select 1) > 0")
    'asks another query; refer to another table by relationships'
    """
    try:
        shown = str(pl.sql_expr(text))
    except pl.exceptions.PolarsError as error:
        return f"is no SQL expression: {str(error).splitlines()[0]}"
    return "asks another query; refer to another table by relationships" if ".subplan(" in shown else ""
