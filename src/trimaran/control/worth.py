"""What decisions were worth: outcomes counted and priced by the product's declaration."""

from __future__ import annotations

import polars as pl

from trimaran.data.declaration import Value


def outcomes(value: Value, predictions: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Return outcome counts and their worth for each group of labelled predictions.

    ``predictions`` has ``score`` and ``label`` (null rows are not counted). The result has the columns of ``by``,
    ``labelled``, one count an outcome, ``worth`` and ``worth_without``: what the same rows would have been worth with no
    model, acting on nobody.

    >>> rows = pl.DataFrame({"month": [1, 1], "score": [0.9, 0.1], "label": [1.0, 0.0]})
    >>> outcomes(Value(true_positive=42.0, false_positive=-5.0), rows, ["month"])["worth"].item()
    42.0
    """
    acted, true = pl.col("score") >= value.threshold, pl.col("label") == 1.0
    kinds = {
        "true_positive": acted & true,
        "false_positive": acted & ~true,
        "true_negative": ~acted & ~true,
        "false_negative": ~acted & true,
    }
    known = predictions.filter(pl.col("score").is_not_null() & pl.col("label").is_not_null())
    counted = known.group_by(by, maintain_order=True).agg(
        pl.len().alias("labelled"), *(kind.sum().alias(name) for name, kind in kinds.items())
    )
    prices = {"true_positive": value.true_positive, "false_positive": value.false_positive}
    prices |= {"true_negative": value.true_negative, "false_negative": value.false_negative}
    return counted.with_columns(
        pl.sum_horizontal(pl.col(name) * price for name, price in prices.items()).alias("worth"),
        (
            (pl.col("true_positive") + pl.col("false_negative")) * value.false_negative
            + (pl.col("true_negative") + pl.col("false_positive")) * value.true_negative
        ).alias("worth_without"),
    )
