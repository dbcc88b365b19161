"""The port of messages: what brings a notice to a person."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from trimaran.core.errors import Unavailable


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A notice on its way: ``id`` is the digest of its ledger entry, the same each time that it is sent."""

    id: str
    seq: int
    at: datetime
    product: str
    subject: str
    text: str
    about: str | None = None


class Busy(Unavailable):
    """A receiver that says how long it is not to be asked again."""

    def __init__(self, words: str, wait: timedelta | None = None) -> None:
        super().__init__(words)
        self.wait = wait


class Messenger(Protocol):
    """Brings messages to one target.

    Law: ``send`` tries once. It returns the receiver's receipt, in words, as soon as the receiver has taken the message over,
    and nothing that fails after that makes it raise. It raises ``Unavailable`` where the message was not taken and may be
    later (``Busy`` where the receiver says when), and ``Refused`` where the receiver will never take it. The same message sent
    again bears the same id, in a place where receivers of the kind look for it, so that a repetition can be told. What is in
    a message becomes its content and nothing else: no header, no recipient. No receipt or error holds a secret of the
    target. A receiver that says nothing is waited for half a minute at most. Any number of threads may send at once.
    """

    def send(self, message: Message) -> str: ...
