"""Profiles of deliveries as objects: Parquet files that any tool can read, each naming the delivery it is of."""

from __future__ import annotations

import io
from collections.abc import Collection
from datetime import date
from typing import NamedTuple

import polars as pl

from trimaran.core.errors import Corrupt
from trimaran.data.sketches.taking import SCHEMA

_MARK, _TIME = "trimaran.profile", "trimaran.time"
_VALUES = [name for name in SCHEMA.names() if name not in {"day", "column", "type", "rows", "nulls", "nans", "infinite"}]


class Origin(NamedTuple):
    """What a profile is of: the rows that a version of a table (product/table) brought, by the days of a column."""

    table: str
    version: int
    time: str | None = None


def sketch_bytes(profile: pl.DataFrame, origin: Origin) -> bytes:
    """Return a profile as a Parquet file that says what it is of."""
    buffer = io.BytesIO()
    metadata = {_MARK: f"{origin.table}@{origin.version}", _TIME: origin.time or ""}
    profile.write_parquet(buffer, compression="zstd", statistics=False, metadata=metadata)
    return buffer.getvalue()


def sketch_of(data: bytes) -> Origin | None:
    """Return what an object is the profile of, None when it is no profile.

    >>> sketch_of(sketch_bytes(SCHEMA.to_frame(), Origin("flight-delay/flights", 3, "sched_dep")))
    Origin(table='flight-delay/flights', version=3, time='sched_dep')
    """
    if not data.startswith(b"PAR1") or _MARK.encode() not in data:
        return None
    said = pl.read_parquet_metadata(io.BytesIO(data))
    table, _, version = said.get(_MARK, "").rpartition("@")
    return Origin(table, int(version), said.get(_TIME) or None) if version.isdecimal() else None


def read_sketch(data: bytes) -> pl.DataFrame:
    """Return a stored profile; raises ``Corrupt`` for an object that is none."""
    try:
        profile = pl.read_parquet(io.BytesIO(data))
    except pl.exceptions.PolarsError as error:
        raise Corrupt(f"a stored profile of a table cannot be read: {error}") from error
    if profile.schema != SCHEMA:
        raise Corrupt(f"a stored profile of a table has the columns {', '.join(profile.columns)}, which is no profile")
    return profile


def blank(profile: pl.DataFrame, days: Collection[date | None]) -> pl.DataFrame:
    """Return a profile without any value of some days, its counts alone: what is left when rows cannot be profiled again."""
    theirs = pl.col("day").is_in([day for day in days if day is not None]).fill_null(value=None in days)
    return profile.with_columns(pl.when(~theirs).then(pl.col(name)).alias(name) for name in _VALUES)
