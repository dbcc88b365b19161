"""A product's history, handed out as it happened: facts when they became known, rows to predict when they were asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import polars as pl

from trimaran.data.declaration import Definition, Table


class Feed:
    """Replays the rows of a product's tables over time, and never shows a value before it was known.

    ``frames`` are the whole histories, by table.
    """

    def __init__(self, definition: Definition, frames: Mapping[str, pl.DataFrame]) -> None:
        self._definition = definition
        self._frames = dict(frames)
        asked = self._frames[definition.asked]
        self._asked = asked.with_columns(definition.predict_at.expression.alias(PREDICT_AT)).sort(PREDICT_AT, definition.key)
        self._settled = {
            name: rows.with_columns(self._settling(definition.tables[name]).alias(SETTLED)).sort(SETTLED)
            for name, rows in frames.items()
            if definition.tables[name].time is not None
        }
        self._news = {name: _news(rows, _moments(definition.tables[name])) for name, rows in self._settled.items()}

    @property
    def timeless(self) -> dict[str, pl.DataFrame]:
        """The tables without time: they are there from the start."""
        return {name: rows for name, rows in self._frames.items() if self._definition.tables[name].time is None}

    def settled(self, since: datetime | None, until: datetime) -> dict[str, pl.DataFrame]:
        """Return, by table, the rows whose last value became known in (since, until], or never will be: whole deliveries.

        A row with a value that never became known settles when the label's waiting time is over.
        """
        due = {name: _between(rows, SETTLED, since, until).drop(SETTLED) for name, rows in self._settled.items()}
        return {name: rows for name, rows in due.items() if not rows.is_empty()}

    def facts(self, since: datetime | None, until: datetime) -> dict[str, pl.DataFrame]:
        """Return, by table, the rows of which something became known in (since, until], as far as it is known by then."""
        found = {}
        for name, news in self._news.items():
            places = _between(news, MOMENT, since, until)[PLACE].unique().sort()
            if places.is_empty():
                continue
            late = self._definition.tables[name].late.items()
            known = [pl.when(pl.col(moment) <= until).then(pl.col(column)).alias(column) for column, moment in late]
            found[name] = self._settled[name].drop(SETTLED)[places].with_columns(known)
        return found

    def asked(self, since: datetime, until: datetime, given: Sequence[str]) -> pl.DataFrame:
        """Return the rows whose predict_at lies in (since, until], in order of asking, with the columns a caller gives."""
        return _between(self._asked, PREDICT_AT, since, until).select(given)

    def _settling(self, table: Table) -> pl.Expr:
        moments = [pl.col(name) for name in dict.fromkeys(table.known.values())]
        time = pl.col(table.time or "")
        if not moments:
            return time
        never = pl.any_horizontal(*(moment.is_null() for moment in moments))
        return pl.when(never).then(time + self._definition.label.wait).otherwise(pl.max_horizontal(time, *moments))


PREDICT_AT = "__predict_at"
SETTLED = "__settled_at"
MOMENT = "__moment"
PLACE = "__place"


def _moments(table: Table) -> list[str]:
    return list(dict.fromkeys([*filter(None, [table.time]), *table.known.values()]))


def _news(rows: pl.DataFrame, moments: Sequence[str]) -> pl.DataFrame:
    """Return every moment at which a row says something new, in order, with the row's place."""
    placed = rows.select(moments).with_row_index(PLACE)
    parts = [placed.select(PLACE, pl.col(moment).alias(MOMENT)) for moment in moments]
    return pl.concat(parts).drop_nulls(MOMENT).sort(MOMENT)


def _between(rows: pl.DataFrame, column: str, since: datetime | None, until: datetime) -> pl.DataFrame:
    """Return the rows with a sorted column in (since, until]."""
    first = 0 if since is None else rows[column].search_sorted(since, side="right")
    last = rows[column].search_sorted(until, side="right")
    return rows.slice(first, last - first)
