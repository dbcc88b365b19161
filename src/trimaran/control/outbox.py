"""The outbox: which notices were sent, wait or have failed, as a fold over the ledger's entries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Dispatch, Entry, Notice, Record
from trimaran.core.ports import Message

LIFETIME = timedelta(days=3)
"""How long a notice is news; one that could not be sent within this time has failed."""

IMPORTED = "import:"
"""How the key of an entry begins that came with a bundle: its notices are the affair of where they were written."""

KINDS: tuple[type[Record], ...] = (Notice, Dispatch)
State = Literal["waiting", "sending", "sent", "failed", "unsent"]


@dataclass
class Letter:
    """A notice and what became of it: the newest attempt, and that which was taken."""

    entry: Entry
    notice: Notice
    newest: tuple[Entry, Dispatch] | None = None
    taken: tuple[Entry, Dispatch] | None = None

    @property
    def attempts(self) -> int:
        """How often it was tried, an attempt under way included."""
        return self.newest[1].attempt if self.newest is not None else 0

    @property
    def ends(self) -> datetime:
        """When it is no news any more."""
        return self.entry.at + LIFETIME

    @property
    def message(self) -> Message:
        """What is sent of it."""
        about = str(self.notice.about) if self.notice.about is not None else None
        return Message(
            id=self.entry.digest,
            seq=self.entry.seq,
            at=self.entry.at,
            product=self.notice.product,
            subject=self.notice.subject,
            text=self.notice.text,
            about=about,
        )

    def state(self, now: datetime) -> State:
        """Return how it stands at a moment."""
        if self.taken is not None:
            return "sent"
        if self.entry.key.startswith(IMPORTED):
            return "unsent"
        newest = self.newest[1] if self.newest is not None else None
        if newest is not None and newest.outcome == "begun" and newest.until is not None and now < newest.until:
            return "sending"
        if (newest is not None and newest.outcome == "given up") or now >= self.ends:
            return "failed"
        return "waiting"

    def due(self, now: datetime, *, early: bool = False) -> bool:
        """Tell whether it is to be tried now; ``early`` does not wait for the time after a failure."""
        if self.state(now) != "waiting":
            return False
        newest = self.newest[1] if self.newest is not None else None
        rests = newest is not None and newest.outcome == "failed" and newest.until is not None and now < newest.until
        return early or not rests


class Outbox:
    """The notices of a ledger, all products, up to the last entry applied; ``seq`` of a notice's entry names it."""

    def __init__(self) -> None:
        self.letters: dict[int, Letter] = {}
        self._seq = 0

    def catch_up(self, ledger: Ledger) -> Outbox:
        """Apply the entries that came since; returns itself."""
        for entry, record in ledger.history(KINDS, after=self._seq):
            self._seq = entry.seq
            if isinstance(record, Notice):
                self.letters[entry.seq] = Letter(entry, record)
            elif isinstance(record, Dispatch) and (letter := self.letters.get(record.notice.seq)) is not None:
                _note(letter, entry, record)
        return self

    def of(self, product: str) -> list[Letter]:
        """Return the letters of a product, oldest first."""
        return [letter for letter in self.letters.values() if letter.notice.product == product]

    def due(self, now: datetime, *, early: bool = False) -> Iterator[Letter]:
        """Yield what is to be sent now, oldest first."""
        return (letter for letter in list(self.letters.values()) if letter.due(now, early=early))


def _note(letter: Letter, entry: Entry, record: Dispatch) -> None:
    if record.outcome == "sent":
        letter.taken = letter.taken or (entry, record)
    # Who was thought dead may end an attempt after another one began.
    if record.attempt >= letter.attempts:
        letter.newest = (entry, record)
