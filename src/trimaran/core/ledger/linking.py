"""What a batch of drafts becomes at the end of the chain: the law of append, the same for every store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec.structs import replace

from trimaran.core.clock import aware
from trimaran.core.errors import Conflict, Fault, InputError
from trimaran.core.nouns import GENESIS, Draft, Entry

LONGEST = 2000
"""How many bytes of UTF-8 a draft's key, its actor, and its kind and subject together may have: every database can index them."""


def prepared(drafts: Sequence[Draft]) -> list[Draft]:
    """Return drafts as every store can keep them: times in UTC, since the seal covers the time's text.

    Raises ``InputError``, naming every fault, for a time without a zone and for a text that is too long or has a NUL.
    """
    faults = [fault for draft in drafts for fault in _faults(draft)]
    if faults:
        raise InputError("draft", faults)
    return [replace(draft, at=aware(draft.at)) for draft in drafts]


class Tip:
    """The end of a chain while batches of prepared drafts are linked to it; a store keeps ``fresh`` when it commits.

    ``at`` is the time of the newest entry: one that would be before it is given the same, so that times never go back.
    ``first`` returns the entry a key was first used for and ``newest`` the seq of the newest entry of a kind and subject
    (0: none), both as the store has them; what this tip has linked since comes before what the store says.

    >>> from datetime import UTC, datetime
    >>> draft = Draft(at=datetime(2013, 1, 1, tzinfo=UTC), actor="me", kind="turn", subject="p", body=b"{}", key="k")
    >>> tip = Tip(0, GENESIS, None, first=lambda key: None, newest=lambda kind, subject: 0)
    >>> [entry.seq for entry in tip.link([draft, draft])]
    [1, 1]
    """

    def __init__(
        self,
        seq: int,
        digest: str,
        at: datetime | None,
        *,
        first: Callable[[str], Entry | None],
        newest: Callable[[str, str], int],
    ) -> None:
        self.fresh: list[Entry] = []
        self._seq, self._digest, self._at = seq, digest if seq else GENESIS, at
        self._first, self._newest = first, newest
        self._keys: dict[str, Entry] = {}
        self._newest_here: dict[tuple[str, str], int] = {}

    def link(self, drafts: Sequence[Draft]) -> list[Entry]:
        """Return the entry of each draft; raises ``Conflict``, and then none of the batch is linked."""
        length, end = len(self.fresh), (self._seq, self._digest, self._at)
        try:
            return [self._link_one(draft) for draft in drafts]
        except Exception:
            for entry in self.fresh[length:]:
                del self._keys[entry.key]
            del self.fresh[length:]
            self._seq, self._digest, self._at = end
            self._newest_here = {(entry.kind, entry.subject): entry.seq for entry in self.fresh}
            raise

    def _link_one(self, draft: Draft) -> Entry:
        before = self._keys.get(draft.key) or self._first(draft.key)
        if before is not None:
            return _same(before, draft)
        place = draft.kind, draft.subject
        if draft.after is not None:
            newest = self._newest_here.get(place) or self._newest(*place)
            if newest != draft.after:
                message = (
                    f"{draft.kind} of {draft.subject} moved on: the newest entry is {newest}, not {draft.after}; "
                    "read it again and decide anew"
                )
                raise Conflict(message)
        if draft.onto is not None and draft.onto != self._digest:
            message = (
                f"the ledger moved on: its newest entry is not {draft.onto[:12]} any more; read it again and decide anew"
            )
            raise Conflict(message)
        if self._at is not None and draft.at < self._at:
            draft = replace(draft, at=self._at)
        entry = Entry.link(draft, seq=self._seq + 1, previous=self._digest)
        self._seq, self._digest, self._at = entry.seq, entry.digest, entry.at
        self._keys[entry.key] = entry
        self._newest_here[place] = entry.seq
        self.fresh.append(entry)
        return entry


def _same(before: Entry, draft: Draft) -> Entry:
    if (before.kind, before.subject, before.body) == (draft.kind, draft.subject, draft.body):
        return before
    if draft.after is not None and before.seq > draft.after and before.kind == draft.kind:
        message = (
            f"{draft.kind} of {draft.subject} moved on: somebody wrote entry {before.seq} first, after the entry "
            f"{draft.after} that this was decided on; read it again and decide anew"
        )
        raise Conflict(message)
    message = (
        f"key {draft.key!r} was used before, for another {before.kind} of {before.subject} (entry {before.seq}); "
        "use a new key for a new fact"
    )
    raise Conflict(message)


def _faults(draft: Draft) -> list[Fault]:
    place = f"{draft.kind} of {draft.subject}"[:100]
    faults = []
    if draft.at.tzinfo is None:
        remedy = f"write {draft.at.isoformat()}Z for UTC"
        faults.append(Fault(where=place, what=f"{draft.at.isoformat()} has no time zone", remedy=remedy))
    for name, text in (("key", draft.key), ("actor", draft.actor), ("kind and subject", draft.kind + draft.subject)):
        if "\0" in text:
            faults.append(Fault(where=place, what=f"its {name} has a NUL character", remedy="leave it out"))
        if len(text) > LONGEST // 4 and len(text.encode()) > LONGEST:
            what = f"its {name} has {len(text.encode())} bytes, at most {LONGEST} are kept"
            faults.append(Fault(where=place, what=what, remedy="say it in the record's fields"))
    return faults
