"""Reads one file of rows: fast where it is as declared, record by record where it is not."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import polars as pl

from trimaran.core.errors import Fault
from trimaran.data.sources.blocks import CUT, MARK, Rest, blocks, opened
from trimaran.data.sources.records import (
    BROKEN_OFF,
    csv_header,
    csv_records,
    first_lines,
    first_objects,
    json_records,
    json_repeated,
    short_records,
)
from trimaran.data.sources.source import Part, Shape, Span

PARQUET, CSV, JSON = "parquet", "csv", "json lines"
SUFFIXES = {
    ".parquet": PARQUET, ".pq": PARQUET, ".csv": CSV, ".csv.gz": CSV,
    ".jsonl": JSON, ".ndjson": JSON, ".jsonl.gz": JSON, ".ndjson.gz": JSON,
}  # fmt: skip
"""The formats of files by how their names end."""

BATCH = 250_000
"""Rows that are read at a time where a format has rows."""
_LOOKED_AT = 10_000  # records that the types of text are inferred from
_SAVE = "save it as UTF-8"
_MARKS = {
    b"\xff\xfe\0\0": ("is UTF-32", _SAVE),
    b"\0\0\xfe\xff": ("is UTF-32", _SAVE),
    b"\xff\xfe": ("is UTF-16", _SAVE),
    b"\xfe\xff": ("is UTF-16", _SAVE),
    b"\x1f\x8b": ("is compressed by gzip, and its name does not say so", "give it a name that ends in .gz"),
    b"PAR1": ("is Parquet, and its name says otherwise", "give it a name that ends in .parquet"),
    b"PK\3\4": ("is a zip archive or a workbook", "save it as Parquet, CSV or JSON lines"),
}
"""How files begin that are no text in UTF-8, whatever they are called."""


class Unusable(Exception):
    """A file that cannot be read at all; carries why and what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what, self.remedy = what, remedy


def format_of(name: str) -> str | None:
    """Return the format of a file by its name, None where it has none of the known endings.

    >>> format_of("data/2013.CSV.gz"), format_of("notes.txt")
    ('csv', None)
    """
    lower = name.lower()
    return next((form for end, form in SUFFIXES.items() if lower.endswith(end)), None)


def file_schema(
    path: Path | str, moments: Collection[str], options: dict[str, str] | None = None, nulls: Sequence[str] = ()
) -> pl.Schema:
    """Return the columns and types of one file; raises ``Unusable``. Fields of CSV that say one of ``nulls`` are empty."""
    form = format_of(str(path)) or PARQUET
    try:
        if form == PARQUET:
            return _scan(path, options).collect_schema()
        local = Path(path)
        _require_text(local)
        if form == CSV:
            _require_header(local)
            return _with_moments(zip(csv_header(local), _csv_kinds(local, nulls), strict=True), moments)
        _require_keys(local)
        return _with_moments(_json_kinds(local).items(), moments)
    except (pl.exceptions.PolarsError, OSError, EOFError, ValueError, zlib.error) as error:
        raise _unusable(error) from error


def file_parts(
    path: Path | str,
    shape: Shape,
    span: Span | None,
    options: dict[str, str] | None = None,
    nulls: Sequence[str] = (),
) -> Iterator[Part]:
    """Yield the rows of one file, some at a time; what is wrong with the file as a whole is the fault of a part."""
    place = str(path).rsplit("/", 1)[-1] if options is not None else Path(path).name
    form = format_of(str(path)) or PARQUET
    before = 0
    try:
        if form == PARQUET:
            parts = parquet_parts(_scan(path, options), place, shape, span)
        else:
            _require_text(Path(path))
            local = Path(path)
            parts = _csv_parts(local, place, shape, nulls) if form == CSV else _json_parts(local, place, shape)
        for part in parts:
            before += part.rows.height
            yield part
    except CUT as error:
        fault = Fault(what=f"breaks off after row {before:,}", where=place, remedy=BROKEN_OFF)
        yield Part(pl.DataFrame(), place, before, fault=fault if before else _fault(error, place))
    except (Unusable, pl.exceptions.PolarsError, ValueError) as error:
        yield Part(pl.DataFrame(), place, before, fault=_fault(error, place))


