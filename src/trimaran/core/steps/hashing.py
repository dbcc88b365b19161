"""How fingerprints of code and constants are made: short digests of texts, one after the other."""

from __future__ import annotations

import hashlib


def hashed(*parts: str | bytes) -> str:
    """Return the digest of some texts in order, 32 hexadecimal characters; where one ends and the next begins counts.

    >>> hashed("ab", "c") == hashed("a", "bc")
    False
    """
    made = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        made.update(len(data).to_bytes(8, "little"))
        made.update(data)
    return made.hexdigest()
