"""Traces of a person outside tables and captures: in objects, in logs, in the ledger; which can be taken out, which stay."""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from trimaran.app.run_traces import objects_of_runs, without_in_sheet
from trimaran.app.workspace import Workspace
from trimaran.backends.selecting import selects
from trimaran.core.canon import canonical
from trimaran.core.errors import NotFound
from trimaran.core.ports import Progress
from trimaran.data.sketches import Origin, blank, read_sketch, sketch_bytes, sketch_of, take

SHORTEST = 4
"""A value of fewer characters stands everywhere by chance, and is not searched for."""

_PARQUET = b"PAR1"
_ARROW = b"ARROW1"
_JSON = (b"{", b"[")
_LOGS = "*.log"
_TOLD = 5


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """An object with rows, or values, of a person: how many, and what it is without them."""

    digest: str
    rows: int
    without: bytes


@dataclass(frozen=True)
class Wanted:
    """Whom to look for: the value of a column, and the ids of what was asked about them (in column ``key``)."""

    column: str
    value: str
    key: str
    ids: frozenset[str]

    @property
    def criteria(self) -> Mapping[str, Collection[str]]:
        """The rows that are theirs: by the column, or by the id."""
        return {self.key: self.ids, self.column: {self.value} | (self.ids if self.column == self.key else frozenset())}

    @property
    def words(self) -> frozenset[str]:
        """Every text that names them."""
        return self.ids | {self.value}


def in_objects(workspace: Workspace, product: str, wanted: Wanted, progress: Progress) -> list[Trace]:
    """Return the objects of a product, or of runs, that hold rows of a person, or list the value among those that were seen.

    Runs of scripts and steps of pipelines belong to no product: what they made is searched like a product's own.
    """
    digests, of_runs, found = list(workspace.objects.digests()), objects_of_runs(workspace), []
    progress.start("objects", len(digests))
    for digest in digests:
        data = workspace.objects.get(digest)
        origin = sketch_of(data)
        if origin is not None:
            made = _without_profiled(workspace, data, origin, wanted)
        else:
            made = without_in_sheet(data, partial(_without, wanted=wanted), holding(wanted)) or _without(data, wanted)
        if made is not None and (digest in of_runs or _is_of(workspace, product, digest)):
            found.append(Trace(digest=digest, rows=made[0], without=made[1]))
        progress.advance("objects")
    progress.finish("objects")
    return found


def holding(wanted: Wanted) -> Callable[[bytes], bool]:
    """Return what tells whether a value of a step has rows of a person, or names them anywhere."""
    word = _word(wanted.value) if len(wanted.value) >= SHORTEST else None

    def holds(data: bytes) -> bool:
        if _without(data, wanted) is not None:
            return True
        return word is not None and any(word.search(part) for part in _readable(data))

    return holds


def in_logs(workspace: Workspace, wanted: Wanted) -> dict[Path, int]:
    """Return the logs beside the ledger with lines that name a person, and how many lines."""
    counts = {path: sum(map(_naming(wanted), _lines(path))) for path in sorted(workspace.root.glob(_LOGS))}
    return {path: count for path, count in counts.items() if count}


def clear_log(path: Path, wanted: Wanted) -> None:
    """Write a log anew without the lines that name a person."""
    names, aside = _naming(wanted), path.with_name(f".{path.name}.new")
    with aside.open("wb") as file:
        file.writelines(line for line in _lines(path) if not names(line))
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def left_in(workspace: Workspace, wanted: Wanted, progress: Progress) -> list[str]:
    """Say where the value still stands, in words without the value: what was searched and may not or cannot be changed."""
    if len(wanted.value) < SHORTEST:
        return [
            f"the value has fewer than {SHORTEST} characters, so that models, entries and other files were not searched for it"
        ]
    word = _word(wanted.value)
    digests, found = list(workspace.objects.digests()), []
    progress.start("search", len(digests))
    for digest in digests:
        data = workspace.objects.get(digest)
        if any(word.search(part) for part in _readable(data)):
            users = sorted({entry.subject for entry in workspace.ledger.store.mentions(digest)})
            found.append(f"object {digest}, needed by {', '.join(users[:_TOLD]) or 'nothing on record'}, holds the value")
        progress.advance("search")
    progress.finish("search")
    entries = [
        entry.seq
        for entry in workspace.ledger.store.scan()
        if word.search(entry.body) or word.search(entry.subject.encode())
    ]
    if entries:
        few = ", ".join(map(str, entries[:_TOLD])) + (f" and {len(entries) - _TOLD} more" if len(entries) > _TOLD else "")
        found.append(f"entries {few} of the ledger hold the value in their words, and entries are never changed")
    return found


