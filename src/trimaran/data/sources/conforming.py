"""Brings the rows of a source into the shape their table declares; what does not fit is kept apart, with every reason."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple

import polars as pl

from trimaran.core.errors import Fault, InputError
from trimaran.data.sources.casting import TEXT_LIMIT, lossless
from trimaran.data.sources.source import PLACE, REASONS, Part, Reading, Shape

_SHOWN = 40  # characters of a cell in the place of a refused row
_ALIKE = 0.6
_ENOUGH = 10  # fewer values of text say nothing about their column
_EXTRA = {REASONS: pl.List(pl.String()), PLACE: pl.String()}


class _Fitted(NamedTuple):
    """A part in shape. ``broken`` says what leaves no row of it; ``cells`` counts, by column, values and lost ones."""

    rows: pl.DataFrame
    unreadable: pl.DataFrame
    drift: list[Fault]
    faults: list[Fault]
    broken: list[Fault]
    cells: dict[str, tuple[int, int]]


def conform(shape: Shape, parts: Iterable[Part]) -> Reading:
    """Return what parts of a source are in a table's shape.

    A column of another type is cast cell by cell where nothing is lost; a row with a cell that cannot be is unreadable. A
    column that is gone is empty, one that is new is left out, and both are told. Raises ``InputError`` with every fault
    where no row is left since the contract is broken: a needed column is gone, none of a column's values can be of its
    type, or nothing at all could be read; of a strict shape, also where columns or types are others.
    """
    fitted = [_fit(shape, part) for part in parts]
    kept = sum(one.rows.height for one in fitted)
    broken = [fault for one in fitted for fault in one.broken]
    faults = [fault for one in fitted for fault in one.faults]
    drift = _once(fault for one in fitted for fault in one.drift)
    if shape.strict and drift:
        stopped = [Fault(what=fault.what, where=fault.where, remedy=_STRICT) for fault in drift]
        raise InputError(f"the contract of table {shape.table!r} is broken by its source", _once([*broken, *stopped]))
    if kept == 0:
        broken += _lost_columns(shape, fitted)
        if broken:
            raise InputError(f"the contract of table {shape.table!r} is broken by its source", _once([*broken, *faults]))
        if faults and all(one.unreadable.is_empty() for one in fitted):
            raise InputError(f"the source of table {shape.table!r}", _once(faults))
    nothing = pl.DataFrame(schema=shape.schema)
    return Reading(
        rows=pl.concat([nothing, *(one.rows for one in fitted)]),
        unreadable=pl.concat([unreadable_rows(shape.schema), *(one.unreadable for one in fitted)]),
        drift=drift,
        faults=_once([*broken, *faults]),
    )


def unreadable_rows(schema: pl.Schema) -> pl.DataFrame:
    """Return no rows, with the columns that unreadable ones have."""
    return pl.DataFrame(schema={**schema, **_EXTRA})


def _fit(shape: Shape, part: Part) -> _Fitted:
    rows, faults = part.rows, [part.fault] if part.fault is not None else []
    if not rows.columns:
        return _Fitted(pl.DataFrame(schema=shape.schema), unreadable_rows(shape.schema), [], faults, [], {})
    drift, broken = _columns(shape, part)
    reasons = [pl.repeat(fault.what, rows.height, dtype=pl.String, eager=True) for fault in broken]
    if part.spoiled is not None:
        reasons.append(rows[part.spoiled])
    cast: dict[str, pl.Series] = {}
    places: list[pl.Series] = []
    cells: dict[str, tuple[int, int]] = {}
    for name, kind in shape.schema.items():
        empty = pl.repeat(None, rows.height, dtype=kind, eager=True).alias(name)
        if name not in rows.columns:
            cast[name] = empty
            continue
        came = rows[name]
        found = lossless(came, kind)
        cast[name] = empty if found is None else found
        lost = cast[name].is_null() & came.is_not_null()
        cells[name] = came.len() - came.null_count(), int(lost.sum())
        if came.dtype not in {kind, pl.Null, pl.String}:  # text is how half of the formats say everything
            fault = _type_fault if lost.any() and cells[name][0] == cells[name][1] else _cast_fault
            (broken if fault is _type_fault else drift).append(fault(part.place, name, came.dtype, kind))
        if lost.any():
            reasons.append(_where(lost, f"{name} is {_unlike(kind)}"))
            places.append(_cells(came, lost))
    whole = pl.DataFrame(cast, schema=shape.schema)
    bad = pl.repeat(False, rows.height, dtype=pl.Boolean, eager=True)
    for reason in reasons:
        bad |= reason.is_not_null()
    unreadable = unreadable_rows(shape.schema)
    if bad.any():
        unreadable = whole.with_columns(_listed(reasons, REASONS), _placed(part, places)).filter(bad)
    return _Fitted(whole.filter(~bad), unreadable, drift, faults, broken, cells)


def _lost_columns(shape: Shape, fitted: Iterable[_Fitted]) -> list[Fault]:
    """Return a fault for each column of text of which no value at all is of its type."""
    counts: dict[str, list[tuple[int, int]]] = {}
    for one in fitted:
        for name, found in one.cells.items():
            counts.setdefault(name, []).append(found)
    faults = []
    for name, each in counts.items():
        values, lost = sum(one[0] for one in each), sum(one[1] for one in each)
        if lost == values >= _ENOUGH:
            what = f"none of the {values:,} values of column {name!r} is {shape.schema[name]}"
            faults.append(Fault(what=what, where=shape.table, remedy="deliver it as declared, or declare the table anew"))
    return faults


def _columns(shape: Shape, part: Part) -> tuple[list[Fault], list[Fault]]:
    """Return how a part's columns differ from the declared ones: what can be lived with, and what breaks the contract."""
    came = [name for name in part.rows.columns if name != part.spoiled]
    extra = [name for name in came if name not in shape.schema]
    drift, broken = [], []
    for name in (name for name in shape.schema if name not in came):
        kind = shape.schema[name]
        alike = [other for other in extra if lossless(part.rows[other].head(1000), kind) is not None]
        close = difflib.get_close_matches(name, alike, n=1, cutoff=_ALIKE)
        renamed = f"; {close[0]!r} came instead: was it renamed?" if close else ""
        if name in shape.needed:
            what = f"column {name!r} is missing, declared as {kind}{renamed}"
            broken.append(
                Fault(what=what, where=part.place, remedy="bring it back under its name, or declare the table anew")
            )
        else:
            drift.append(
                Fault(what=f"column {name!r} is missing, declared as {kind}{renamed}", where=part.place, remedy=_EMPTY)
            )
    drift += [
        Fault(what=f"column {name!r} ({part.rows.schema[name]}) is new", where=part.place, remedy=_LEFT_OUT)
        for name in extra
    ]
    return drift, broken


