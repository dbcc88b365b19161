"""Entries and rows as JSON lines, written once and read back with a limit on each line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import BinaryIO, TypeVar

import msgspec

from trimaran.app.moving.bundle import MOST_LINE
from trimaran.core.errors import Fault, InputError
from trimaran.core.ledger.exporting import fields_of, line_of
from trimaran.core.nouns import Entry

T = TypeVar("T")

_encoder = msgspec.json.Encoder()


class EntryLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry as ``trimaran audit export`` writes it: its body as text or, where it is none, as base64."""

    seq: int
    at: datetime
    actor: str
    kind: str
    subject: str
    key: str
    previous: str
    digest: str
    body: str | None = None
    coded: bytes | None = msgspec.field(default=None, name="bytes")


def entry_line(entry: Entry) -> bytes:
    """Return an entry as a line, the same for every store."""
    return line_of(fields_of(entry))


def read_entry(line: bytes) -> Entry:
    """Return the entry that a line holds; whether it is as it was sealed is for its reader to verify."""
    found = _decode(line, EntryLine)
    body = found.body.encode() if found.body is not None else found.coded or b""
    return Entry(
        seq=found.seq,
        at=found.at,
        actor=found.actor,
        kind=found.kind,
        subject=found.subject,
        body=body,
        key=found.key,
        previous=found.previous,
        digest=found.digest,
    )


def write_rows(rows: Iterable[msgspec.Struct]) -> Iterator[bytes]:
    """Yield rows as lines."""
    for row in rows:
        yield _encoder.encode(row) + b"\n"


def read_rows(file: BinaryIO, kind: type[T]) -> Iterator[T]:
    """Yield the rows of some kind that the lines of a file hold."""
    for line in lines_of(file):
        yield _decode(line, kind)


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file; raises ``InputError`` for one that is longer than any entry or batch may be."""
    while line := file.readline(MOST_LINE + 1):
        if len(line) > MOST_LINE:
            what = f"a line is longer than {MOST_LINE:,} bytes, the most that is taken"
            raise InputError("bundle", [Fault(what=what, remedy="export it anew")])
        yield line


def _decode(line: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.MsgspecError as error:
        raise InputError(
            "bundle", [Fault(what=f"a line is no {kind.__name__}: {error}", remedy="export it anew")]
        ) from error
