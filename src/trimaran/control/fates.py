"""What became of an object that is not there any more, by the ledger."""

from __future__ import annotations

from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Entry, Erasing, Purged


def fate_of(ledger: Ledger, digest: str) -> tuple[Entry, str | None] | None:
    """Return what became of an object that is not there: the entry, and the object that stands for it now, if one does.

    None when the ledger knows of nothing that took it.
    """
    for entry in reversed(list(ledger.store.mentions(digest))):
        if entry.kind == "erasing":
            heir = ledger.read(entry, Erasing).replaced.get(digest)
            if heir is not None:
                return entry, heir
        elif entry.kind == "purged" and digest in ledger.read(entry, Purged).objects:
            return entry, None
    return None
