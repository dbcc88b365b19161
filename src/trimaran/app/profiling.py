"""The profile of a table at a version, or of some of its days: the profiles of its deliveries, merged."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cache

import msgspec
import polars as pl

from trimaran.app.erasing import definition_of
from trimaran.app.workspace import Workspace
from trimaran.core.errors import Fault, InputError, NotFound
from trimaran.core.nouns import Ingest
from trimaran.data.sketches import (
    DISTINCT_ERROR,
    HEAVY_SHARE,
    RANK_ERROR,
    SCHEMA,
    Column,
    by_column,
    by_day,
    days_of,
    read_sketch,
    take,
)

BAND = (0.05, 0.25, 0.5, 0.75, 0.95)


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """One column on one day: its counts, and of numbers the values at 5, 25, 50, 75 and 95 % (empty where there are none)."""

    day: str
    rows: int
    nulls: int
    nans: int
    band: list[float] = []


class TableProfile(msgspec.Struct, frozen=True, kw_only=True):
    """What a table held at ``version``, of the days since <= day < until where they are given.

    It is what deliveries brought: a row that corrects an earlier one counts beside it. ``unprofiled`` rows are in no count:
    their delivery has no profile any more, and its rows can be told apart no more. ``days`` is by column. Quantiles are off
    by ``rank_error`` in rank at most; a count of distinct values that is not exact has the standard error ``distinct_error``,
    relative; a value that makes more than ``heavy_share`` twice over is among the frequent ones for certain.
    """

    product: str
    table: str
    version: int
    since: date | None = None
    until: date | None = None
    deliveries: int
    rows: int
    unprofiled: int = 0
    columns: list[Column]
    days: dict[str, list[Day]]
    rank_error: float = RANK_ERROR
    distinct_error: float = DISTINCT_ERROR
    heavy_share: float = HEAVY_SHARE

    def column(self, name: str) -> Column:
        """Return what is known of a column; raises ``NotFound`` that lists the columns."""
        found = next((one for one in self.columns if one.name == name), None)
        if found is None:
            names = ", ".join(one.name for one in self.columns) or "none: nothing was delivered in these days"
            raise NotFound(f"{self.table} has no column {name!r} in this profile; choose from: {names}")
        return found


def profile_table(
    workspace: Workspace,
    product: str,
    table: str,
    *,
    version: int | None = None,
    since: date | None = None,
    until: date | None = None,
) -> TableProfile:
    """Return the profile of a table at a version (the newest by default), of all days or of since <= day < until (UTC).

    Raises ``NotFound`` for a table or version that is not there, ``InputError`` for days that end before they begin.
    """
    address = f"{product}/{table}"
    newest = workspace.tables.version(address) if table in _tables(workspace, product) else None
    if newest is None:
        names = ", ".join(_tables(workspace, product)) or "none"
        raise NotFound(f"{product} has no table {table!r} that holds rows; its tables are: {names}")
    if version is not None and not 0 <= version <= newest:
        raise NotFound(f"table {table} has no version {version}; it has 0 to {newest}")
    if since is not None and until is not None and until <= since:
        raise InputError("days", [Fault(what=f"{until} is not after {since}", remedy="say an end after the beginning")])
    at = newest if version is None else version
    made = [record for _, record in workspace.ledger.history([Ingest], address) if record.kept and 0 <= record.version <= at]
    parts = list(_parts(workspace, product, made))
    whole = days_of(pl.concat([SCHEMA.to_frame(), *(part for part in parts if part is not None)]), since, until)
    columns = [sketch.column() for sketch in by_column(whole).values()]
    return TableProfile(
        product=product,
        table=table,
        version=at,
        since=since,
        until=until,
        deliveries=len(made),
        rows=max((one.rows for one in columns), default=0),
        unprofiled=sum(record.kept for record, part in zip(made, parts, strict=True) if part is None),
        columns=columns,
        days={one.name: _days(whole, one) for one in columns},
    )


def day_of(said: str | date | None) -> date | None:
    """Return the day that a text names; raises ``InputError`` for one that names none.

    >>> day_of("2013-07-01")
    datetime.date(2013, 7, 1)
    """
    if said is None or isinstance(said, date):
        return said
    try:
        return date.fromisoformat(said)
    except ValueError as error:
        raise InputError("days", [Fault(what=f"{said!r} is not a day", remedy="write it like 2013-07-01")]) from error


def _parts(workspace: Workspace, product: str, made: list[Ingest]) -> Iterator[pl.DataFrame | None]:
    """Yield the profile of each delivery: as it was stored, or taken now from the rows it brought; None where neither can be."""

    @cache
    def times() -> dict[str, str | None]:
        return {name: table.time for name, table in definition_of(workspace, product).tables.items()}

    for record in made:
        try:
            if record.profile is not None and workspace.objects.has(record.profile):
                yield read_sketch(workspace.objects.get(record.profile))
            else:
                rows = workspace.tables.brought(f"{product}/{record.table}", record.version)
                yield take(rows, times().get(record.table))
        except NotFound:
            yield None


def _tables(workspace: Workspace, product: str) -> list[str]:
    declared = workspace.products().get(product)
    return sorted(workspace.schemas(declared.schemas) or {}) if declared is not None else []


def _days(whole: pl.DataFrame, column: Column) -> list[Day]:
    bands = bool(column.quantiles) and not isinstance(column.quantiles["0.5"], str | bool)
    found = []
    for day, sketch in by_day(whole, column.name).items():
        values = [sketch.quantile(share) for share in BAND] if bands else []
        counts = {name: int(sketch.parts[name].sum()) for name in ("rows", "nulls", "nans")}
        found.append(Day(day=day, **counts, band=[float(value) for value in values if value is not None]))
    return found
