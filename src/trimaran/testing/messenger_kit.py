"""The laws of ``Messenger``; each takes a receiving end that is open and has received nothing."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal, Protocol

import msgspec

from trimaran.core.canon import digest
from trimaran.core.errors import Refused, Unavailable
from trimaran.core.ports import Message, Messenger
from trimaran.testing.laws import BrokenLaw, holds

Answer = Literal["take", "later", "never"]


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """What arrived: the id where receivers look for it, the subject, the text, and to whom."""

    id: str
    subject: str
    text: str
    to: str


class Receiver(Protocol):
    """The other end of a messenger: ``to`` is its one address, ``secrets`` is what reaching it takes.

    ``tells`` says whether its kind lets a messenger tell "never" from "later".
    """

    messenger: Messenger
    to: str
    secrets: Sequence[str]
    tells: bool

    def received(self) -> list[Received]:
        """Return what arrived, in order."""
        ...

    def answer(self, how: Answer) -> None:
        """Answer everything from now on like this."""
        ...

    def leave(self) -> None:
        """Listen no more."""
        ...


def message(text: str = "PSI is 1.9", subject: str = "wind drifted", seq: int = 7) -> Message:
    """Return a message with an id of its own for each number."""
    at = datetime(2013, 7, 1, 12, tzinfo=UTC)
    return Message(id=digest(f"{seq}".encode()), seq=seq, at=at, product="flight-delay", subject=subject, text=text)


def a_message_that_is_taken_arrives_once_and_whole(receiver: Receiver) -> None:
    """Return a receipt; id, subject and text are there, of any language."""
    sent = message("Der Wind in Ürümqi stieg um 40 %: 風\nand a second line", "wind drifted · Ürümqi")
    receipt = receiver.messenger.send(sent)
    (found,) = receiver.received()
    holds(receipt, "a receipt says something")
    holds(found.subject == sent.subject and sent.text in found.text, "subject and text arrive as they were")
    holds(found.to == receiver.to, "it arrives where the target says")


def a_repetition_bears_the_same_id_and_another_message_another(receiver: Receiver) -> None:
    """Let a receiver tell what it has already."""
    for seq in (7, 7, 8):
        receiver.messenger.send(message(seq=seq))
    first, again, other = (found.id for found in receiver.received())
    holds(first == again and first, "the id is the message's")
    holds(first != other, "another message has another id")


def what_is_in_a_message_is_its_content_alone(receiver: Receiver) -> None:
    """Add no header, no recipient, no second message, whatever the text says."""
    hostile = "a\r\nTo: eve@example.com\r\nBcc: eve@example.com\r\n\r\n.\r\nRCPT TO:<eve@example.com>\r\n{{ value }} {host}"
    receiver.messenger.send(message(hostile, hostile))
    (found,) = receiver.received()
    holds(found.to == receiver.to, "nobody else receives it")
    holds(" ".join(found.subject.split()) == " ".join(hostile.split()), "a subject is one line, with all its words")
    holds("RCPT TO:<eve@example.com>" in found.text and "{{ value }} {host}" in found.text, "the text is all there")


def a_receiver_that_says_later_may_be_asked_again(receiver: Receiver) -> None:
    """Raise ``Unavailable``, and succeed once it takes the message."""
    receiver.answer("later")
    _tells_no_secret(receiver, Unavailable)
    receiver.answer("take")
    receiver.messenger.send(message())
    holds(len(receiver.received()) == 1, "what was not taken has not arrived")


def a_receiver_that_says_never_is_believed(receiver: Receiver) -> None:
    """Raise ``Refused`` where the receiver's kind can say so at all."""
    receiver.answer("never")
    _tells_no_secret(receiver, Refused if receiver.tells else Unavailable)


def nobody_there_is_unavailable(receiver: Receiver) -> None:
    """Raise ``Unavailable`` in time, and name no secret."""
    receiver.leave()
    _tells_no_secret(receiver, Unavailable)


def _tells_no_secret(receiver: Receiver, expected: type[Exception]) -> None:
    try:
        receiver.messenger.send(message())
    except expected as error:
        # A traceback shows the cause as well.
        told = "".join(traceback.format_exception(error))
        holds(not any(secret in told for secret in receiver.secrets), "an error names no secret")
        holds(len(str(error)) > len("no"), "an error says what happened")
        return
    raise BrokenLaw(f"{expected.__name__} is raised")


LAWS: tuple[Callable[[Receiver], None], ...] = (
    a_message_that_is_taken_arrives_once_and_whole,
    a_repetition_bears_the_same_id_and_another_message_another,
    what_is_in_a_message_is_its_content_alone,
    a_receiver_that_says_later_may_be_asked_again,
    a_receiver_that_says_never_is_believed,
    nobody_there_is_unavailable,
)
