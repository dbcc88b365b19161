"""What a JSON value must be to become a value of a Polars column, and the column it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
import polars as pl

from trimaran.core.errors import Fault, InputError

ID_LENGTH = 200
TEXT_LENGTH = 2_000
EARLIEST = datetime(1700, 1, 1, tzinfo=UTC)
LATEST = datetime(2250, 1, 1, tzinfo=UTC)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = pl.Datetime("us", "UTC")
_MICROSECOND = timedelta(microseconds=1)
_BITS = (((pl.Int8, pl.UInt8), 8), ((pl.Int16, pl.UInt16), 16), ((pl.Int32, pl.UInt32), 32))
_LARGEST_FLOAT32 = 3.4e38
# A control character in an id ends the text early in some stores.
_ID = r"\A[^\x00-\x1f\x7f]+\Z"


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a request: the type its JSON must have, in Python's terms and in words."""

    name: str
    dtype: Any
    accepts: Any
    words: str

    def series(self, values: Sequence[Any]) -> pl.Series:
        """Return the values, already of the right type, as a column."""
        dtype = self.dtype
        if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
            # Offsets differ from caller to caller; only the instant matters.
            micros = [None if value is None else (value - _EPOCH) // _MICROSECOND for value in values]
            instants = pl.Series(self.name, micros, pl.Int64).cast(_INSTANT)
            return instants if dtype == _INSTANT else instants.dt.convert_time_zone(dtype.time_zone).cast(dtype)
        return pl.Series(self.name, values, dtype)


def column(name: str, dtype: pl.DataType, *, required: bool, identifies: bool = False) -> Column:
    """Return the column of a name and type; raises ``InputError`` for a type that JSON cannot carry.

    >>> column("distance", pl.Int32(), required=True).words
    'a whole number from -2147483648 to 2147483647'
    """
    accepts, words = _accepts(name, dtype)
    if identifies and isinstance(dtype, pl.String):
        accepts = Annotated[str, msgspec.Meta(min_length=1, max_length=ID_LENGTH, pattern=_ID)]
        words = f"a text of 1 to {ID_LENGTH} characters without control characters"
    return Column(name=name, dtype=dtype, accepts=accepts if required else accepts | None, words=words)


def in_range(moment: datetime) -> bool:
    """Tell whether a moment can be kept in any time column, whatever its unit and offset."""
    return EARLIEST <= moment < LATEST if moment.tzinfo else EARLIEST <= moment.replace(tzinfo=UTC) < LATEST


def _accepts(name: str, dtype: pl.DataType) -> tuple[Any, str]:
    if isinstance(dtype, pl.Datetime):
        zoned = dtype.time_zone is not None
        example = "2013-07-01T12:00:00Z" if zoned else "2013-07-01T12:00:00"
        return Annotated[datetime, msgspec.Meta(tz=zoned)], f"a time with{'' if zoned else 'out'} a zone, like {example}"
    if dtype.is_integer():
        low, high = _limits(dtype)
        return Annotated[int, msgspec.Meta(ge=low, le=high)], f"a whole number from {low} to {high}"
    if isinstance(dtype, pl.Float32):
        return Annotated[float, msgspec.Meta(ge=-_LARGEST_FLOAT32, le=_LARGEST_FLOAT32)], "a number"
    if isinstance(dtype, pl.Enum):
        names = dtype.categories.to_list()
        return Literal[tuple(names)], f"one of: {', '.join(names)}"
    simple: dict[type[pl.DataType], tuple[Any, str]] = {
        pl.Float64: (float, "a number"),
        pl.Boolean: (bool, "true or false"),
        pl.Date: (date, "a date, like 2013-07-01"),
        pl.String: (Annotated[str, msgspec.Meta(max_length=TEXT_LENGTH)], f"a text of at most {TEXT_LENGTH} characters"),
        pl.Categorical: (
            Annotated[str, msgspec.Meta(max_length=TEXT_LENGTH)],
            f"a text of at most {TEXT_LENGTH} characters",
        ),
    }
    for kind, found in simple.items():
        if isinstance(dtype, kind):
            return found
    fault = Fault(
        what=f"column {name!r} is {dtype}, which a request cannot carry", remedy="give it a plain type in the table"
    )
    raise InputError("schema", [fault])


def _limits(dtype: pl.DataType) -> tuple[int, int]:
    bits = next((bits for kinds, bits in _BITS if isinstance(dtype, kinds)), 64)
    if dtype.is_signed_integer():
        return -(1 << bits - 1), (1 << bits - 1) - 1
    return 0, (1 << min(bits, 63)) - 1
