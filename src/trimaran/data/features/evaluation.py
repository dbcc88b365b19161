"""Where the authors' expressions are evaluated, and which of them look beyond their own row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from trimaran.core.errors import UserCodeError
from trimaran.data.declaration import Feature


def evaluate(
    features: Sequence[Feature], expressions: Sequence[pl.Expr], how: Callable[[Sequence[pl.Expr]], pl.DataFrame]
) -> pl.DataFrame:
    """Return what ``how`` makes of the features' expressions; raises ``UserCodeError`` that names each that fails."""
    try:
        return how(expressions)
    except pl.exceptions.PolarsError as error:
        raise UserCodeError(_blame(features, expressions, how) or str(error)) from error


def _blame(
    features: Sequence[Feature], expressions: Sequence[pl.Expr], how: Callable[[Sequence[pl.Expr]], pl.DataFrame]
) -> str:
    reasons = []
    for feature, expression in zip(features, expressions, strict=True):
        try:
            how([expression])
        except pl.exceptions.PolarsError as error:
            place = f"{feature.where}: " if feature.where else ""
            reasons.append(f"{place}feature {feature.name!r} cannot be computed: {type(error).__name__}: {error}")
    return "\n".join(reasons)


def looks_aside(expression: pl.Expr, schema: Mapping[str, pl.DataType]) -> bool:
    """Return whether an expression's value at a row depends on the other rows of its table.

    Such a value would differ between a training table and a request of one row. Functions that Polars cannot see into
    (``map_batches``) are trusted.

    >>> x = pl.col("x")
    >>> [looks_aside(e, {"x": pl.Float64()}) for e in (x + 1, x - x.mean(), x.shift(), x.fill_null(0))]
    [False, True, True, False]
    """
    return _mixes_rows(expression) or any(looks_aside(part, schema) for part in expression.meta.pop(schema=schema))


def _mixes_rows(expression: pl.Expr) -> bool:
    """Return whether the outermost function of an expression does so, whatever its inputs do."""
    node = expression.meta
    try:
        reads = bool(node.root_names())
        return not node.is_row_separable() or (reads and (node.is_scalar() or not node.is_length_preserving()))
    except pl.exceptions.ColumnNotFoundError:
        return False  # a function of Python, whose type Polars asks for without telling it the schema
