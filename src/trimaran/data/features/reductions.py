"""Which windows need not be looked at row by row: the aggregates most of them ask for, found in an author's expression."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from trimaran.data.declaration import PREDICT_AT
from trimaran.data.features.evaluation import looks_aside

_WHOLE = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32)
_TIMES = (pl.Datetime, pl.Date, pl.Duration)
_ANY = (pl.DataType,)

# Other types stay with Polars: how they overflow or round is its own affair.
_KINDS: Mapping[str, tuple[Callable[[pl.Expr], pl.Expr], tuple[type[pl.DataType], ...]]] = {
    "mean": (pl.Expr.mean, (*_WHOLE, pl.Boolean, pl.Float64)),
    "sum": (pl.Expr.sum, (*_WHOLE, pl.Boolean, pl.Float64)),
    "count": (pl.Expr.count, _ANY),
    "len": (pl.Expr.len, _ANY),
    "min": (pl.Expr.min, (*_WHOLE, pl.Float64, *_TIMES)),
    "max": (pl.Expr.max, (*_WHOLE, pl.Float64, *_TIMES)),
    "std": (pl.Expr.std, (*_WHOLE, pl.Float64)),
    "var": (pl.Expr.var, (*_WHOLE, pl.Float64)),
    "last": (pl.Expr.last, _ANY),
}

_OF_ONE: Sequence[Callable[[Any], pl.Expr]] = (
    operator.neg,
    pl.Expr.abs,
    pl.Expr.sqrt,
    pl.Expr.log1p,
    pl.Expr.not_,
    pl.Expr.is_null,
    pl.Expr.is_not_null,
    lambda x: x.dt.total_days(),
    lambda x: x.dt.total_hours(),
    lambda x: x.dt.total_minutes(),
    lambda x: x.dt.total_seconds(),
)
_OF_TWO: Sequence[Callable[[Any, Any], pl.Expr]] = (
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.gt,
    operator.ge,
    operator.lt,
    operator.le,
    operator.eq,
    operator.ne,
    operator.and_,
    operator.or_,
    pl.Expr.fill_null,
    pl.Expr.fill_nan,
)
_OF_THREE: Sequence[Callable[[Any, Any, Any], pl.Expr]] = (lambda a, b, c: pl.when(c).then(a).otherwise(b),)
_ALL: Mapping[int, Sequence[Callable[..., pl.Expr]]] = {1: _OF_ONE, 2: _OF_TWO, 3: _OF_THREE}


@dataclass(frozen=True)
class Reduction:
    """One aggregate of one value a row: ``kind`` is mean, sum, count, len, min, max, std, var, last, or moment for predict_at.

    ``aggregate`` is the whole as Polars has it.
    """

    kind: str
    value: pl.Expr
    aggregate: pl.Expr


@dataclass(frozen=True)
class Reduced:
    """An expression as some reductions, and what it makes of them: an expression over columns named by ``name``."""

    reductions: tuple[Reduction, ...]
    rest: pl.Expr

    @staticmethod
    def name(number: int) -> str:
        """Return the name by which ``rest`` knows a reduction."""
        return f"\0{number}"


def reduced(expression: pl.Expr, schema: pl.Schema) -> Reduced | None:
    """Return an expression as reductions, None when any part of it is something else.

    Polars shows the inputs of an expression but not what it does with them: that is found by doing, and comparing.

    >>> found = reduced((pl.col("x") > 15).mean().fill_null(0.2), pl.Schema({"x": pl.Int64()}))
    >>> [reduction.kind for reduction in found.reductions], found.rest.meta == pl.col(Reduced.name(0)).fill_null(0.2)
    (['mean'], True)
    >>> reduced(pl.col("x").median(), pl.Schema({"x": pl.Int64()})) is None
    True
    """
    found: list[Reduction] = []
    rest = _rest(expression.meta.undo_aliases(), schema, found)
    return Reduced(tuple(found), rest) if found and rest is not None else None


def _rest(expression: pl.Expr, schema: pl.Schema, found: list[Reduction]) -> pl.Expr | None:
    if expression.meta.is_literal():
        return expression
    reduction = _reduction(expression, schema)
    if reduction is not None:
        found.append(reduction)
        return pl.col(Reduced.name(len(found) - 1))
    inputs = expression.meta.pop(schema=schema)[::-1]
    for apply in _ALL.get(len(inputs), ()):
        if _does(apply, inputs, expression):
            parts = [_rest(part, schema, found) for part in inputs]
            return None if any(part is None for part in parts) else apply(*parts)
    return None


def _does(apply: Callable[..., pl.Expr], inputs: Sequence[pl.Expr], expression: pl.Expr) -> bool:
    return bool(apply(*inputs).meta == expression)


def _reduction(expression: pl.Expr, schema: pl.Schema) -> Reduction | None:
    if expression.meta == pl.col(PREDICT_AT).first():
        return Reduction("moment", pl.col(PREDICT_AT), expression)
    inputs = expression.meta.pop(schema=schema)
    if len(inputs) != 1:
        return None
    value = inputs[0]
    for kind, (aggregate, dtypes) in _KINDS.items():
        if expression.meta == aggregate(value):
            return Reduction(kind, value, expression) if _fits(value, schema, dtypes) else None
    return None


def _fits(value: pl.Expr, schema: pl.Schema, dtypes: tuple[type[pl.DataType], ...]) -> bool:
    """Return whether a value is a row's own and of one of some types."""
    if not value.meta.root_names() or PREDICT_AT in value.meta.root_names() or looks_aside(value, schema):
        return False
    if _opaque(value, schema):
        return False
    (dtype,) = pl.LazyFrame(schema=schema).select(value).collect_schema().dtypes()
    return isinstance(dtype, dtypes)


def _opaque(expression: pl.Expr, schema: pl.Schema) -> bool:
    """Return whether there is a function of Python in an expression: it may look at the rows of a window together."""
    try:
        expression.meta.is_row_separable()
    except pl.exceptions.ColumnNotFoundError:  # Polars asks for its type without telling it the schema
        return True
    return any(_opaque(part, schema) for part in expression.meta.pop(schema=schema))
