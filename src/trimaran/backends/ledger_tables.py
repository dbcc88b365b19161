"""The tables of a ledger in SQL, the statements that every database is asked alike, and rows as entries and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from trimaran.backends.sqlite_files import from_micros, to_micros
from trimaran.core.errors import Corrupt
from trimaran.core.ledger import mentioned
from trimaran.core.nouns import Entry

FORM = 2
"""The number of today's layout, kept in the table ``meta``; ``migrations`` holds the way to each."""

PAGE = 1000
"""How many entries are read at a time, so that memory does not grow with the ledger."""

FIRST_PAGE = 64
"""How many are read first: whoever stops after the first few should not pay for a thousand; pages grow from there."""

_tables = sa.MetaData()
entries = sa.Table(
    "entries",
    _tables,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger),
    sa.Column("actor", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("subject", sa.Text),
    sa.Column("body", sa.LargeBinary),
    sa.Column("key", sa.Text),
    sa.Column("previous", sa.Text),
    sa.Column("digest", sa.Text),
)
latest = sa.Table(
    "latest",
    _tables,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger),
)
mentions = sa.Table(
    "mentions",
    _tables,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True),
)
meta = sa.Table("meta", _tables, sa.Column("form", sa.Integer))

OF_SEQ = sa.select(entries).where(entries.c.seq == sa.bindparam("seq"))
OF_KEY = sa.select(entries).where(entries.c.key == sa.bindparam("key"))
HEAD = sa.select(sa.func.coalesce(sa.func.max(entries.c.seq), 0))
NEWEST = sa.select(latest.c.seq).where(latest.c.kind == sa.bindparam("kind"), latest.c.subject == sa.bindparam("subject"))
NEWEST_ENTRY = (
    sa.select(entries)
    .join(latest, latest.c.seq == entries.c.seq)
    .where(latest.c.kind == sa.bindparam("kind"), latest.c.subject == sa.bindparam("subject"))
)
MENTIONS = (
    sa.select(entries)
    .join(mentions, mentions.c.seq == entries.c.seq)
    .where(mentions.c.digest == sa.bindparam("digest"), mentions.c.seq > sa.bindparam("after"))
    .order_by(mentions.c.seq)
)
BODIES = (
    sa.select(entries.c.seq, entries.c.body).where(entries.c.seq > sa.bindparam("after")).order_by(entries.c.seq).limit(PAGE)
)
FOLDED = sa.select(entries.c.kind, entries.c.subject, sa.func.max(entries.c.seq)).group_by(entries.c.kind, entries.c.subject)
_newest = sa.select(sa.func.max(entries.c.seq)).scalar_subquery()
_last = sa.select(entries.c.seq, entries.c.digest, entries.c.at).where(entries.c.seq == _newest).subquery()
TIP = sa.select(meta.c.form, _last).select_from(meta.outerjoin(_last, sa.true()))
"""One row: the layout, and seq, digest and time of the newest entry (None when there is none)."""


def row_of(entry: Entry) -> tuple[object, ...]:
    """Return an entry as a row, in the order of the table's columns."""
    at = to_micros(entry.at)
    return entry.seq, at, entry.actor, entry.kind, entry.subject, entry.body, entry.key, entry.previous, entry.digest


def entry_of(row: sa.Row[Any]) -> Entry:
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
