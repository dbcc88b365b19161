"""One way to write a value down, and one name for the bytes: canonical JSON and SHA-256."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import timedelta
from typing import Any

import msgspec

from trimaran.core.errors import Fault, InputError

_encoder = msgspec.json.Encoder(order="deterministic", decimal_format="string")
_finite = json.JSONEncoder(allow_nan=False, default=str)


def canonical(value: Any) -> bytes:
    """Return the canonical JSON of a value: sorted keys, no spaces, UTF-8, shortest round-trip floats.

    NaN and infinities have no JSON form and are refused, so that a digest never hides one.

    >>> canonical({"b": 1, "a": [True, None]})
    b'{"a":[true,null],"b":1}'
    """
    built = msgspec.to_builtins(value, builtin_types=(timedelta,))
    try:
        _finite.encode(built)  # in C: a third of the time of looking for the place, which only who is refused needs
    except ValueError:
        _refuse_non_finite(built, "value")
    return _encoder.encode(value)


def plain(value: Any) -> bytes:
    """Return the canonical JSON of a value that holds no float, a tenth of the work: nothing in it can be without a form.

    >>> plain((1, "a")) == canonical((1, "a"))
    True
    """
    return _encoder.encode(value)


def digest(data: bytes) -> str:
    """Return the SHA-256 of some bytes as 64 hexadecimal characters."""
    return hashlib.sha256(data).hexdigest()


def digest_of(value: Any) -> str:
    """Return the digest of a value's canonical JSON; equal values have equal digests."""
    return digest(canonical(value))


def fingerprint(data: bytes) -> int:
    """Return a number of 64 bits, signed, that stands for some bytes: the first eight of their BLAKE2b.

    Equal bytes have equal fingerprints for ever; two different ones of a million agree by chance once in 37 million times.

    >>> fingerprint(b"2013-07-01-UA-1545-EWR")
    -7378786284614481904
    """
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little", signed=True)


def _refuse_non_finite(value: Any, path: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError("record", [Fault(what=f"{path} is {value}", remedy="use None where there is no number")])
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_non_finite(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _refuse_non_finite(item, f"{path}[{index}]")
