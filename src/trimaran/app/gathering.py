"""Reads everything a product's tables come from, or as much of it as is new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from trimaran.core.errors import Fault, FaultyError, InputError
from trimaran.core.ports import Progress
from trimaran.data.declaration import Definition
from trimaran.data.sources import Growing, Span, read


@dataclass(frozen=True)
class Gathered:
    """What came of reading: by table, the rows, those that could not be read, and what there is to say of the source."""

    frames: dict[str, pl.DataFrame] = field(default_factory=dict)
    unreadable: dict[str, pl.DataFrame] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)

    def with_unreadable(self, deliveries: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
        """Return deliveries with the rows that could not be read, so that they are refused and counted with the rest."""
        spoiled = {name: rows for name, rows in self.unreadable.items() if not rows.is_empty()}
        together = {
            name: pl.concat([deliveries[name], rows], how="diagonal") for name, rows in spoiled.items() if name in deliveries
        }
        return {**deliveries, **spoiled, **together}


def gather(definition: Definition, progress: Progress, held: Mapping[str, pl.DataFrame] | None = None) -> Gathered:
    """Return what the sources of a product hold; of those that only grow, what is new beside the ``held`` rows.

    Raises ``InputError`` with the faults of all sources together, and what else keeps one from being read.
    """
    found, faults = Gathered(), list[Fault]()
    for name in definition.tables:
        span = span_of(definition, name, (held or {}).get(name))
        try:
            reading = read(definition.source(name), definition.shape(name), span=span, progress=progress)
        except FaultyError as error:
            faults += [Fault(what=one.what, where=one.where or name, remedy=one.remedy) for one in error.faults]
            continue
        found.frames[name], found.unreadable[name], found.notes[name] = reading.rows, reading.unreadable, reading.notes
    if faults:
        raise InputError(f"the sources of {definition.name}; nothing was taken in", faults)
    return found


def span_of(definition: Definition, table: str, held: pl.DataFrame | None) -> Span | None:
    """Return what is new in a source that only grows, beside the rows that are held; None where all of it is read.

    By time it reaches back as far as rows come late, and as long as a row may wait for its last value.
    """
    source, declared = definition.source(table), definition.tables[table]
    if not isinstance(source, Growing) or held is None or held.is_empty():
        return None
    if source.grows is not None:
        return Span(source.grows, held[source.grows].max())
    newest = held[declared.time].max() if declared.time is not None else None
    if source.late is None or declared.time is None or newest is None:
        return None
    return Span(declared.time, newest - source.late - definition.label.wait)  # type: ignore[operator]  # time is a moment


def merged(definition: Definition, table: str, frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return rows that were read one after the other as one frame: of those that are one row, the newest."""
    declared = definition.tables[table]
    names = list(dict.fromkeys([*declared.key, *filter(None, [declared.time])]))
    return pl.concat(frames).unique(names, keep="last", maintain_order=True)
