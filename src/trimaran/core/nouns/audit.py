"""What is said of the whole ledger: a checkpoint, signed and kept elsewhere, that later ledgers are held to."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger at a moment: its first ``size`` entries have this Merkle ``root``, and the last of them this digest.

    It is no entry: it is signed as a text (``core/ledger/notes.py``) and kept where whoever writes the ledger cannot reach it.
    ``origin`` is the ledger's name, ``root`` and ``head`` are 64 hexadecimal digits.
    """

    origin: str
    size: int
    root: str
    head: str
    at: datetime
