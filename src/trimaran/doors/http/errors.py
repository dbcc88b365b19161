"""Errors on the wire: one shape, and one table of HTTP codes."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence

import msgspec

from trimaran.core.errors import Fault, FaultyError, InputError, NotFound, TrimaranError, Unavailable
from trimaran.deploy import Malformed, TooLarge

log = logging.getLogger(__name__)


class WrongMethod(TrimaranError):
    """The path is right, the method is not; ``allowed`` is the right one."""

    def __init__(self, method: str, path: str, allowed: str) -> None:
        self.allowed = allowed
        super().__init__(f"{path} does not take {method}; send {allowed}")


CODES: tuple[tuple[type[Exception], int, str], ...] = (
    (Malformed, 400, "malformed"),
    (NotFound, 404, "not found"),
    (WrongMethod, 405, "wrong method"),
    (TooLarge, 413, "too large"),
    (InputError, 422, "faults"),
    (Unavailable, 503, "unavailable"),
    (Exception, 500, "internal"),
)
"""The code and the name of each error, the first that fits; the last is a mistake of ours, never of a caller."""


class Problem(msgspec.Struct, frozen=True):
    """What went wrong: its name, one sentence, and every fault found."""

    type: str
    message: str
    faults: Sequence[Fault] = ()


class ErrorBody(msgspec.Struct, frozen=True):
    """The one shape of every error."""

    error: Problem


def told(error: BaseException) -> tuple[int, ErrorBody]:
    """Return the code and the body for an error; one of ours that nobody foresaw says nothing of its inside.

    >>> told(NotFound("no product 'x'"))
    (404, ErrorBody(error=Problem(type='not found', message="no product 'x'", faults=())))
    """
    code, name = next((code, name) for kind, code, name in CODES if isinstance(error, kind))
    if isinstance(error, FaultyError):
        count = len(error.faults)
        message = f"{error.subject}: {count} fault{'s' if count != 1 else ''}"
        return code, ErrorBody(Problem(name, message, error.faults))
    if isinstance(error, TrimaranError) and code != CODES[-1][1]:
        return code, ErrorBody(Problem(name, str(error)))
    # The text of an error may quote the payload: its kind and place are logged, and no more.
    place = traceback.extract_tb(error.__traceback__)[-1:] if error.__traceback__ else []
    log.error("%s at %s", type(error).__name__, "".join(f"{each.filename}:{each.lineno}" for each in place) or "?")
    return code, ErrorBody(Problem(name, "the server failed; its log says where"))