def parquet_parts(rows: pl.LazyFrame, place: str, shape: Shape, span: Span | None) -> Iterator[Part]:
    """Yield rows of declared columns, and none of what else came, in batches."""
    came = rows.collect_schema()
    if span is not None and came.get(span.column) == shape.schema.get(span.column):
        rows = rows.filter(span.expression)
    kept = rows.select(name for name in shape.schema if name in came)
    new = [pl.lit(None, dtype=kind).alias(name) for name, kind in came.items() if name not in shape.schema]
    before = 0
    for batch in kept.collect_batches(chunk_size=BATCH, engine="streaming"):
        yield Part(batch.with_columns(new), place, before)
        before += batch.height
    if before == 0:
        yield Part(pl.DataFrame(schema={**kept.collect_schema()}).with_columns(new), place)


def _csv_kinds(path: Path, nulls: Sequence[str]) -> list[pl.DataType]:
    """Return the types of a CSV file's columns; of one that cannot be read to its end, those of what comes before."""

    def kinds(source: Path | bytes) -> list[pl.DataType]:
        rows = pl.scan_csv(
            source,
            try_parse_dates=True,
            infer_schema_length=_LOOKED_AT,
            encoding="utf8-lossy",
            truncate_ragged_lines=True,
            null_values=list(nulls) or None,
        )
        return rows.collect_schema().dtypes()

    try:
        return kinds(path)
    except (pl.exceptions.PolarsError, OSError):
        return kinds(b"".join(first_lines(path, _LOOKED_AT)))


def _json_kinds(path: Path) -> pl.Schema:
    """Return the types of a JSON lines file's members; where a line is none, those of the lines that are."""
    try:
        return pl.scan_ndjson(path, infer_schema_length=_LOOKED_AT, ignore_errors=True).collect_schema()
    except (pl.exceptions.PolarsError, OSError):
        whole = b"".join(first_objects(path, _LOOKED_AT))
        if not whole:
            raise Unusable("has no line that is a JSON object", "deliver JSON lines, or take it away") from None
        return pl.scan_ndjson(whole, infer_schema_length=_LOOKED_AT, ignore_errors=True).collect_schema()


def _scan(path: Path | str, options: dict[str, str] | None) -> pl.LazyFrame:
    return pl.scan_parquet(path, storage_options=options, hive_partitioning="=" in str(path), glob=False)


def _csv_parts(path: Path, place: str, shape: Shape, nulls: Sequence[str]) -> Iterator[Part]:
    """Yield the rows of a CSV file: a block at once where it is as declared, else record by record."""
    _require_header(path)
    names, before = csv_header(path), 0
    kinds = {name: _quick(shape.schema[name]) if name in shape.schema else pl.String() for name in names}
    with opened(path) as file:
        for number, block in enumerate(blocks(file, quoted=True)):
            data = block.data if number else _behind_header(block.data)
            fast = None if block.open else _csv(data, names, kinds, nulls)
            if fast is not None:
                yield Part(fast, place, before)
                before += fast.height
                continue
            for part in csv_records(Rest(data, file) if block.open else BytesIO(data), names, place, before):
                yield _emptied(part, nulls)
                before += part.rows.height
    if before == 0:
        yield Part(pl.DataFrame(schema={name: shape.schema.get(name, pl.String()) for name in names}), place)


def _emptied(part: Part, nulls: Sequence[str]) -> Part:
    """Return a part without the texts that say that there is none."""
    if not nulls:
        return part
    cells = [
        pl.when(~pl.col(name).is_in(list(nulls))).then(name).alias(name)
        for name, kind in part.rows.schema.items()
        if kind == pl.String and name != part.spoiled
    ]
    return replace(part, rows=part.rows.with_columns(cells))


def _csv(data: bytes, names: list[str], kinds: dict[str, pl.DataType], nulls: Sequence[str]) -> pl.DataFrame | None:
    """Return the rows of a block of CSV, None where they have to be looked at one by one."""
    if not data or data.isspace():
        return pl.DataFrame(schema=kinds)
    try:
        none = ["", *nulls]  # a field in quotes that is empty is one, too: record by record nobody sees the quotes
        scan = pl.scan_csv(data, has_header=False, schema=kinds, try_parse_dates=False, null_values=none)
        rows = scan.collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError):
        return None
    if rows[names[-1]].has_nulls() and short_records(data, len(names)):
        return None
    return None if _infinite(rows) else rows


