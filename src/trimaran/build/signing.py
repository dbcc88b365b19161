"""What a version is asked and answers, and a row to try it with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import polars as pl

from trimaran.build.training_set import Rows
from trimaran.core.canon import canonical
from trimaran.core.nouns import Column, Signature
from trimaran.core.ports import Scorer
from trimaran.data.declaration import Definition

_ANSWERS = {
    "binary": "the probability that {label}",
    "regression": "{label}, a number",
    "ranking": "a number by which the rows of a {group} are put in order of {label}, the highest first",
    "multiclass": "the probability of each class of {label}",
}
_SOMEBODY = "example"
_CATEGORIES = 20
"""A text column with more values than this may name people: then none of them stands in an example."""


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A row to ask and its answer: what a caller sends, the model's own inputs, and the score or the probabilities.

    Every value is one that stands in the middle of the training rows, by itself: the row is nobody's.
    """

    given: dict[str, Any]
    inputs: dict[str, float | None]
    answer: list[float | None]


def signature_of(definition: Definition, features: Sequence[str], given: pl.Schema | None = None) -> Signature:
    """Return the signature of a version of a product with such features, for which callers send what is ``given``.

    Without it they send what the features of the definition need.
    """
    task, columns = definition.task, given if given is not None else definition.given
    return Signature(
        given=[Column(name=name, type=str(kind)) for name, kind in columns.items()],
        inputs=[Column(name=name, type="Float32") for name in features],
        answer=_ANSWERS[task.kind].format(label=definition.label.name, group=definition.group),
        classes=list(task.classes),
    )


def example_of(definition: Definition, train: Rows, scorer: Scorer) -> bytes:
    """Return an example of a version as canonical JSON."""
    inputs = {column.name: _middle(column.fill_nan(None)) for column in train.features}
    row = np.array([[np.nan if value is None else value for value in inputs.values()]], dtype=np.float32)
    answer = [float(value) if np.isfinite(value) else None for value in np.atleast_1d(scorer(row)[0]).tolist()]
    nobody = {definition.key, definition.group}
    given = {name: _SOMEBODY if name in nobody else _middle(train.asked[name]) for name in definition.given.names()}
    return canonical(Example(given=given, inputs=inputs, answer=answer))


def read_example(data: bytes) -> Example:
    """Return the example that an object holds."""
    return msgspec.json.decode(data, type=Example)


def _middle(column: pl.Series) -> Any:
    """Return a value that stands in the middle of a column, or of categories the most frequent one; None where there is none."""
    known = column.drop_nulls()
    if not known.len():
        return None
    if known.dtype in (pl.String, pl.Categorical, pl.Enum):
        if known.n_unique() > _CATEGORIES:
            return _SOMEBODY
        return str(known.cast(pl.String).value_counts(sort=True)[known.name][0])
    value = known.sort()[known.len() // 2]
    return (
        value.isoformat() if isinstance(value, datetime) else value if isinstance(value, bool | int | float) else str(value)
    )
