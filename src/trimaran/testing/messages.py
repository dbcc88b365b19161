"""A messenger that keeps what it takes in memory."""

from __future__ import annotations

from trimaran.core.ports import Message


class MemoryMessenger:
    """A ``Messenger`` to nobody: what it took is in ``taken``; it raises the ``errors`` it is given first, one a call.

    >>> from datetime import UTC, datetime
    >>> messenger = MemoryMessenger()
    >>> sent = Message(id="ab", seq=1, at=datetime(2013, 7, 1, tzinfo=UTC), product="p", subject="s", text="t")
    >>> messenger.send(sent), [message.subject for message in messenger.taken]
    ('kept in memory', ['s'])
    """

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self.errors: list[Exception] = []

    def send(self, message: Message) -> str:
        """Take a message, or raise the next error."""
        if self.errors:
            raise self.errors.pop(0)
        self.taken.append(message)
        return "kept in memory"
