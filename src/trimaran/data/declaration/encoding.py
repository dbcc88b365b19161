"""What a category has meant for the label so far, as a number."""

from __future__ import annotations

import polars as pl

from trimaran.core.errors import Fault, InputError


def target_encoding(target: pl.Expr, *, prior: float, weight: float = 20.0) -> pl.Expr:
    """Return the mean of a target over a window, drawn to a prior where there are few values: (sum + prior w) / (count + w).

    For a window feature whose parameter is the label's name: a window counts only labels known at predict_at, so the
    encoding is out of fold by its construction, in training and in serving. ``weight`` is how many values the prior is
    worth; an empty window gives the prior. Source: Micci-Barreca, A preprocessing scheme for high-cardinality categorical
    attributes, SIGKDD Explorations 3(1), 2001. Raises ``InputError`` for a weight that is not above zero.

    >>> pl.DataFrame({"late": [1.0, 1.0, None]}).select(target_encoding(pl.col("late"), prior=0.2, weight=6)).item()
    0.4
    """
    if not weight > 0:
        fault = Fault(what=f"weight {weight} is not above zero", remedy="say how many values the prior is worth, like 20")
        raise InputError("target_encoding", [fault])
    return (target.sum() + prior * weight) / (target.count() + weight)
