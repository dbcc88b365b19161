"""Finds everything that is wrong with a request: the slow path, taken only when the fast one refused."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from trimaran.core.errors import Fault, InputError
from trimaran.deploy.columns import EARLIEST, LATEST, Column, in_range

MAX_DEPTH = 16
MAX_FAULTS = 100
_SHOWN = 60

# An open string runs to the end of the text, so that one pass over it is enough whatever it holds.
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\Z)', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


class Malformed(InputError):
    """The body is not JSON."""


class TooLarge(InputError):
    """More was asked at once than is taken."""


def parse(subject: str, body: bytes) -> Any:
    """Return the plain value of a JSON text, NaN and Infinity let through for the examiner to name.

    >>> parse("p", b'{"a": [1, NaN]}')
    {'a': [1, nan]}
    """
    depth = _depth(body)
    if depth > MAX_DEPTH:
        what = f"the body nests {depth} levels deep, at most {MAX_DEPTH} are read"
        raise TooLarge(subject, [Fault(what=what, remedy="send flat rows")])
    try:
        return json.loads(body.decode())
    except ValueError as error:
        place = f"character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else ""
        what = error.msg if isinstance(error, json.JSONDecodeError) else "the body is not UTF-8, or holds an endless number"
        fault = Fault(what=f"not JSON: {what}", where=place, remedy='send one object, or {"rows": [...]}')
        raise Malformed(subject, [fault]) from error


class Examiner:
    """Checks rows of plain values field by field and collects every fault."""

    def __init__(self, columns: Sequence[Column], required: Collection[str], max_rows: int) -> None:
        self._columns = columns
        self._required = required
        self._max_rows = max_rows
        self._names = [column.name for column in columns]

    def examine(self, subject: str, rows: Sequence[Any], *, many: bool) -> list[tuple[Any, ...]]:
        """Return each row's values in the order of the columns; raises ``InputError`` with the faults of all rows."""
        if len(rows) > self._max_rows:
            what = f"{len(rows)} rows were sent, at most {self._max_rows} are taken"
            raise TooLarge(subject, [Fault(what=what, where="rows", remedy="send them in several requests")])
        if not rows:
            raise InputError(subject, [Fault(what="no rows were sent", where="rows", remedy="send at least one")])
        faults: list[Fault] = []
        found = []
        for index, row in enumerate(rows):
            place = f"rows[{index}]" if many else ""
            found.append(self._row(row, place, faults))
        if faults:
            if len(faults) > MAX_FAULTS:
                rest = Fault(what=f"{len(faults) - MAX_FAULTS} more faults", remedy="mend these first")
                faults = [*faults[:MAX_FAULTS], rest]
            raise InputError(subject, faults)
        return found

    def _row(self, row: Any, place: str, faults: list[Fault]) -> tuple[Any, ...]:
        if not isinstance(row, Mapping):
            what = f"{shown(row)} is not a row"
            faults.append(Fault(what=what, where=place, remedy=f"send an object with: {', '.join(self._names)}"))
            return ()
        dot = f"{place}." if place else ""
        faults += [
            Fault(what=f"unknown field {shown(name)}", where=place, remedy=self._nearest(str(name)))
            for name in row
            if name not in self._names
        ]
        return tuple(self._value(column, row, dot, faults) for column in self._columns)

    def _value(self, column: Column, row: Mapping[str, Any], dot: str, faults: list[Fault]) -> Any:
        value, where = row.get(column.name), f"{dot}{column.name}"
        if value is None:
            if column.name in self._required:
                what = "null was sent" if column.name in row else "it is missing"
                faults.append(Fault(what=what, where=where, remedy=f"send {column.words}"))
            return None
        if isinstance(value, float) and not math.isfinite(value):
            faults.append(Fault(what=f"{value} is not a finite number", where=where, remedy="send null where there is none"))
            return None
        try:
            found = msgspec.convert(value, column.accepts)
            # A lone surrogate is JSON to Python, but no text that can be written anywhere.
            if isinstance(found, str):
                found.encode()
            if isinstance(found, datetime) and not in_range(found):
                span = f"between {EARLIEST:%Y-%m-%d} and {LATEST:%Y-%m-%d}"
                faults.append(Fault(what=f"{shown(value)} is out of range", where=where, remedy=f"send a time {span}"))
        except (msgspec.ValidationError, ValueError, OverflowError):
            faults.append(Fault(what=f"{shown(value)} was sent", where=where, remedy=f"send {column.words}"))
            return None
        return found

    def _nearest(self, name: str) -> str:
        close = difflib.get_close_matches(name[:_SHOWN], self._names, n=1)
        return (f"did you mean {close[0]}? " if close else "") + f"valid fields: {', '.join(self._names)}"


def shown(value: object) -> str:
    """Return a value as an error may show it: enough to recognise, never a whole payload.

    >>> shown(["x" * 100])
    'a list of 1'
    """
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, Mapping):
        return f"an object of {len(value)} fields"
    text = repr(value[: _SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _depth(body: bytes) -> int:
    depth = deepest = 0
    for bracket in _BRACKET.finditer(_STRING.sub(b"", body)):
        depth += 1 if bracket[0] in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest
