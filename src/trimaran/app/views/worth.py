"""What the decisions were worth, month by month, and what the same rows would have been worth with no model."""

from __future__ import annotations

from datetime import datetime

import msgspec
import polars as pl

from trimaran.app.views.book import Book
from trimaran.control.worth import outcomes
from trimaran.data.declaration import Definition


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """The labelled decisions of one month, those of a yes or no by outcome, and their worth in the product's own money."""

    start: datetime
    labelled: int
    true_positive: int = 0
    false_positive: int = 0
    true_negative: int = 0
    false_negative: int = 0
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
    if definition.worth is not None:
        return _answered(book, definition)
    rows = book.answered.with_columns(pl.col("event_at").dt.truncate("1mo").alias("start"))
    counted = outcomes(definition.value, rows, ["start"]).sort("start")
    return [Month(**row) for row in counted.iter_rows(named=True)]


def _answered(book: Book, definition: Definition) -> list[Month]:
    """Return the worth of each month by the declared function; what no model would have been worth, nobody can say."""
    rows = book.answered.filter(definition.task.sound_row & pl.col("label").is_not_null())
    months = rows.with_columns(pl.col("event_at").dt.truncate("1mo").alias("start")).sort("event_at")
    found = []
    for (start,), part in months.partition_by("start", as_dict=True, maintain_order=True).items():
        seen = definition.task.measure("value", definition.task.truths(part), definition.task.captured(part))
        found.append(Month(start=start, labelled=part.height, worth=(seen.value or 0.0) * part.height, worth_without=0.0))
    return found


def _priced(book: Book) -> bool:
    definition = book.definition
    return definition is not None and (definition.worth is not None or any(definition.value.outcomes))
