"""Every error trimaran raises on purpose.

TrimaranError
 ├── DefinitionError      a product file says something that cannot hold; carries all faults at once
 ├── InputError           a caller sent something unusable; carries all faults at once
 ├── NotFound             a name, digest or moment that is not there
 ├── Conflict             the record moved on since the caller looked, or a key was used for something else
 ├── Refused              a rule, a missing proof or a missing role stands in the way
 ├── Unavailable          a store or server cannot answer now; nothing was acknowledged
 │    └── Lost             where one task ran was lost, each time it was run again; the other tasks go on
 ├── Corrupt              stored bytes do not match their digest or chain
 └── UserCodeError        a function of the product raised; keeps the author's traceback
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import msgspec


class TrimaranError(Exception):
    """The root of every error raised on purpose: its text says what happened, why, and what to do next."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, where it is, and what would be right.

    >>> print(Fault(what="unknown column 'wnd'", where="flights.py:31", remedy="choose one of: wind_dir, wind_speed"))
    flights.py:31: unknown column 'wnd'; choose one of: wind_dir, wind_speed
    """

    what: str
    where: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.what}{'; ' + self.remedy if self.remedy else ''}"


class FaultyError(TrimaranError):
    """An error made of faults, all of them reported together."""

    def __init__(self, subject: str, faults: Sequence[Fault]) -> None:
        self.subject = subject
        self.faults = tuple(faults)
        count = f"{len(self.faults)} fault{'s' if len(self.faults) != 1 else ''}"
        super().__init__(f"{subject}: {count}\n" + "\n".join(f"  {fault}" for fault in self.faults))

    def __reduce__(self) -> tuple[type[Self], tuple[str, tuple[Fault, ...]]]:
        # An exception is copied and sent by its text alone, unless it says what it is made of.
        return type(self), (self.subject, self.faults)


class DefinitionError(FaultyError):
    """A product file declares something that cannot hold."""


class InputError(FaultyError):
    """A caller sent something that cannot be used."""


class NotFound(TrimaranError):
    """A name, digest or moment that is not there."""


class Conflict(TrimaranError):
    """The record moved on since the caller looked, or an idempotency key was used for something else."""


class Refused(TrimaranError):
    """A rule, a missing proof or a missing role stands in the way."""


class Unavailable(TrimaranError):
    """A store or server cannot answer now; nothing was acknowledged."""


class Lost(Unavailable):
    """The process or node of one task was lost, each time that it was run again; other tasks are not concerned."""


class Corrupt(TrimaranError):
    """Stored bytes do not match their digest or their place in the chain."""


class UserCodeError(TrimaranError):
    """A function of the product raised; the message ends with the author's own traceback."""


def within(place: str, error: TrimaranError) -> TrimaranError:
    """Return an error of the same kind whose text says, in addition, where it happened.

    >>> print(within("part 3", NotFound("there is no table")))
    part 3: there is no table
    """
    if isinstance(error, FaultyError):
        return type(error)(f"{place}: {error.subject}", error.faults)
    return type(error)(f"{place}: {error}")
