"""The questions and statements of a ledger in SQL, in words that every database understands, and rows as entries and back.

They are plain text, with a ``?`` for each value: SQLite is asked by the standard library alone, since importing SQLAlchemy
took longer than opening a workspace may. ``PostgresLedger`` goes through SQLAlchemy and writes its own marks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from trimaran.core.clock import from_micros, to_micros
from trimaran.core.errors import Corrupt
from trimaran.core.ledger import mentioned
from trimaran.core.nouns import Entry

FORM = 2
"""The number of today's layout, kept in the table ``meta``; ``migrations`` holds the way to each."""

PAGE = 1000
"""How many entries are read at a time, so that memory does not grow with the ledger."""

FIRST_PAGE = 64
"""How many are read first: whoever stops after the first few should not pay for a thousand; pages grow from there."""

_COLUMNS = "seq, at, actor, kind, subject, body, key, previous, digest"
ENTRIES = f"SELECT {_COLUMNS} FROM entries"  # noqa: S608  our own names
OF_SEQ = f"{ENTRIES} WHERE seq = ?"
OF_KEY = f"{ENTRIES} WHERE key = ?"
HEAD = "SELECT coalesce(max(seq), 0) FROM entries"
NEWEST = "SELECT seq FROM latest WHERE kind = ? AND subject = ?"
NEWEST_ENTRY = f"{ENTRIES} WHERE seq = ({NEWEST})"
MENTIONS = f"""SELECT {", ".join(f"entries.{name}" for name in _COLUMNS.split(", "))}
    FROM mentions JOIN entries ON entries.seq = mentions.seq
    WHERE mentions.digest = ? AND mentions.seq > ? ORDER BY mentions.seq LIMIT ?"""  # noqa: S608  our own names
TIP = """SELECT meta.form, tip.seq, tip.digest, tip.at FROM meta LEFT JOIN
    (SELECT seq, digest, at FROM entries WHERE seq = (SELECT max(seq) FROM entries)) AS tip ON true"""
"""One row: the layout, and seq, digest and time of the newest entry (None when there is none)."""
WRITE = f"INSERT INTO entries ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  our own names
POINT = """INSERT INTO latest (kind, subject, seq) VALUES (?, ?, ?)
    ON CONFLICT (kind, subject) DO UPDATE SET seq = excluded.seq"""
NAME = "INSERT INTO mentions (digest, seq) VALUES (?, ?)"

Row = Sequence[Any]


class Asked(Protocol):
    """A connection to a database: ``sqlite3.Connection`` is one, and so is ``asking.Asking`` over SQLAlchemy's."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Iterable[Row]:
        """Ask; the rows can be gone through once."""

    def executemany(self, sql: str, parameters: Sequence[Sequence[Any]], /) -> object:
        """Write many rows."""


def scanned(*, kinds: Sequence[str], subject: str | None, until: int | None) -> tuple[str, tuple[object, ...]]:
    """Return the question for a page of a scan and its values but the last two: the seq it begins after, and its size.

    >>> scanned(kinds=["turn"], subject=None, until=None)[1]
    ('turn',)
    """
    wanted: Mapping[str, Sequence[object]] = {
        f"kind IN ({', '.join('?' * len(kinds))})": kinds,
        "subject = ?": () if subject is None else (subject,),
        "at <= ?": () if until is None else (until,),
    }
    conditions = [condition for condition, values in wanted.items() if values]
    where = " AND ".join([*conditions, "seq > ?"])
    return f"{ENTRIES} WHERE {where} ORDER BY seq LIMIT ?", tuple(value for values in wanted.values() for value in values)


def row_of(entry: Entry) -> tuple[object, ...]:
    """Return an entry as a row, in the order of the table's columns."""
    at = to_micros(entry.at)
    return entry.seq, at, entry.actor, entry.kind, entry.subject, entry.body, entry.key, entry.previous, entry.digest


def entry_of(row: Row) -> Entry:
    """Return a row as an entry; raises ``Corrupt`` for what cannot have been written as one."""
    fields = dict(zip(Entry.__struct_fields__, row, strict=True))
    try:
        fields["at"] = from_micros(fields["at"])
        return msgspec.convert(fields, Entry)
    except (msgspec.ValidationError, OverflowError, TypeError) as error:
        message = f"entry {fields['seq']} was changed after it was written: {error}"
        raise Corrupt(message) from error


def mention_rows(bodies: Iterable[tuple[int, bytes]]) -> list[tuple[bytes, int]]:
    r"""Return the rows of ``mentions`` for the bodies of some entries, in the order of the table.

    >>> mention_rows([(3, b'["%s"]' % (b"ab" * 32))]) == [(b"\xab" * 32, 3)]
    True
    """
    return sorted((bytes.fromhex(digest), seq) for seq, body in bodies for digest in mentioned(body))


def further(seq: int, after: int) -> int:
    """Return where the next page begins; raises ``Corrupt`` where a damaged tree of pages leads back, for ever.

    >>> further(8, 7)
    8
    """
    if seq <= after:
        message = (
            f"the entries of the ledger are out of order (entry {seq} comes after entry {after}); restore it from a copy"
        )
        raise Corrupt(message)
    return seq
