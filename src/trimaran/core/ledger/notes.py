"""Checkpoints as signed notes, and the keys that sign them: the texts of C2SP's tlog-checkpoint and signed-note.

A note is lines for people and programs, an empty line, and a line a signature: a name, and base64 of the first four bytes
of the key's digest with the Ed25519 signature of all lines before the empty one. Anybody can check one with any library.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from trimaran.core.clock import parse_moment
from trimaran.core.errors import Corrupt, Fault, InputError
from trimaran.core.nouns import Checkpoint

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_ED25519 = b"\x01"
_SEED = 32
_SIGNED = "\u2014 "
_TEXT = re.compile(
    r"(?P<origin>[^\n]+)\n(?P<size>0|[1-9][0-9]{0,15})\n(?P<root>[A-Za-z0-9+/]{43}=)\n"
    r"head (?P<head>[0-9a-f]{64})\ntime (?P<time>[0-9T:.-]+Z)\n"
)


class VerifierKey(msgspec.Struct, frozen=True):
    """The public half of a key: its name, which is the ledger's, and 32 bytes."""

    name: str
    public: bytes

    def __str__(self) -> str:
        return f"{self.name}+{self.number.hex()}+{_base64(_ED25519 + self.public)}"

    @property
    def number(self) -> bytes:
        """The four bytes that a signature says it was made by."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Return the key that a line names; raises ``InputError`` for anything else."""
        name, _, rest = text.strip().partition("+")
        number, _, coded = rest.partition("+")
        algorithm, public = _split(coded)
        key = cls(name, public)
        if not name or algorithm != _ED25519 or len(public) != _SEED or number != key.number.hex():
            remedy = "give the line that `trimaran audit key` printed"
            raise InputError("key", [Fault(what=f"{text.strip()[:200]!r} is no verifier key", remedy=remedy)])
        return key


class SigningKey:
    """The private half: it signs notes, and its text is never to be shown.

    >>> key = SigningKey.generate()
    >>> SigningKey.parse(key.secret()).verifier == key.verifier == VerifierKey.parse(str(key.verifier))
    True
    """

    def __init__(self, name: str, seed: bytes) -> None:
        self._seed = seed
        self.verifier = VerifierKey(name, _private(seed).public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return f"SigningKey({self.verifier.name!r})"

    @classmethod
    def generate(cls) -> SigningKey:
        """Return a new key; the name it gives its ledger is taken from its public half, so that no two have one."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415  see _private

        key = Ed25519PrivateKey.generate()
        name = f"trimaran/ledger/{hashlib.sha256(key.public_key().public_bytes_raw()).hexdigest()[:12]}"
        return cls(name, key.private_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> SigningKey:
        """Return the key of a secret text; raises ``Corrupt``, which says nothing of the text, for anything else."""
        name, _, coded = text.strip().removeprefix("PRIVATE+KEY+").partition("+")
        algorithm, seed = _split(coded.partition("+")[2])
        if algorithm == _ED25519 and len(seed) == _SEED:
            key = cls(name, seed)
            if key.secret() == text:
                return key
        message = "the signing key is not one any more; restore it from a copy, or move the folders keys and checkpoints away to begin anew"
        raise Corrupt(message)

    def secret(self) -> str:
        """Return the text to be kept, one line; whoever has it can sign in the ledger's name."""
        verifier = self.verifier
        return f"PRIVATE+KEY+{verifier.name}+{verifier.number.hex()}+{_base64(_ED25519 + self._seed)}\n"

    def sign(self, checkpoint: Checkpoint) -> str:
        """Return the signed note of a checkpoint."""
        return self.sign_text(_text(checkpoint))

    def sign_text(self, text: str) -> str:
        """Return the signed note of any lines; their first must say what they are, so that none can be taken for another."""
        signature = self.verifier.number + _private(self._seed).sign(text.encode())
        return f"{text}\n{_SIGNED}{self.verifier.name} {_base64(signature)}\n"


def read_note(note: str, keys: Sequence[VerifierKey]) -> Checkpoint:
    """Return the checkpoint that a note holds, once one of the keys was found to have signed it.

    Lines signed by keys that are not given are passed over. Raises ``Corrupt`` when the note is none, when a signature of
    a given key does not verify, and when no given key has signed.
    """
    text, gap, signatures = note.partition("\n\n")
    checkpoint = _parse(text + "\n")
    if not gap or not signatures.endswith("\n") or checkpoint is None:
        raise Corrupt("this is no checkpoint as trimaran writes it: it was changed or cut short")
    read_text(note, [key for key in keys if key.name == checkpoint.origin], what=f"the checkpoint of {checkpoint.origin}")
    return checkpoint


def read_text(note: str, keys: Sequence[VerifierKey], *, what: str) -> str:
    """Return the lines that a note holds, once one of the keys was found to have signed them; raises as ``read_note``."""
    text, _, signatures = note.partition("\n\n")
    signed = [line for line in signatures.split("\n")[:-1] if _is_signed(line, f"{text}\n".encode(), keys)]
    if not signed:
        known = ", ".join(str(key) for key in keys) or "none"
        message = f"{what} is not signed by a key that was given (given: {known})"
        raise Corrupt(message)
    return text + "\n"


def _is_signed(line: str, text: bytes, keys: Sequence[VerifierKey]) -> bool:
    """Tell whether a line is a good signature of one of the keys; a bad one of theirs is ``Corrupt``."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  see _private
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415  see _private

    name, _, coded = line.removeprefix(_SIGNED).partition(" ")
    signature = _decoded(coded)
    found = [key for key in keys if (key.name, key.number) == (name, signature[:4])]
    if not found or not line.startswith(_SIGNED):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(found[0].public).verify(signature[4:], text)
    except InvalidSignature as error:
        message = f"the signature of {name} is not of this text: the text was changed after it was signed"
        raise Corrupt(message) from error
    return True


def _private(seed: bytes) -> Ed25519PrivateKey:
    # Imported here: only who signs or checks a signature waits for it, not every command that reads the ledger.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    return Ed25519PrivateKey.from_private_bytes(seed)


def _text(checkpoint: Checkpoint) -> str:
    moment = checkpoint.at.isoformat().removesuffix("+00:00")
    root = _base64(bytes.fromhex(checkpoint.root))
    return f"{checkpoint.origin}\n{checkpoint.size}\n{root}\nhead {checkpoint.head}\ntime {moment}Z\n"


def _parse(text: str) -> Checkpoint | None:
    """Return the checkpoint that was written as this very text, if one was."""
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    try:
        at = parse_moment(found["time"])
    except InputError:
        return None
    root = _decoded(found["root"]).hex()
    checkpoint = Checkpoint(origin=found["origin"], size=int(found["size"]), root=root, head=found["head"], at=at)
    return checkpoint if _text(checkpoint) == text else None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(coded: str) -> bytes:
    """Return the bytes that are written as this very text in base64; none when it is not base64 at its strictest."""
    try:
        data = base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return data if _base64(data) == coded else b""


def _split(coded: str) -> tuple[bytes, bytes]:
    data = _decoded(coded)
    return data[:1], data[1:]
