"""How a view's records are packed: a key as a msgpack array of its values, a body as event times and then values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import repeat
from typing import Any

import msgspec
import polars as pl

from trimaran.core.nouns import Kept, View
from trimaran.data.declaration import read_schemas
from trimaran.data.features.views import EVENT, MOMENT

BATCH = 50_000
"""How many records are handed to a store at once."""

_encode = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder(list[Any]).decode
"""Return the event times and values in a body."""


def packed(view: View, frame: pl.DataFrame, as_of: int) -> Iterator[list[Kept]]:
    """Yield the records of what ``FeatureView.compute`` returned, in batches, and as good as in the order of their packed keys.

    A store that keeps them by key writes each page once then: SQLite takes them in half the time.
    """
    moments = [f"{MOMENT}{number}" for number in range(view.moments)]
    for part in frame.sort(_by_packed(frame, view.keys)).iter_slices(BATCH):
        keys = map(_encode, part.select(_storable(part[name]) for name in view.keys).iter_rows())
        bodies = map(_encode, part.select(*moments, *(column.name for column in view.columns)).iter_rows())
        fields = zip(keys, part[EVENT].to_list(), repeat(as_of), bodies, strict=False)  # the moment goes on for ever
        yield list(map(tuple.__new__, repeat(Kept), fields))  # what Kept(...) does, in a third of the time


def _by_packed(frame: pl.DataFrame, keys: Sequence[str]) -> list[pl.Expr]:
    """Return what packed keys are ordered by: of text first how long it is."""
    order: list[pl.Expr] = []
    for name in keys:
        text = isinstance(frame.schema[name], pl.String | pl.Categorical | pl.Enum)
        column = pl.col(name).cast(pl.String) if text else pl.col(name)
        order += [column.str.len_bytes(), column] if text else [column]
    return order


class Packing:
    """Reads and writes what callers say and see of one view: keys as they name them, features in their own types."""

    def __init__(self, view: View) -> None:
        schemas = read_schemas(view.schema.encode())
        self.keys, self.features = schemas["keys"], schemas["features"]
        only = self.keys.dtypes()[0] if len(self.keys) == 1 else pl.Null()
        self._only = int if only == pl.Int64 else str if only == pl.String else None
        self._kinds = [(name, kind, kind.is_temporal()) for name, kind in self.keys.items()]

    def key(self, values: Sequence[Any]) -> bytes | None:
        """Return the packed form of a key, None where no fact can have it: with a null or a value of another kind in it."""
        said = values
        if type(values[0]) is not self._only:  # otherwise, as mostly, it is the very value
            said = []
            for value, (_, kind, timed) in zip(values, self._kinds, strict=True):
                plain = _moment_of(value, kind) if timed else _plain(value, kind)
                if plain is None:
                    return None
                said.append(plain)
        try:
            return _encode(said)
        except (OverflowError, UnicodeEncodeError):  # no fact has a number of more than 64 bits, or half a character
            return None


def _storable(column: pl.Series) -> pl.Series:
    """Return a column of keys as msgpack has it."""
    kind = column.dtype
    if isinstance(kind, pl.Categorical | pl.Enum):
        return column.cast(pl.String)
    if kind.is_temporal():
        return column.to_physical().cast(pl.Int64)
    return column


def _plain(value: Any, kind: pl.DataType) -> Any:
    """Return a value as the column of a key has it, equal where Python says so: 1 is 1.0."""
    if isinstance(kind, pl.String):
        return value if isinstance(value, str) else None
    if isinstance(kind, pl.Boolean):
        return value if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124  NaN
        return None
    if kind.is_integer():
        return int(value) if abs(value) < 2**64 and value == value // 1 else None
    return float(value)


def _moment_of(value: Any, kind: pl.DataType) -> int | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value) if isinstance(kind, pl.Datetime) else date.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime) and isinstance(kind, pl.Datetime) and value.tzinfo is None and kind.time_zone is not None:
        value = value.replace(tzinfo=UTC)
    if not isinstance(value, datetime | date | time | timedelta):
        return None
    try:
        column = pl.Series([value]).cast(kind)
    except pl.exceptions.PolarsError:
        return None
    return int(column.to_physical().item())
