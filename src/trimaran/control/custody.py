"""What was put away: the trash, what was purged, and holds. Its own file, since every list asks, and needs nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Entry, Hold, Purged, Record, Restored, Trashed, Unhold

KINDS: tuple[type[Record], ...] = (Trashed, Restored, Hold, Unhold, Purged)


@dataclass
class Custody:
    """What is in the trash, purged or held: a fold over the ledger; things are known by the number of their entry."""

    seq: int = 0
    trashed: dict[int, tuple[Entry, Trashed]] = field(default_factory=dict)
    purged: dict[int, Entry] = field(default_factory=dict)
    holds: dict[str, list[tuple[Entry, Hold]]] = field(default_factory=dict)

    @classmethod
    def read(cls, ledger: Ledger) -> Custody:
        """Return the custody as the ledger has it now."""
        return cls().catch_up(ledger)

    def catch_up(self, ledger: Ledger) -> Custody:
        """Apply the entries that came since; returns itself."""
        for entry, record in ledger.history(KINDS, after=self.seq):
            self.seq = entry.seq
            self._apply(entry, record)
        return self

    @property
    def hidden(self) -> frozenset[int]:
        """The entries of everything that lists and choices leave out."""
        return frozenset({*self.trashed, *self.purged})

    def held(self, subject: str) -> list[str]:
        """Return the holds in words that keep a subject: on itself, or on what it belongs to."""
        return [
            f"a hold on {name} (entry {entry.seq}, {entry.actor}: {hold.reason})"
            for name, holds in self.holds.items()
            if subject == name or subject.startswith((f"{name}/", f"{name}["))
            for entry, hold in holds
        ]

    def holds_within(self, subject: str) -> list[str]:
        """Return the holds in words on a subject, on what it belongs to, and on anything that belongs to it."""
        inner = [name for name in self.holds if name.startswith((f"{subject}/", f"{subject}["))]
        return [*self.held(subject), *(words for name in inner for words in self.held(name))]

    def _apply(self, entry: Entry, record: Record) -> None:
        match record:
            case Trashed():
                self.trashed |= {ref.seq: (entry, record) for ref in record.what}
            case Restored():
                for ref in record.what:
                    self.trashed.pop(ref.seq, None)
            case Purged():
                # What was restored while the purge was planned is not purged.
                self.purged |= {ref.seq: entry for ref in record.what if self.trashed.pop(ref.seq, None) is not None}
            case Hold():
                self.holds.setdefault(entry.subject, []).append((entry, record))
            case _:
                self.holds.pop(entry.subject, None)
