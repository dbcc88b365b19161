"""Sends notices to people: what is due in the outbox, each once, with its outcome on record."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import count
from threading import Event
from typing import Literal

from trimaran.app.messengers import hindrance, messenger
from trimaran.app.settings import NoticesSettings, read_settings
from trimaran.app.workspace import CLOCK, Workspace
from trimaran.control.outbox import Letter, Outbox
from trimaran.core.errors import Conflict, InputError, Refused, TrimaranError
from trimaran.core.nouns import Dispatch
from trimaran.core.ports import Busy, Messenger
from trimaran.core.targets import Target, masked, parse_target

WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360, 720, 1440))
"""How long a notice rests after its first, second … failure; the last one holds for all that follow."""

LEASE = timedelta(minutes=10)
"""How long an attempt may take before another sender takes the notice for abandoned; a messenger waits for seconds."""

_LONGEST = 500
"""Characters of a reason that are kept."""

MessengerOf = Callable[[Target, NoticesSettings], Messenger]
Tell = Callable[[str], None]
Ending = Literal["sent", "failed", "given up"]
_NUMBERS = count(1)


class Sender:
    """Sends the notices of a workspace; any number of senders may share its ledger.

    Before it sends, a sender writes that it begins, by a key that names the attempt: of two, one gets a ``Conflict`` and goes
    on. A sender that is killed in between is followed by another after ``LEASE``; whether the receiver had taken the message
    nobody can know then, and it is sent again, under the same id. A target that failed is left alone for the rest of a round.
    Nothing is sent of a workspace on a replayed clock: what happens there happened to nobody.
    """

    def __init__(self, workspace: Workspace, tell: Tell, *, messenger_of: MessengerOf = messenger) -> None:
        self._workspace = workspace
        self._tell = tell
        self._messenger_of = messenger_of
        self._outbox = Outbox()
        self._early = True
        self._failing: dict[str, str] = {}
        self._owed: dict[int, Dispatch] = {}
        self._name = f"{socket.gethostname()}/{os.getpid()}/{next(_NUMBERS)}"

    @property
    def idle(self) -> bool:
        """Whether nothing is ever sent, since the workspace lives on a replayed clock."""
        return (self._workspace.root / CLOCK).exists()

    def round(self, stop: Event | None = None) -> int:
        """Send once what is due now, oldest first, and return how many were taken; the first round waits for no back-off."""
        if self.idle:
            return 0
        for seq, record in list(self._owed.items()):
            self._write(seq, record)
        settings = read_settings(self._workspace.root).notices
        sent, failed = 0, set[str]()
        early, self._early = self._early, False
        for letter in self._outbox.catch_up(self._workspace.ledger).due(self._workspace.clock.now(), early=early):
            if stop is not None and stop.is_set():
                break
            if letter.notice.to in failed:
                continue
            outcome = self._attempt(letter, settings)
            sent += outcome == "sent"
            if outcome == "failed":
                failed.add(letter.notice.to)
        return sent

    def keep(self, stop: Event, every: timedelta) -> None:
        """Do a round, and again after each pause, until ``stop`` is set."""
        while not stop.is_set():
            try:
                self.round(stop)
            except Exception as error:  # noqa: BLE001  the loop's own boundary: the next round may find the ledger again
                self._complain("", f"notices cannot be sent: {_words(error)}")
            stop.wait(every.total_seconds())

    def _attempt(self, letter: Letter, settings: NoticesSettings) -> Ending | None:
        """Try one letter and return how that ended; None where it was not tried."""
        try:
            target = parse_target(letter.notice.to)
        except InputError as error:
            words = f"its target is refused: {error.faults[0]}"
            return self._ended(letter, letter.attempts + 1, "given up", words)
        if hindrance(target, settings) is not None:
            return None
        attempt = self._begun(letter)
        if attempt is None:
            return None
        try:
            receipt = self._messenger_of(target, settings).send(letter.message)
        except Refused as error:
            return self._ended(letter, attempt, "given up", str(error))
        except Exception as error:  # noqa: BLE001  whatever a library fails with, the notice is not lost and others are sent
            return self._failed(letter, attempt, error)
        return self._ended(letter, attempt, "sent", receipt)

    def _begun(self, letter: Letter) -> int | None:
        """Write that an attempt begins and return its number; None where another sender was first."""
        attempt = letter.attempts + 1
        record = Dispatch(
            product=letter.notice.product,
            notice=letter.entry.ref,
            attempt=attempt,
            outcome="begun",
            until=self._workspace.clock.now() + LEASE,
            sender=self._name,
        )
        try:
            self._workspace.ledger.append(record, letter.notice.product, key=f"dispatch:{letter.entry.digest}:{attempt}")
        except Conflict:
            return None
        return attempt

    def _failed(self, letter: Letter, attempt: int, error: Exception) -> Ending:
        now = self._workspace.clock.now()
        rest = WAITS[min(attempt, len(WAITS)) - 1]
        if isinstance(error, Busy) and error.wait is not None:
            rest = max(rest, error.wait)
        if now + rest >= letter.ends:
            return self._ended(letter, attempt, "given up", _words(error))
        return self._ended(letter, attempt, "failed", _words(error), until=now + rest)

    def _ended(self, letter: Letter, attempt: int, outcome: Ending, reason: str, *, until: datetime | None = None) -> Ending:
        record = Dispatch(
            product=letter.notice.product,
            notice=letter.entry.ref,
            attempt=attempt,
            outcome=outcome,
            reason=reason[:_LONGEST],
            until=until,
        )
        # Owed until it is on record: a full disk must not let a message that was taken be sent again.
        self._owed[letter.entry.seq] = record
        self._write(letter.entry.seq, record)
        if outcome == "sent":
            self._failing.pop(letter.notice.to, None)
        else:
            then = "tried again later" if outcome == "failed" else "given up"
            self._complain(letter.notice.to, f"notice {letter.entry.seq} to {masked(letter.notice.to)}: {reason}; {then}")
        return outcome

    def _write(self, seq: int, record: Dispatch) -> None:
        """Write how an attempt ended, which is then owed no more."""
        self._workspace.ledger.append(record, record.product, key=f"dispatched:{record.notice.digest}:{record.attempt}")
        del self._owed[seq]

    def _complain(self, about: str, words: str) -> None:
        """Tell of a failure once, until something is sent there or it fails with something else."""
        known = words.partition(": ")[2]
        if self._failing.get(about) != known:
            self._failing[about] = known
            self._tell(words)


def _words(error: Exception) -> str:
    """Return an error without what may be a secret: our own say what they mean to, of others only their kind."""
    return str(error) if isinstance(error, TrimaranError) else f"{type(error).__name__}, which is not expected"


def duties(workspace: Workspace, targets: Sequence[str]) -> str:
    """Return, in a line, where notices are sent to, and what lacks for it."""
    settings = read_settings(workspace.root).notices
    lines = []
    for text in targets:
        try:
            lacking = hindrance(parse_target(text), settings)
        except InputError as error:
            lacking = str(error.faults[0])
        lines.append(f"{masked(text)} ({lacking})" if lacking else masked(text))
    return f"notices go to {', '.join(lines)}" if lines else "nobody is told, since watch() has no tell="
