"""What a batch of drafts becomes at the end of the chain: the law of append, the same for every store."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from trimaran.core.clock import aware
from trimaran.core.errors import Conflict
from trimaran.core.nouns import GENESIS, Draft, Entry


class Tip:
    """The end of a chain while batches are linked to it; a store keeps ``fresh`` when it commits.

    ``first`` returns the entry a key was first used for and ``newest`` the seq of the newest entry of a kind and subject
    (0: none), both as the store has them; what this tip has linked since comes before what the store says.

    >>> from datetime import UTC, datetime
    >>> draft = Draft(at=datetime(2013, 1, 1, tzinfo=UTC), actor="me", kind="turn", subject="p", body=b"{}", key="k")
    >>> tip = Tip(0, GENESIS, first=lambda key: None, newest=lambda kind, subject: 0)
    >>> [entry.seq for entry in tip.link([draft, draft])]
    [1, 1]
    """

    def __init__(
        self,
        seq: int,
        digest: str,
        *,
        first: Callable[[str], Entry | None],
        newest: Callable[[str, str], int],
    ) -> None:
        self.fresh: list[Entry] = []
        self._seq, self._digest = seq, digest if seq else GENESIS
        self._first, self._newest = first, newest
        self._keys: dict[str, Entry] = {}
        self._newest_here: dict[tuple[str, str], int] = {}

    def link(self, drafts: Sequence[Draft]) -> list[Entry]:
        """Return the entry of each draft; raises ``Conflict``, and then none of the batch is linked."""
        length, seq, digest = len(self.fresh), self._seq, self._digest
        try:
            return [self._link_one(draft) for draft in drafts]
        except Exception:
            for entry in self.fresh[length:]:
                del self._keys[entry.key]
            del self.fresh[length:]
            self._seq, self._digest = seq, digest
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
        draft = msgspec.structs.replace(draft, at=aware(draft.at))  # the seal covers the text, so one zone only
        entry = Entry.link(draft, seq=self._seq + 1, previous=self._digest)
        self._seq, self._digest = entry.seq, entry.digest
        self._keys[entry.key] = entry
        self._newest_here[place] = entry.seq
        self.fresh.append(entry)
        return entry


def _same(before: Entry, draft: Draft) -> Entry:
    if (before.kind, before.subject, before.body) == (draft.kind, draft.subject, draft.body):
        return before
    message = (
        f"key {draft.key!r} was used before, for another {before.kind} of {before.subject} (entry {before.seq}); "
        "use a new key for a new fact"
    )
    raise Conflict(message)
