"""Entries and proofs as text for people who do not have trimaran: what ``tools/verify_ledger.py`` reads."""

from __future__ import annotations

import base64

from trimaran.core.canon import plain
from trimaran.core.nouns import Entry


def fields_of(entry: Entry) -> dict[str, object]:
    """Return every field of an entry; the body as text, or, where it is none, as base64 under ``bytes``.

    >>> from datetime import UTC, datetime
    >>> from trimaran.core.nouns import GENESIS, Draft
    >>> draft = Draft(at=datetime(2013, 1, 1, tzinfo=UTC), actor="me", kind="turn", subject="p", body=b"{}", key="k")
    >>> fields = fields_of(Entry.link(draft, seq=1, previous=GENESIS))
    >>> fields["body"], fields["seq"]
    ('{}', 1)
    """
    fields: dict[str, object] = {name: getattr(entry, name) for name in Entry.__struct_fields__ if name != "body"}
    try:
        fields["body"] = entry.body.decode()
    except UnicodeDecodeError:
        fields["bytes"] = base64.b64encode(entry.body).decode()
    return fields


def line_of(fields: dict[str, object]) -> bytes:
    """Return fields as one line of canonical JSON."""
    return plain(fields) + b"\n"
