"""A small slice of a product's tables: rows that belong together, of the newest time, enough to train and test on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from trimaran.core.errors import Fault, InputError
from trimaran.data.declaration import Definition, Feature

_PLACE, _MOMENT, _BLOCK = "__place", "__moment", "__block"
WINDOWS = 2
"""A slice reaches back over so many out-of-time windows: one to test on, the ones before to train on."""

MOST = 50_000
"""Rows of a table that is looked up, at most: of those whose keys are asked for, the newest."""

_LAST = 0.02
"""The share of the slice's asked rows that are its very newest, without gaps: they are asked for as if they came now."""


@dataclass(frozen=True)
class Slice:
    """Rows of each table, and the moment that is now in it: the newest at which a labelled row was asked."""

    frames: dict[str, pl.DataFrame]
    now: datetime

    @property
    def rows(self) -> dict[str, int]:
        """How many rows each table has."""
        return {name: frame.height for name, frame in self.frames.items()}


def slice_of(definition: Definition, frames: Mapping[str, pl.DataFrame], rows: int, seed: int) -> Slice:
    """Return a slice with so many asked rows, drawn by the seed from the newest time, and what features look up for them.

    Where rows are ranked they are drawn by whole groups. Tables keep the order of their rows. Raises ``InputError`` where no row has a label yet.
    """
    label, reach = definition.label, definition.acceptance.out_of_time * WINDOWS
    asked = frames[definition.asked].with_row_index(_PLACE)
    due = asked.select(
        _PLACE,
        _block(definition),
        definition.predict_at.expression.alias(_MOMENT),
        label.expression.is_not_null().alias("known"),
    )
    now = due.filter(pl.col("known"))[_MOMENT].max()
    if not isinstance(now, datetime):
        what = f"none of {asked.height:,} rows of {definition.asked!r} has a label"
        raise InputError("slice", [Fault(what=what, where=label.where, remedy="mend the label, or name data with outcomes")])
    since = now - reach - label.wait
    inside = due.filter((pl.col(_MOMENT) > since) & (pl.col(_MOMENT) <= now)).sort(_MOMENT, _PLACE)
    last = inside.filter(pl.col(_BLOCK).is_in(inside[_BLOCK].tail(max(int(rows * _LAST), 1)).implode()))
    before = inside.join(last, on=_PLACE, how="anti", maintain_order="left")
    blocks = before[_BLOCK].unique(maintain_order=True)
    wanted = min(max(rows - last.height, 0), before.height) * blocks.len() // max(1, before.height)
    drawn = before.filter(pl.col(_BLOCK).is_in(blocks.sample(wanted, seed=seed).implode()))
    places = pl.concat([drawn[_PLACE], last[_PLACE]]).sort()
    chosen = asked[places].drop(_PLACE)
    found = {definition.asked: chosen}
    longest = max((feature.window for feature in definition.features if feature.window is not None), default=timedelta())
    for name, table in definition.tables.items():
        if name == definition.asked:
            continue
        used = [feature for feature in definition.features if feature.table == name]
        kept = _asked_for(used, table.key, frames[name], chosen)
        if table.time is not None:
            oldest = since - max(longest, table.max_age or timedelta(), timedelta(days=1))
            kept = kept.filter(pl.col(table.time).is_between(oldest, now + label.wait))
        found[name] = kept.tail(MOST)
    return Slice({name: found[name] for name in frames}, now)


def _block(definition: Definition) -> pl.Expr:
    """Return what the slice takes as a whole: a row, or its group."""
    if definition.group is None:
        return pl.col(_PLACE).alias(_BLOCK)
    return pl.coalesce(pl.col(definition.group).cast(pl.String), pl.concat_str(pl.lit("row "), pl.col(_PLACE))).alias(_BLOCK)


def _asked_for(used: list[Feature], key: tuple[str, ...], rows: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of a table with a key that some feature looks up for the asked rows; all where they are few anyway."""
    if rows.height <= MOST:
        return rows
    # A newest feature's columns stand for the table's key, in its order; a window's for columns of the same names.
    ways = {(feature.on, feature.on if feature.kind == "window" else key) for feature in used if feature.on}
    placed = rows.with_row_index(_PLACE)
    places = [
        placed.join(
            asked.select(pl.col(name).alias(column) for name, column in zip(on, columns, strict=True)).unique(),
            on=list(columns),
            how="semi",
        )[_PLACE]
        for on, columns in ways
    ]
    return rows[pl.concat(places).unique().sort()] if places else rows
