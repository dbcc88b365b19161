"""What an object is needed for: the entries that hold it, counted from the ledger's index and from the objects that name others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from trimaran.core.ledger import Ledger, mentioned
from trimaran.core.nouns import Entry, Erasing, Release
from trimaran.core.ports import ObjectStore

LARGEST = 256 * 1024 * 1024
"""An object of more bytes than this is taken to be data, and is not searched for the names of others."""

_BOOKKEEPING = frozenset({"trashed", "restored", "hold", "unhold", "purged"})
_TEXT = 4096


class References:
    """Who needs an object, when some entries (of things that are to be purged) count no more.

    A version's verdicts, approvals and moves need an object only as long as the version does. What was replaced at an
    erasure is needed by whoever needs the object it stands for.
    """

    def __init__(self, ledger: Ledger, doomed: Collection[int]) -> None:
        self._ledger = ledger
        self._doomed = frozenset(doomed)

    def holders(self, digest: str) -> Iterator[Entry]:
        """Yield the entries that need an object."""
        for entry in self._ledger.store.mentions(digest):
            if entry.kind in _BOOKKEEPING:
                continue
            if entry.kind == "erasing":
                yield from self._stood_for(entry, digest)
            elif self._owner(entry) not in self._doomed:
                yield entry

    def needed(self, digest: str) -> bool:
        """Tell whether anything needs an object by an entry that names it."""
        return next(self.holders(digest), None) is not None

    def released(self, digest: str) -> bool:
        """Tell whether something that is to be purged needed an object, itself or by its verdicts."""
        return any(
            entry.kind not in _BOOKKEEPING and self._owner(entry) in self._doomed
            for entry in self._ledger.store.mentions(digest)
        )

    def _stood_for(self, entry: Entry, digest: str) -> Iterator[Entry]:
        record = self._ledger.read(entry, Erasing)
        if digest not in record.replaced.values():
            if digest not in record.replaced:
                yield entry
            return
        for old, new in record.replaced.items():
            if new == digest and old != new:
                yield from self.holders(old)

    def _owner(self, entry: Entry) -> int:
        """Return the entry of the version that an entry is about, of any other the entry itself."""
        if entry.kind in {"verdict", "approval"}:
            version = self._ledger.store.latest("version", entry.subject)
        elif entry.kind == "release":
            move = self._ledger.read(entry, Release)
            version = self._ledger.store.latest("version", f"{move.product}/v{move.number}")
        else:
            version = None
        return version.seq if version is not None else entry.seq


def names_in(data: bytes) -> set[str]:
    """Return the digests of the objects that an object names: any text of one that stands in it.

    Trees of folders, and the sheet a run keeps of its version, name others. Rather a chance likeness kept than a part lost.

    >>> names_in(b'{"native":"%s"}' % (b"ab" * 32)) == {"ab" * 32}
    True
    """
    return set() if b"\0" in data[:_TEXT] else mentioned(data)


def unneeded(
    references: References, objects: ObjectStore, digests: Collection[str], seen: Callable[[], None] = lambda: None
) -> list[str]:
    """Return, of all objects of a store, those that nothing needs: no entry, and no object that is needed itself.

    ``digests`` are all that the store has; ``seen`` is called for each.
    """
    waiting, rest = [], set()
    for digest in digests:
        if references.needed(digest):
            waiting.append(digest)
        else:
            rest.add(digest)
        seen()
    while waiting and rest:
        digest = waiting.pop()
        if objects.size(digest) <= LARGEST:
            fresh = names_in(objects.get(digest)) & rest
            rest -= fresh
            waiting += fresh
    return sorted(rest)
