"""Reads what callers send: rows of the columns a prediction needs, every fault named, the defaults noted."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import polars as pl

from trimaran.core.errors import Fault, InputError
from trimaran.data.declaration import Definition
from trimaran.deploy.columns import Column, column, in_range
from trimaran.deploy.faults import Examiner, TooLarge, parse

MAX_BYTES = 2_000_000
MAX_ROWS = 1_000

# The common body opens with its rows: the right decoder is tried first, the other one stays right.
_OPENS_WITH_ROWS = re.compile(rb'\s*\{\s*"rows"')


class Row(msgspec.Struct, frozen=True, gc=False):
    """One row to predict: its id, the moment the answer holds for, the values of its columns, and notes.

    ``group`` names what it is ranked in, empty where nothing is: all rows of a group are answered by one version.
    """

    id: str
    event_at: datetime
    names: tuple[str, ...]
    values: tuple[Any, ...]
    notes: tuple[str, ...] = ()
    group: str = ""


class Request(msgspec.Struct, frozen=True):
    """The rows of one request; ``many`` when they came in a list and want their answers in one."""

    rows: list[Row]
    many: bool


class RequestReader:
    """Reads requests for one product: JSON of one row, or of ``{"rows": [...]}``.

    A column that is missing or null is an empty value, with a note, unless it names the row, its moment or its group. ``known``
    gives the categories seen in training; another one is scored as given, with a note. ``also`` are columns that other
    versions of the product use.
    """

    def __init__(
        self,
        definition: Definition,
        known: Mapping[str, Collection[str]] | None = None,
        also: Mapping[str, pl.DataType] | None = None,
    ) -> None:
        given = pl.Schema({**definition.given, **(also or {})})
        self.product = definition.name
        self._moment = definition.predict_at
        self._key, self._at = given.names().index(definition.key), given.names().index(self._moment.column)
        self._group = None if definition.group is None else given.names().index(definition.group)
        required = {definition.key, self._moment.column, *filter(None, [definition.group])}
        self._required = tuple(name for name in given if name in required)
        self.columns: tuple[Column, ...] = tuple(
            column(name, dtype, required=name in required, identifies=name == definition.key)
            for name, dtype in given.items()
        )
        # A row's own times are checked for their range too: Python's reach further than the columns'.
        self._times = tuple(i for i, each in enumerate(self.columns) if each.dtype.is_temporal() and each.dtype != pl.Date)
        self._names = names = tuple(given.names())
        self._known = tuple(
            (names.index(name), name, frozenset(found)) for name, found in (known or {}).items() if name in given
        )
        self._examiner = Examiner(self.columns, required, MAX_ROWS)
        shape = _struct_of(self.columns, required)
        self._one = msgspec.json.Decoder(shape)
        self._many: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
            msgspec.defstruct("Rows", [("rows", list[shape])], forbid_unknown_fields=True)  # type: ignore[valid-type]
        )

    def read(self, body: bytes) -> Request:
        """Return the rows in a body.

        Raises ``Malformed`` for what is not JSON, ``TooLarge`` for more than may be asked at once, ``InputError`` for
        rows that cannot be predicted, with all their faults.
        """
        if len(body) > MAX_BYTES:
            what = f"the body has {len(body)} bytes, at most {MAX_BYTES} are taken"
            raise TooLarge(self.product, [Fault(what=what, remedy="send fewer rows at once")])
        many = _OPENS_WITH_ROWS.match(body) is not None
        try:
            found: list[msgspec.Struct] = self._many.decode(body).rows if many else [self._one.decode(body)]
            rows = [self._row(msgspec.structs.astuple(each)) for each in found] if len(found) <= MAX_ROWS else []
        except (msgspec.MsgspecError, RecursionError, _OutOfRange):
            rows = []
        if rows:
            return Request(rows, many)
        return self._slowly(parse(self.product, body))

    def check(self, rows: Sequence[Mapping[str, Any]]) -> list[Row]:
        """Return rows given as plain values; raises ``InputError`` with the faults of all of them.

        Times may be datetimes or ISO texts.
        """
        return [self._row(values) for values in self._examiner.examine(self.product, rows, many=True)]

    def frame(self, rows: Sequence[Row]) -> pl.DataFrame:
        """Return the rows as a frame of the given columns, whichever reader of the product read them."""
        aligned = [row.values if row.names is self._names else self._aligned(row) for row in rows]
        values = zip(*aligned, strict=True) if rows else ((),) * len(self.columns)
        return pl.DataFrame([each.series(found) for each, found in zip(self.columns, values, strict=True)])

    def rows_of(self, frame: pl.DataFrame) -> list[Row]:
        """Return the rows of a frame, for batches; raises ``InputError`` when it lacks columns or an id or a moment.

        A column that only features need and that is not there counts as empty.
        """
        faults = [
            Fault(what=f"column {name!r} is not there", where=name, remedy=f"have: {', '.join(frame.columns)}")
            for name in self._required
            if name not in frame.columns
        ] or [
            Fault(what=f"{frame[name].null_count()} rows have no {name}", where=name, remedy="leave those rows out")
            for name in self._required
            if frame[name].null_count()
        ]
        if faults:
            raise InputError(self.product, faults)
        given = frame.select(
            (pl.col(each.name) if each.name in frame.columns else pl.lit(None)).cast(each.dtype).alias(each.name)
            for each in self.columns
        )
        return [self._row(values) for values in given.iter_rows()]

    def _slowly(self, payload: Any) -> Request:
        many = isinstance(payload, dict) and payload.keys() == {"rows"} and isinstance(payload["rows"], list)
        found = self._examiner.examine(self.product, payload["rows"] if many else [payload], many=many)
        return Request([self._row(values) for values in found], many)

    def _row(self, values: tuple[Any, ...]) -> Row:
        for index in self._times:
            if values[index] is not None and not in_range(values[index]):
                raise _OutOfRange
        at = values[self._at]
        event_at = (at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)) + self._moment.offset
        notes = self._notes(values)
        group = "" if self._group is None else str(values[self._group])
        return Row(str(values[self._key]), event_at, self._names, values, notes, group)

    def _aligned(self, row: Row) -> tuple[Any, ...]:
        # The traffic changed between reading a row and scoring it.
        values = dict(zip(row.names, row.values, strict=True))
        return tuple(values.get(name) for name in self._names)

    def _notes(self, values: tuple[Any, ...]) -> tuple[str, ...]:
        notes: list[str] = []
        if None in values:
            missing = (each.name for each, value in zip(self.columns, values, strict=True) if value is None)
            notes += [f"{name} missing: features that use it are empty" for name in missing]
        for index, name, known in self._known:
            if values[index] is not None and values[index] not in known:
                notes.append(f"{name} {_shortened(values[index])} was not seen in training")
        return tuple(notes)


class _OutOfRange(Exception):
    """A moment that no time column can hold: the slow path names it."""


def _struct_of(columns: Sequence[Column], required: Collection[str]) -> type[msgspec.Struct]:
    # Columns may have any name, Python's fields may not.
    fields = [
        (f"f{index}", each.accepts) if each.name in required else (f"f{index}", each.accepts, None)
        for index, each in enumerate(columns)
    ]
    names = {f"f{index}": each.name for index, each in enumerate(columns)}
    return msgspec.defstruct("Given", fields, kw_only=True, rename=names, forbid_unknown_fields=True, gc=False)


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "…'"  # noqa: PLR2004  enough to recognise it
