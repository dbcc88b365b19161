"""What is new in the files that a product's tables come from, for its tables and for serving."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from trimaran.app.barring import Barred
from trimaran.app.feed import Feed
from trimaran.app.gathering import Gathered, merged, span_of
from trimaran.app.replay import FACTS_BEFORE
from trimaran.app.workspace import Workspace
from trimaran.core.errors import TrimaranError
from trimaran.core.nouns import Ingest
from trimaran.data.contracts import identity
from trimaran.data.declaration import Definition
from trimaran.data.sources import read
from trimaran.data.tables import Tables, quarantined


class Inbox:
    """Reads a product's declared sources, each only when its fingerprint is another than at the last look, or has none.

    A row is delivered once nothing more can become known of it, as in a replay; its facts are pushed for serving as soon
    as each is known. What a table holds by identity, and what was quarantined with the same content, is no news: a
    mended row comes in, one that was only judged wrongly comes in by ``trimaran run``. Files should be replaced whole
    (written beside and renamed): one that changes while it is read is read at the next look. Not for several threads.
    """

    def __init__(self, workspace: Workspace, definition: Definition) -> None:
        self._workspace = workspace
        self._definition = definition
        self._marks: dict[str, str | None] = {}
        self._unreadable: dict[str, pl.DataFrame] = {}
        self.notes: dict[str, list[str]] = {}
        self._frames: dict[str, pl.DataFrame] = {}
        self._feed: Feed | None = None
        self._until: datetime | None = None
        self._barred = Barred(workspace, definition.name)
        self._pushed = self._served()
        self._refused: dict[str, tuple[int, pl.DataFrame]] = {}

    def look(self) -> list[str]:
        """Read the sources that changed, and return what is wrong with any, in words; it counts as it was before."""
        faults, changed = [], self._bar()
        for name in self._definition.tables:
            try:
                changed |= self._read(name)
            except TrimaranError as error:
                faults.append(str(error))
        if changed and len(self._frames) == len(self._definition.tables):
            self._feed, self._until = Feed(self._definition, self._frames), None
        return faults

    def push(self, now: datetime) -> int:
        """Push what became known by now and is not served yet; return the number of rows."""
        if self._feed is None:
            return 0
        pushed = 0
        for name, rows in (self._feed.timeless | self._feed.facts(now - FACTS_BEFORE, now)).items():
            news = _without(rows, self._pushed.get(name), rows.columns)
            if not news.is_empty():
                key = f"looked:{now.isoformat()}:{name}"
                self._workspace.online.push(self._definition.name, name, news, key=key)
            self._pushed[name] = rows
            pushed += news.height
        return pushed

    def stirred(self, now: datetime) -> bool:
        """Return whether anything may have settled since ``taken``: a cheap look before ``deliveries``."""
        if self._feed is None:
            return False
        return self._until is None or bool(self._feed.settled(self._until, now))

    def deliveries(self, tables: Tables, now: datetime) -> dict[str, pl.DataFrame]:
        """Return, by table, the settled rows that its table neither holds nor has refused."""
        if self._feed is None:
            return {}
        due = self._feed.settled(self._until, now)
        if self._until is None:
            due |= self._feed.timeless
        fresh = {name: self._news(tables, name, rows) for name, rows in due.items()}
        fresh = {name: rows for name, rows in fresh.items() if not rows.is_empty()}
        if self._until is not None:
            return fresh
        spoiled = {
            name: _without(rows, self._quarantine(tables, name), list(self._definition.tables[name].schema))
            for name, rows in self._unreadable.items()
        }
        return Gathered(unreadable=spoiled).with_unreadable(fresh)

    def taken(self, until: datetime) -> None:
        """Remember that everything which settled until a moment was taken in."""
        self._until = until

    def _bar(self) -> bool:
        """Forget the rows of people who were erased since the last look; return whether there were any such people."""
        now = Barred(self._workspace, self._definition.name)
        if now.count == self._barred.count:
            return False
        self._barred = now
        self._frames, self._pushed = now.without_all(self._frames), now.without_all(self._pushed)
        self._unreadable = now.without_all(self._unreadable)
        self._refused.clear()
        return True

    def _read(self, name: str) -> bool:
        source, shape = self._definition.source(name), self._definition.shape(name)
        mark = source.fingerprint(shape.moments)
        if mark is not None and mark == self._marks.get(name):
            return False
        held = self._frames.get(name)
        span = span_of(self._definition, name, held)
        found = read(source, shape, span=span)
        if source.fingerprint(shape.moments) != mark:
            return False
        rows = self._barred.without(found.rows)
        rows = rows if span is None or held is None else merged(self._definition, name, [held, rows])
        same = mark is None and held is not None and rows.equals(held)
        self._frames[name], self._unreadable[name] = rows, self._barred.without(found.unreadable)
        self._marks[name], self.notes[name] = mark, found.notes
        return not same

    def _news(self, tables: Tables, name: str, rows: pl.DataFrame) -> pl.DataFrame:
        fresh = rows.join(tables.frame(name), on=identity(self._definition.tables[name]), how="anti", maintain_order="left")
        return fresh if fresh.is_empty() else _without(fresh, self._quarantine(tables, name), fresh.columns)

    def _quarantine(self, tables: Tables, name: str) -> pl.DataFrame:
        """Return every row of a table that was refused so far; what was read before is not read again."""
        schema = self._definition.tables[name].schema
        seq, held = self._refused.get(name, (0, pl.DataFrame(schema=schema)))
        parts = [held]
        for entry, record in self._workspace.ledger.history([Ingest], tables.address(name), after=seq):
            seq = entry.seq
            if record.quarantine is not None:
                parts.append(_shaped(quarantined(self._workspace.objects, record), schema))
        self._refused[name] = (seq, pl.concat(parts))
        return self._refused[name][1]

    def _served(self) -> dict[str, pl.DataFrame]:
        """Return the newest of each fact that was pushed by whomever, so that a restart does not push all of them again."""
        _, batches = self._workspace.online.since(self._definition.name, 0)
        parts: dict[str, list[pl.DataFrame]] = {}
        for name, rows in batches:
            if name in self._definition.tables:
                parts.setdefault(name, []).append(_shaped(rows, self._definition.tables[name].schema))
        return {
            name: pl.concat(found).unique(identity(self._definition.tables[name]), keep="last", maintain_order=True)
            for name, found in parts.items()
        }


def _without(rows: pl.DataFrame, known: pl.DataFrame | None, columns: list[str]) -> pl.DataFrame:
    """Return the rows that are not in ``known`` with the same content; empty values are equal."""
    if known is None or known.is_empty():
        return rows
    return rows.join(known, on=columns, how="anti", nulls_equal=True, maintain_order="left")


def _shaped(rows: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return rows with exactly a table's columns; one that was not there is empty."""
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(kind, strict=False).alias(name)
        for name, kind in schema.items()
    )
