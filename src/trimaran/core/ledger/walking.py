"""A walk along the chain: every entry is looked at, every fault is told, and the Merkle roots on the way are kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from trimaran.core.errors import Corrupt, Fault, NotFound
from trimaran.core.ledger.merkle import Range, leaf
from trimaran.core.nouns import GENESIS, Entry
from trimaran.core.ports import LedgerStore

MANY = 100
"""How many faults are told one by one; of the others only the number."""

_RESTORE = "restore the ledger from a copy, and find out who could write to it"
_REACH = 1000


class Walk:
    """The chain as far as it was walked; a later ``go`` goes on from there.

    ``roots`` holds the Merkle root of the first entries at each size in ``marks`` and where a ``go`` ended.

    >>> from trimaran.testing import MemoryLedger
    >>> walk = Walk()
    >>> walk.go(MemoryLedger())
    >>> walk.count, walk.faults
    (0, [])
    """

    def __init__(self) -> None:
        self.count = 0
        self.head = GENESIS
        self.faults: list[Fault] = []
        self.roots: dict[int, str] = {}
        self._unsaid = 0
        self._tree = Range()

    def go(self, store: LedgerStore, marks: Collection[int] = ()) -> None:
        """Walk to the end of the chain as it is now; memory does not grow with it."""
        wanted = frozenset(marks)
        if 0 in wanted:
            self.roots.setdefault(0, Range().root().hex())
        tree, head, follows = self._tree, self.head, True
        for entry in self._entries(store):
            if entry.seq != self.count + 1:
                self._missing(self.count + 1, entry.seq)
                follows = False
            self.count = entry.seq
            try:
                entry.verify(head if follows else entry.previous)
            except Corrupt as error:
                self._fault(f"entry {entry.seq}", str(error))
            follows = True
            head = entry.digest
            tree.append(leaf(_bytes_of(head)))
            if self.count in wanted:
                self.roots[self.count] = tree.root().hex()
        self.head = head
        self.roots[self.count] = tree.root().hex()
        if self._unsaid:
            self.faults.append(Fault(what=f"{self._unsaid:,} more faults", where="ledger", remedy=_RESTORE))
            self._unsaid = 0

    def _entries(self, store: LedgerStore) -> Iterator[Entry]:
        """Yield what can be read; what cannot is a fault, and the next entries are read one by one to get past it.

        That ends after so many that are not there or cannot be read: where the last page of a file is damaged, there is no
        number about which it could be told that no entry has it.
        """
        seq = read = self.count
        while True:
            try:
                for entry in store.scan(after=seq):
                    seq = read = max(seq, entry.seq)
                    yield entry
            except Corrupt as error:
                whole = str(error)
            else:
                return
            while seq < read + _REACH:
                seq += 1
                try:
                    entry = store.get(seq)
                except NotFound:
                    continue
                except Corrupt as error:
                    self._fault(f"entry {seq}", str(error))
                    break
                read = seq
                yield entry
            else:
                self._fault("ledger", whole)
                return

    def _missing(self, first: int, found: int) -> None:
        last = found - 1
        entries = f"entry {first} is missing" if first == last else f"entries {first} to {last} are missing"
        self._fault(f"entry {found}", f"{entries}: entry {found} follows entry {first - 1}")

    def _fault(self, where: str, what: str) -> None:
        if len(self.faults) < MANY:
            self.faults.append(Fault(what=what, where=where, remedy=_RESTORE))
        else:
            self._unsaid += 1


def _bytes_of(digest: str) -> bytes:
    try:
        return bytes.fromhex(digest)
    except ValueError:
        return digest.encode()  # the seal has told of it already, and no root with this leaf is anybody's
