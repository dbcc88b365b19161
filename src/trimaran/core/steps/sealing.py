"""Seals under pickles: a workspace reads only those that it made itself."""

from __future__ import annotations

import hmac

import msgspec

from trimaran.core.errors import Refused
from trimaran.core.nouns import Value
from trimaran.core.steps.values import PICKLE


class Seals:
    """Vouches for pickles with a secret that never leaves the workspace.

    >>> value = Seals(b"here").seal(Value(form="pickle", digest="ab", size=2))
    >>> Seals(b"elsewhere").check(value)
    Traceback (most recent call last):
    trimaran.core.errors.Refused: a pickle () was not made by this workspace, and is not read: run the step again
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def seal(self, value: Value) -> Value:
        """Return a value with a seal under every pickle in it."""
        leaves = tuple(map(self.seal, value.leaves))
        seal = self._of(value) if value.form == PICKLE else ""
        return msgspec.structs.replace(value, leaves=leaves, seal=seal) if leaves or seal else value

    def check(self, value: Value) -> None:
        """Raise ``Refused`` for a value with a pickle in it that this workspace did not make."""
        if value.form == PICKLE and not hmac.compare_digest(value.seal, self._of(value)):
            raise Refused(f"a pickle ({value.note}) was not made by this workspace, and is not read: run the step again")
        for leaf in value.leaves:
            self.check(leaf)

    def _of(self, value: Value) -> str:
        return hmac.digest(self._secret, value.digest.encode(), "sha256").hex()
