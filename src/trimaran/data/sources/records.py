"""Reads text record by record, so that each that is none can be named; slower than Polars, and only for what it refuses."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

import polars as pl

from trimaran.core.errors import Fault
from trimaran.data.sources.blocks import CUT, MARK, opened
from trimaran.data.sources.casting import TEXT_LIMIT
from trimaran.data.sources.source import Part, Shape

_CHUNK = 50_000
_MOST = 64 << 20  # characters of records that are held at a time
_MOST_INTEGER = 2**63 - 1
_SPOILED = "__spoiled"
_LOOKED_AT = 1000
_NO_TEXT = "is not UTF-8"
BROKEN_OFF = "deliver it whole; what came before was read"
"""What to do with a file that breaks off."""

_LARGEST = 2 * TEXT_LIMIT

csv.field_size_limit(_LARGEST)


def csv_header(path: Path) -> list[str]:
    """Return the names of a CSV file's columns."""
    with _text(opened(path)) as file:
        return next(csv.reader(file), [])


def first_lines(path: Path, count: int) -> Iterator[bytes]:
    """Yield the first lines of a text, up to where it breaks off."""
    with opened(path) as file:
        yield from islice(_until_cut(file), count)


def first_objects(path: Path, count: int) -> Iterator[bytes]:
    """Yield those of the first JSON lines that are an object, in plain numbers of the same type."""
    with opened(path) as file:
        for line in islice(_lines(_until_cut(file)), count):
            if _object(line, {})[1] is None:
                plain = json.loads(line, parse_constant=lambda _: 0.5, parse_float=lambda _: 0.5, parse_int=_plain)
                yield json.dumps(plain).encode() + b"\n"


def short_records(data: bytes, width: int) -> bool:
    """Return whether a record of CSV has another number of fields than the header, or cannot be told."""
    try:
        with _text(io.BytesIO(data)) as file:
            return any(len(record) != width for record in csv.reader(file))
    except csv.Error:
        return True


def csv_records(file: IO[bytes] | io.RawIOBase, names: list[str], place: str, before: int = 0) -> Iterator[Part]:
    """Yield records of CSV as text, those that are none marked; where one cannot be ended, a part has the fault.

    ``before`` records stood in the file before these.
    """
    spoiling = _apart(names)
    fault: list[Fault] = []
    with _text(file) as text:
        rows = _records(_whole(csv.reader(text, strict=True)), len(names))
        for chunk in _chunks(_until_fault(rows, place, fault)):
            columns = [
                pl.Series(name, [record[at] for record, _ in chunk], pl.String, strict=True) for at, name in enumerate(names)
            ]
            spoiled = pl.Series(spoiling, [reason for _, reason in chunk], pl.String)
            yield Part(pl.DataFrame([*columns, spoiled]), place, before, spoiling)
            before += len(chunk)
    for found in fault:
        what = f"{found.what} after row {before:,}"
        yield Part(pl.DataFrame(), place, before, fault=Fault(what=what, where=place, remedy=found.remedy))


def json_records(data: bytes, place: str, shape: Shape, seen: set[str], before: int = 0) -> Iterator[Part]:
    """Yield the records of JSON lines, values as text but for nested ones; those that are none are marked.

    ``seen`` are names that records had before: such a one is empty where these have it not, and not gone.
    """
    nested = {name: kind for name, kind in shape.schema.items() if kind.is_nested()}
    for chunk in _chunks(_lines(io.BytesIO(data))):
        found = [_object(line, nested) for line in chunk]
        names = dict.fromkeys([*(name for record, _ in found for name in record), *(shape.schema.keys() & seen)])
        if all(reason is not None for _, reason in found):
            names |= dict.fromkeys(shape.schema)  # no record says that a column is gone
        spoiling = _apart(names)
        columns = [
            pl.Series(name, [record.get(name) for record, _ in found], shape.schema[name] if name in nested else pl.String())
            for name in names
        ]
        spoiled = pl.Series(spoiling, [reason for _, reason in found], pl.String)
        yield Part(pl.DataFrame([*columns, spoiled]), place, before, spoiling)
        before += len(chunk)


