"""The keys of a table's rows as numbers, and the search for the rows of other tables that have them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import repeat
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

FEW = 2_000
"""Up to so many rows are looked up in a dictionary, one by one; more are joined."""

_NUMBER = "\0number"


class Keys:
    """The distinct keys of a table, numbered as they come; a key with a null or NaN in it has none.

    Keys of other types than the table's are equal where Python says so: 1 is 1.0. Several threads may search at once.

    >>> keys = Keys(pl.DataFrame({"origin": ["JFK", "LGA", None, "JFK"]}), ["origin"])
    >>> keys.numbers.tolist()
    [0, 1, -1, 0]
    >>> keys.find(pl.DataFrame({"at": ["LGA", "EWR"]}), ["at"]).tolist()
    [1, -1]
    """

    def __init__(self, rows: pl.DataFrame, columns: Sequence[str]) -> None:
        found = _renamed(rows, columns)
        self._distinct = found.drop_nulls().unique(maintain_order=True)
        self.numbers: NDArray[np.int64] = self._joined(found)

    def find(self, rows: pl.DataFrame, columns: Sequence[str]) -> NDArray[np.int64]:
        """Return the number of each row's key, -1 where the table has no such key."""
        wanted = _renamed(rows, columns)
        if rows.height > FEW and wanted.schema == self._distinct.schema:
            return self._joined(wanted)
        return np.fromiter(map(self._by_value.get, _values(wanted), repeat(-1)), np.int64, rows.height)

    def _joined(self, wanted: pl.DataFrame) -> NDArray[np.int64]:
        numbered = self._distinct.with_row_index(_NUMBER)
        found = wanted.join(numbered, on=wanted.columns, how="left", maintain_order="left")[_NUMBER]
        return found.cast(pl.Int64).fill_null(-1).to_numpy()

    @cached_property
    def _by_value(self) -> dict[Any, int]:
        return {value: number for number, value in enumerate(_values(self._distinct))}


def _renamed(rows: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Return key columns under names of their own, in types that compare."""
    return pl.DataFrame([_plain(rows[name]).alias(str(number)) for number, name in enumerate(columns)])


def _plain(column: pl.Series) -> pl.Series:
    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        return column.cast(pl.String)
    if column.dtype.is_integer() and column.dtype not in {pl.UInt64, pl.Int128, pl.UInt128}:
        return column.cast(pl.Int64)
    return column.fill_nan(None) if column.dtype.is_float() else column


def _values(rows: pl.DataFrame) -> list[Any]:
    """Return each row's key: the value of one column or a tuple of several, None where any of them is null."""
    values = [rows[name].to_list() for name in rows.columns]
    if len(values) == 1:
        return values[0]
    return [None if None in key else key for key in zip(*values, strict=True)]