_EMPTY = "nothing uses it: its rows were taken in with it empty"
_LEFT_OUT = "it was left out: to take it in, declare schema_change='evolve' and run the product again"
_STRICT = "deliver it as declared; schema_change='stop' takes in nothing else"


def _type_fault(place: str, name: str, came: pl.DataType, kind: pl.DataType) -> Fault:
    what = f"column {name!r}, declared as {kind}, came as {came}, and none of its values can be {kind} without loss"
    return Fault(what=what, where=place, remedy=f"deliver it as {kind}, or declare the table anew")


def _cast_fault(place: str, name: str, came: pl.DataType, kind: pl.DataType) -> Fault:
    what = f"column {name!r}, declared as {kind}, came as {came}"
    return Fault(what=what, where=place, remedy="its values were cast where nothing is lost by it, other rows refused")


def _unlike(kind: pl.DataType) -> str:
    """Return what a cell is that is none of a type."""
    if isinstance(kind, pl.Datetime):
        return f"not a moment {'with' if kind.time_zone else 'without'} a zone, of the years 1 to 9999"
    return f"longer than {TEXT_LIMIT >> 20} MiB, or no text" if kind == pl.String else f"not {kind}"


def _where(lost: pl.Series, reason: str) -> pl.Series:
    return lost.to_frame("x").select(pl.when("x").then(pl.lit(reason))).to_series()


def _cells(came: pl.Series, lost: pl.Series) -> pl.Series:
    """Return ``column 'value'`` where a cell was lost, the value cut short."""
    found: list[str | None] = [None] * came.len()
    for place in lost.arg_true():
        found[place] = f"{came.name} {_text(came, place)!r}"
    return pl.Series(found, dtype=pl.String)


def _text(came: pl.Series, place: int) -> str:
    cell = came.slice(place, 1)
    if came.dtype.is_temporal():  # Python has no such years
        cell = cell.cast(pl.String, strict=False)
    return str(cell[0])[:_SHOWN]


def _listed(texts: list[pl.Series], name: str) -> pl.Series:
    frame = pl.DataFrame([text.alias(str(place)) for place, text in enumerate(texts)])
    return frame.select(pl.concat_list(pl.all()).list.drop_nulls().alias(name)).to_series()


def _placed(part: Part, cells: list[pl.Series]) -> pl.Series:
    row = pl.int_range(part.before + 1, part.before + part.rows.height + 1, eager=True).cast(pl.String)
    where = pl.lit(f"{part.place}, row ") + pl.lit(row)
    if not cells:
        return part.rows.select(where.alias(PLACE)).to_series()
    said = _listed(cells, "said").list.join(", ")
    told = pl.when(pl.lit(said).str.len_bytes() > 0).then(pl.lit(": ") + pl.lit(said)).otherwise(pl.lit(""))
    return part.rows.select((where + told).alias(PLACE)).to_series()


def _once(faults: Iterable[Fault]) -> list[Fault]:
    return list(dict.fromkeys(faults))
