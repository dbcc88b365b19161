"""What every record is: frozen, checked at birth, and named by a Ref once it stands in the ledger."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec

from trimaran.core.canon import digest, plain
from trimaran.core.errors import Corrupt, Fault, InputError, TrimaranError

GENESIS = "0" * 64


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True):
    """A fact worth keeping: the same class is the Python value, the HTTP body and the stored record.

    A concrete record sets ``tag``, its kind; ``form`` is the number of its stored form, raised when its fields change.
    """

    form: ClassVar[int] = 1


class Ref(msgspec.Struct, frozen=True, order=True):
    """The name of one ledger entry: its kind, subject, sequence number and digest. Hulls pass nothing else on.

    >>> Ref.parse(str(Ref("verdict", "flight-delay/v3", 41, "ab" * 32))).seq
    41
    """

    kind: str
    subject: str
    seq: int
    digest: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.subject}@{self.seq}.{self.digest}"

    @classmethod
    def parse(cls, text: str) -> Ref:
        """Return the Ref that its text form names; raises ``InputError`` for anything else."""
        try:
            kind, rest = text.split(":", 1)
            subject, tail = rest.rsplit("@", 1)
            seq, hexadecimal = tail.split(".", 1)
            return cls(kind, subject, int(seq), hexadecimal)
        except ValueError as error:
            raise InputError(
                "ref", [Fault(what=f"{text!r} is not a ref", remedy="write kind:subject@seq.digest")]
            ) from error


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An entry about to be written.

    ``key`` is the idempotency key: writing the same key with the same body again returns the entry of the first time;
    with another body it is a ``Conflict``. ``after`` is compare-and-set: the seq of the newest entry of the same kind and
    subject that the writer has seen (0: none), or None to write regardless. ``onto`` is the digest of the ledger's newest
    entry, of whatever kind, that this one must follow: for whoever names entries of a batch inside the same batch.
    """

    at: datetime
    actor: str
    kind: str
    subject: str
    body: bytes
    key: str
    after: int | None = None
    onto: str | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One link of the hash chain; ``digest`` covers every other field, ``previous`` is the digest of entry ``seq - 1``."""

    seq: int
    at: datetime
    actor: str
    kind: str
    subject: str
    body: bytes
    key: str
    previous: str
    digest: str

    @property
    def ref(self) -> Ref:
        """The name of this entry."""
        return Ref(self.kind, self.subject, self.seq, self.digest)

    @classmethod
    def link(cls, draft: Draft, *, seq: int, previous: str) -> Entry:
        """Return the entry that a draft becomes as link ``seq`` after the entry with digest ``previous``."""
        return cls(
            seq=seq,
            at=draft.at,
            actor=draft.actor,
            kind=draft.kind,
            subject=draft.subject,
            body=draft.body,
            key=draft.key,
            previous=previous,
            digest=_seal(draft, seq, previous),
        )

    def verify(self, previous: str) -> None:
        """Raise ``Corrupt`` unless the entry is what was sealed and follows the entry with digest ``previous``."""
        if self.previous != previous:
            message = f"entry {self.seq} does not follow the entry before it: an entry was removed, changed or moved"
            raise Corrupt(message)
        if _seal(self, self.seq, previous) != self.digest:
            message = f"entry {self.seq} ({self.kind} of {self.subject}) was changed after it was written"
            raise Corrupt(message)


def _seal(said: Draft | Entry, seq: int, previous: str) -> str:
    return digest(plain((seq, said.at, said.actor, said.kind, said.subject, digest(said.body), said.key, previous)))


class UnknownKind(TrimaranError):
    """A stored record of a kind this version of trimaran does not know."""
