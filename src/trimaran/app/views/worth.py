"""What the decisions were worth, month by month, and what the same rows would have been worth with no model."""

from __future__ import annotations

from datetime import datetime

import msgspec
import polars as pl

from trimaran.app.views.book import Book
from trimaran.control.worth import outcomes


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """The labelled decisions of one month by outcome, and their worth in the product's own money."""

    start: datetime
    labelled: int
    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int
    worth: float
    worth_without: float

    @property
    def gain(self) -> float:
        """What the model was worth against acting on nobody."""
        return self.worth - self.worth_without


def months(book: Book) -> list[Month]:
    """Return the worth of each month, oldest first; nothing where the product declares no value."""
    definition = book.definition
    if definition is None or not _priced(book):
        return []
    rows = book.answered.with_columns(pl.col("event_at").dt.truncate("1mo").alias("start"))
    counted = outcomes(definition.value, rows, ["start"]).sort("start")
    return [Month(**row) for row in counted.iter_rows(named=True)]


def _priced(book: Book) -> bool:
    value = book.definition.value if book.definition is not None else None
    return value is not None and any((value.true_positive, value.false_positive, value.true_negative, value.false_negative))
