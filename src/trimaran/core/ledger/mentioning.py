"""Which digests an entry's body holds: the objects it names, and the entries its Refs name."""

from __future__ import annotations

import re

_DIGEST = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


def mentioned(body: bytes) -> set[str]:
    """Return the digests that stand in a record's canonical JSON, of objects and of entries alike.

    >>> mentioned(b'{"native":"%s","rows":3}' % (b"ab" * 32)) == {"ab" * 32}
    True
    """
    return {found.decode() for found in _DIGEST.findall(body)}
