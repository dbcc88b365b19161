"""Records as stored bytes and back: canonical JSON with the number of its form, old forms lifted as they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from trimaran.core import nouns
from trimaran.core.canon import canonical
from trimaran.core.errors import Corrupt
from trimaran.core.nouns import Record, UnknownKind

Lift = Callable[[dict[str, Any]], dict[str, Any]]
"""Turns the fields of one form of a record into those of the next."""

KINDS: tuple[type[Record], ...] = tuple(
    noun
    for noun in (getattr(nouns, name) for name in nouns.__all__)
    if isinstance(noun, type) and issubclass(noun, Record) and noun is not Record
)
"""Every kind of record in the glossary."""

LIFTS: Mapping[tuple[str, int], Lift] = {
    ("balance", 1): dict,  # the second form can name what was counted; a first did not
    ("declared", 1): dict,  # the second form can name the columns its tables had
    ("ingest", 1): dict,  # the second form can name the profile of the rows it kept
    ("version", 1): dict,  # the second form can say its signature, an example, and where it came from
    ("run", 1): lambda fields: {**fields, "shuffled": "(labels shuffled with seed" in fields["cause"]},
}
"""The lift from each (kind, old form) to the next form; a kind without one is in its first."""


def kind_of(record: Record | type[Record]) -> str:
    """Return the kind of a record, its tag.

    >>> kind_of(nouns.Release)
    'release'
    """
    config = record.__struct_config__
    return str(config.tag)


class Codec:
    """Writes and reads the records of some kinds.

    >>> codec = Codec()
    >>> notice = nouns.Notice(product="p", to="me", subject="s", text="t")
    >>> codec.encode(notice)
    b'{"about":null,"form":1,"kind":"notice","product":"p","subject":"s","text":"t","to":"me"}'
    >>> codec.decode("notice", codec.encode(notice)) == notice
    True
    """

    def __init__(self, kinds: Sequence[type[Record]] = KINDS, lifts: Mapping[tuple[str, int], Lift] = LIFTS) -> None:
        self._kinds = {kind_of(kind): kind for kind in kinds}
        self._lifts = lifts

    def encode(self, record: Record) -> bytes:
        """Return the canonical JSON of a record with its form; raises ``UnknownKind`` for a kind it could not read back."""
        self._known(kind_of(record))
        return canonical({**msgspec.to_builtins(record, str_keys=True), "form": type(record).form})

    def decode(self, kind: str, body: bytes) -> Record:
        """Return the record in a body, lifted to today's form.

        Raises ``UnknownKind`` for a kind or a form of a later trimaran, ``Corrupt`` for a body that is not of its kind.
        """
        wanted = self._known(kind)
        try:
            fields = msgspec.json.decode(body, type=dict[str, Any])
            form = fields.pop("form")
            while form < wanted.form:
                fields = self._lift(kind, form)(fields)
                form += 1
            if form > wanted.form:
                message = (
                    f"{kind} is stored in form {form}, this trimaran reads forms up to {wanted.form}; install a newer one"
                )
                raise UnknownKind(message)
            return msgspec.convert(fields, wanted, str_keys=True)
        except (msgspec.MsgspecError, KeyError, TypeError) as error:
            message = f"a stored {kind} cannot be read as one: {error}"
            raise Corrupt(message) from error

    def _known(self, kind: str) -> type[Record]:
        if kind not in self._kinds:
            message = f"no record of kind {kind!r} is known; known are {', '.join(sorted(self._kinds))}; a newer trimaran may know it"
            raise UnknownKind(message)
        return self._kinds[kind]

    def _lift(self, kind: str, form: int) -> Lift:
        if (kind, form) not in self._lifts:
            message = f"{kind} is stored in form {form}, and nothing lifts it to form {form + 1}; register a lift for it"
            raise UnknownKind(message)
        return self._lifts[kind, form]