def json_repeated(path: Path) -> tuple[str, int] | None:
    """Return a name that one of the first records says twice, and the number of the record; None where there is none."""
    with opened(path) as file:
        for row, line in enumerate(islice(_lines(_until_cut(file)), _LOOKED_AT), start=1):
            try:
                pairs = json.loads(line, object_pairs_hook=_Pairs)
            except (ValueError, RecursionError):
                continue
            names = [name for name, _ in pairs] if isinstance(pairs, _Pairs) else []
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                return twice, row
    return None


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object, in order, repeated ones too."""


def _whole(reader: Iterator[list[str]]) -> Iterator[list[str] | None]:
    """Yield records, None for one with a field that is too large to be held: the reader goes on behind it."""
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "field larger than field limit" not in str(error):
                raise
            yield None


def _records(reader: Iterable[list[str] | None], width: int) -> Iterator[tuple[list[str | None], str | None]]:
    for record in reader:
        if record is None:
            yield [None] * width, f"has a field of more than {_LARGEST:,} characters"
            continue
        if not record and width > 1:
            continue  # an empty line
        reason = None
        if len(record) != width:
            reason = f"has {len(record)} fields, its header {width}"
        fields: list[str | None] = [*record[:width], *[None] * (width - len(record))]
        for at, text in enumerate(fields):
            if text and not text.isascii() and _mangled(text):
                reason = reason or _NO_TEXT
                fields[at] = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        yield [text or None for text in fields], reason


def _until_cut(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines up to where a file breaks off."""
    try:
        yield from lines
    except CUT:
        return


def _until_fault(records: Iterable[Any], place: str, fault: list[Fault]) -> Iterator[Any]:
    """Yield records up to where they cannot be told apart any more."""
    try:
        yield from records
    except csv.Error as error:
        what = (
            "has a quote that is never closed, or a field without an end," if "unexpected end" in str(error) else str(error)
        )
        fault.append(Fault(what=what, where=place, remedy="mend it; what came before was read"))
    except CUT:
        fault.append(Fault(what="breaks off", where=place, remedy=BROKEN_OFF))


def _object(line: bytes, nested: Mapping[str, pl.DataType]) -> tuple[dict[str, Any], str | None]:
    """Return the members of one line, numbers as they were written, and the reason why it is no record."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return {}, _NO_TEXT
    try:
        found = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
        whole = json.loads(text) if nested else {}
    except (ValueError, RecursionError):
        return {}, "is not JSON"
    if not isinstance(found, dict):
        return {}, "is not a JSON object"
    reason, record = None, {}
    for name, value in found.items():
        if name in nested:
            record[name] = _nested(whole[name], nested[name])
            reason = f"{name} is not {nested[name]}" if record[name] is None and value is not None else reason
        else:
            record[name] = value if value is None or isinstance(value, str) else json.dumps(value)
            if value and _mangled(record[name]):
                record[name], reason = None, _NO_TEXT
    return record, reason


def _nested(value: Any, kind: pl.DataType) -> Any:
    try:
        return pl.Series([value], dtype=kind, strict=True)[0]
    except (TypeError, ValueError, pl.exceptions.PolarsError):
        return None


def _mangled(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _chunks(records: Iterator[Any]) -> Iterator[list[Any]]:
    """Yield records, so many at a time that they can be held."""
    chunk, size = list[Any](), 0
    for record in records:
        chunk.append(record)
        size += len(record) if isinstance(record, bytes) else sum(len(text) for text in record[0] if text)
        if len(chunk) == _CHUNK or size > _MOST:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _lines(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines that are not empty, the first without the mark that some programs write before UTF-8."""
    for number, line in enumerate(lines):
        said = line if number else line.removeprefix(MARK)
        if said.strip():
            yield said


def _plain(digits: str) -> int:
    return int(digits) if len(digits) < len(str(_MOST_INTEGER)) else _MOST_INTEGER


def _apart(names: Iterable[str]) -> str:
    """Return a name that none of these columns has."""
    found, taken = _SPOILED, set(names)
    while found in taken:
        found += "_"
    return found


def _text(file: IO[bytes] | io.RawIOBase) -> io.TextIOWrapper:
    return io.TextIOWrapper(cast("IO[bytes]", file), encoding="utf-8-sig", errors="surrogateescape", newline="")
