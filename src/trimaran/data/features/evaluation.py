"""Where the authors' expressions are evaluated, and which of them look beyond their own row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from trimaran.core.author import own_traceback
from trimaran.core.errors import UserCodeError
from trimaran.data.declaration import Feature


def evaluate(
    features: Sequence[Feature], expressions: Sequence[pl.Expr], how: Callable[[Sequence[pl.Expr]], pl.DataFrame]
) -> pl.DataFrame:
    """Return what ``how`` makes of the features' expressions; raises ``UserCodeError`` that names each that fails.

    An expression may call a function of the author's (``map_batches``): what that raises comes with the author's own lines.
    """
    try:
        return how(expressions)
    except Exception as error:
        raise UserCodeError(_blame(features, expressions, how) or _words(error)) from error


def _blame(
    features: Sequence[Feature], expressions: Sequence[pl.Expr], how: Callable[[Sequence[pl.Expr]], pl.DataFrame]
) -> str:
    reasons = []
    for feature, expression in zip(features, expressions, strict=True):
        try:
            how([expression])
        except Exception as error:  # noqa: BLE001  whatever a function of the author's raises within Polars
            place = f"{feature.where}: " if feature.where else ""
            reasons.append(f"{place}feature {feature.name!r} cannot be computed: {_words(error)}")
    return "\n".join(reasons)


def _words(error: Exception) -> str:
    """Return what Polars says, or what a function of the author's raised within it, and where."""
    if isinstance(error, pl.exceptions.PolarsError):
        return f"{type(error).__name__}: {error}"
    return f"it raised {type(error).__name__}\n{own_traceback(error).rstrip()}"


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
