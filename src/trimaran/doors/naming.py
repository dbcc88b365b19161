"""What errors are called on the wire and in --json: one name each, and one shape."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from trimaran.core.errors import (
    Conflict,
    Corrupt,
    Fault,
    FaultyError,
    NotFound,
    Refused,
    TrimaranError,
    Unavailable,
    UserCodeError,
)

NAMES: dict[type[Exception], str] = {
    NotFound: "not found",
    Refused: "refused",
    Conflict: "conflict",
    FaultyError: "faults",
    Unavailable: "unavailable",
    Corrupt: "corrupt",
    UserCodeError: "user code",
    TrimaranError: "internal",
}
"""The name of each error, the first that fits."""


class Problem(msgspec.Struct, frozen=True):
    """What went wrong: its name, its words, and every fault found."""

    type: str
    message: str
    faults: Sequence[Fault] = ()


class ErrorBody(msgspec.Struct, frozen=True):
    """The one shape of every error."""

    error: Problem


def name_of(error: Exception) -> str:
    """Return the name of an error; one that nobody foresaw is internal.

    >>> name_of(NotFound("there is no product 'x'"))
    'not found'
    """
    return next((name for kind, name in NAMES.items() if isinstance(error, kind)), "internal")


def body_of(error: TrimaranError) -> ErrorBody:
    """Return an error of ours in its shape."""
    faults = error.faults if isinstance(error, FaultyError) else ()
    return ErrorBody(Problem(name_of(error), str(error), faults))
