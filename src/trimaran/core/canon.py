"""One way to write a value down, and one name for the bytes: canonical JSON and SHA-256."""

from __future__ import annotations

import hashlib
import math
from datetime import timedelta
from typing import Any

import msgspec

from trimaran.core.errors import Fault, InputError

_encoder = msgspec.json.Encoder(order="deterministic", decimal_format="string")


def canonical(value: Any) -> bytes:
    """Return the canonical JSON of a value: sorted keys, no spaces, UTF-8, shortest round-trip floats.

    NaN and infinities have no JSON form and are refused, so that a digest never hides one.

    >>> canonical({"b": 1, "a": [True, None]})
    b'{"a":[true,null],"b":1}'
    """
    _refuse_non_finite(msgspec.to_builtins(value, builtin_types=(timedelta,)), "value")
    return _encoder.encode(value)


def digest(data: bytes) -> str:
    """Return the SHA-256 of some bytes as 64 hexadecimal characters."""
    return hashlib.sha256(data).hexdigest()


def digest_of(value: Any) -> str:
    """Return the digest of a value's canonical JSON; equal values have equal digests."""
    return digest(canonical(value))


def _refuse_non_finite(value: Any, path: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError("record", [Fault(what=f"{path} is {value}", remedy="use None where there is no number")])
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_non_finite(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _refuse_non_finite(item, f"{path}[{index}]")