def _json_parts(path: Path, place: str, shape: Shape) -> Iterator[Part]:
    """Yield the rows of a file of JSON lines: a block at once where it is as declared, else record by record."""
    _require_keys(path)
    before, seen = 0, set[str]()
    with opened(path) as file:
        for number, block in enumerate(blocks(file, quoted=False)):
            data = block.data if number else block.data.removeprefix(MARK)
            fast = _json(data, shape, seen)
            for part in json_records(data, place, shape, seen, before) if fast is None else [Part(fast, place, before)]:
                seen |= {name for name in part.rows.columns if name != part.spoiled}
                before += part.rows.height
                yield part


def _json(data: bytes, shape: Shape, seen: Collection[str]) -> pl.DataFrame | None:
    """Return the rows of a block of JSON lines, None where they have to be looked at one by one."""
    kinds = {name: _quick(kind) for name, kind in shape.schema.items()}
    try:
        there = pl.scan_ndjson(data, infer_schema_length=_LOOKED_AT).collect_schema()
        extra = {name: kind for name, kind in there.items() if name not in kinds}
        rows = pl.scan_ndjson(data, schema={**kinds, **extra}).collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError):
        return None
    gone = [name for name in kinds if name not in {*there, *seen} and rows[name].null_count() == rows.height]
    return None if _infinite(rows) else rows.drop(gone)


def _behind_header(data: bytes) -> bytes:
    """Return what follows the first record of CSV, whose names may have line ends in them."""
    end = data.find(b"\n")
    while end >= 0 and data.count(b'"', 0, end) % 2:
        end = data.find(b"\n", end + 1)
    return data[end + 1 :] if end >= 0 else b""


def _quick(kind: pl.DataType) -> pl.DataType:
    """Return the type to read text as: moments stay text, since how Polars reads them passes over their zones."""
    return kind if kind.is_numeric() or kind == pl.Boolean or kind.is_nested() else pl.String()


def _infinite(rows: pl.DataFrame) -> bool:
    return any(column.is_infinite().any() for column in rows if column.dtype.is_float())


def _with_moments(kinds: Iterable[tuple[str, pl.DataType]], moments: Collection[str]) -> pl.Schema:
    """Return types by column: a spoiled cell, text where a moment is declared or an integer past 64 bits, changes none."""
    moment = pl.Datetime("us", "UTC")
    told = {name: moment if name in moments and kind == pl.String else kind for name, kind in kinds}
    return pl.Schema({name: pl.Int64() if kind == pl.Int128 else kind for name, kind in told.items()})


def _require_text(path: Path) -> None:
    with opened(path) as file:
        start = file.read(4)
    if not start:
        raise Unusable("is empty: it has not even a header", "deliver it again, or take it away")
    for mark, (what, remedy) in _MARKS.items():
        if start.startswith(mark):
            raise Unusable(what, remedy)
    if 0 in start[:2]:
        raise Unusable("begins with a NUL byte: it is UTF-16 without a mark, or was never written", _SAVE)


def _require_header(path: Path) -> None:
    names = csv_header(path)
    if not any(name.strip() for name in names):
        raise Unusable(
            "begins with an empty line where its header should be", "deliver it with its header in the first line"
        )
    try:
        "".join(names).encode()
    except UnicodeEncodeError:
        raise Unusable("has a header that is not UTF-8", _SAVE) from None
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Unusable(f"has {', '.join(map(repr, twice))} twice in its header", "give each column a name of its own")


def _require_keys(path: Path) -> None:
    twice = json_repeated(path)
    if twice:
        raise Unusable(f"says {twice[0]!r} twice in row {twice[1]}", "give each value a name of its own")


def _fault(error: Exception, place: str) -> Fault:
    found = error if isinstance(error, Unusable) else _unusable(error)
    return Fault(what=found.what, where=place, remedy=found.remedy)


def _unusable(error: Exception) -> Unusable:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    if isinstance(error, gzip.BadGzipFile | zlib.error):
        return Unusable(f"is called .gz and cannot be unpacked: {text}", "deliver it whole, or under a name without .gz")
    if isinstance(error, PermissionError):
        return Unusable("may not be read by the user this runs as", "give that user the right to read it")
    if isinstance(error, IsADirectoryError):
        return Unusable("is a folder", f"name the files in it, as in {error.filename}/*")
    if isinstance(error, OSError) and error.errno is not None:
        return Unusable(f"cannot be opened: {error.strerror}", "check the file and the links that lead to it")
    if isinstance(error, pl.exceptions.DuplicateError):
        return Unusable(f"has a column twice: {text}", "give each column a name of its own")
    return Unusable(f"cannot be read: {text}", "deliver Parquet, CSV or JSON lines, whole")