def _without(data: bytes, wanted: Wanted) -> tuple[int, bytes] | None:
    """Return how many rows or values of a person an object holds, and its bytes without them; None when it holds none."""
    if data.startswith((_PARQUET, _ARROW)):
        return _without_rows(data, wanted)
    if data.lstrip()[:1] in _JSON and wanted.value.encode() in data:
        return _without_values(data, wanted)
    return None


def _without_rows(data: bytes, wanted: Wanted) -> tuple[int, bytes] | None:
    rows = _frame(data)
    kept = rows.filter(~selects(wanted.criteria, rows.columns))
    if kept.height == rows.height:
        return None
    buffer = io.BytesIO()
    (kept.write_parquet if data.startswith(_PARQUET) else kept.write_ipc)(buffer)
    return rows.height - kept.height, buffer.getvalue()


def _frame(data: bytes) -> pl.DataFrame:
    try:
        return (pl.read_parquet if data.startswith(_PARQUET) else pl.read_ipc)(io.BytesIO(data))
    except pl.exceptions.PolarsError:  # bytes that only begin like a table
        return pl.DataFrame()


def _without_profiled(workspace: Workspace, data: bytes, origin: Origin, wanted: Wanted) -> tuple[int, bytes] | None:
    """Profile anew what a version brought, without the person's rows; where it cannot be told apart, blank their days."""
    try:
        rows = workspace.tables.brought(origin.table, origin.version)
    except NotFound:
        theirs = workspace.tables.matching(origin.table, wanted.criteria)
        days = set(take(theirs, origin.time)["day"]) if theirs.height else set()
        profile = read_sketch(data)
        made = sketch_bytes(blank(profile, days), origin)
        return None if not days or made == data else (1, made)
    kept = rows.filter(~selects(wanted.criteria, rows.columns))
    return None if kept.height == rows.height else (1, sketch_bytes(take(kept, origin.time), origin))


def _without_values(data: bytes, wanted: Wanted) -> tuple[int, bytes] | None:
    """Take a value out of a profile's categories and out of an evaluation's slices: where values of columns are listed."""
    try:
        document = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return None
    taken = 0

    def cleared(part: Any) -> Any:
        nonlocal taken
        if isinstance(part, list):
            kept = [each for each in part if not _says(each, wanted)]
            taken += len(part) - len(kept)
            return [cleared(each) for each in kept]
        if not isinstance(part, dict):
            return part
        made = {name: cleared(each) for name, each in part.items()}
        listed = made.get("categories")
        if isinstance(listed, dict) and wanted.value in (listed.get(wanted.column) or []):
            taken += 1
            made["categories"] = listed | {wanted.column: [one for one in listed[wanted.column] if one != wanted.value]}
        return made

    made = cleared(document)
    return (taken, canonical(made)) if taken else None


def _says(part: Any, wanted: Wanted) -> bool:
    return isinstance(part, dict) and part.get("column") == wanted.column and part.get("value") == wanted.value


def _is_of(workspace: Workspace, product: str, digest: str) -> bool:
    own = (f"{product}/", f"{product}[")
    return any(
        entry.subject == product or entry.subject.startswith(own) for entry in workspace.ledger.store.mentions(digest)
    )


def _readable(data: bytes) -> Iterator[bytes]:
    """Yield the bytes of an object, and those of what is compressed in it."""
    yield data
    if data.startswith((_PARQUET, _ARROW)):
        rows = _frame(data)
        for name, dtype in rows.schema.items():
            texts = rows[name].explode() if dtype == pl.List(pl.String) else rows[name]
            if texts.dtype == pl.String:
                yield "\n".join(texts.drop_nulls().unique()).encode()
    elif zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield from (archive.read(name) for name in archive.namelist())


def _word(value: str) -> re.Pattern[bytes]:
    return re.compile(rb"(?<![A-Za-z0-9_-])" + re.escape(value.encode()) + rb"(?![A-Za-z0-9_-])")


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


def _naming(wanted: Wanted) -> Callable[[bytes], bool]:
    """Return what tells whether a line names a person: by a word of it, or by the value anywhere in it."""
    whole = {word.encode() for word in wanted.words}
    value = _word(wanted.value) if len(wanted.value) >= SHORTEST else None

    def names(line: bytes) -> bool:
        words = re.split(rb"[\s\",:;=\[\]{}()]+", line)
        return not whole.isdisjoint(words) or line.strip() in whole or bool(value and value.search(line))

    return names
