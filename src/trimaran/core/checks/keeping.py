"""Retention rules as data: ``keep 20``, ``90d``, ``90d unused``."""

from __future__ import annotations

import re
from datetime import timedelta

import msgspec

from trimaran.core.durations import format_duration, parse_duration
from trimaran.core.errors import Fault, InputError

_NEWEST = re.compile(r"keep\s+(\d+)")
_AGE = re.compile(r"(\S+)(\s+unused)?")


class Keep(msgspec.Struct, frozen=True):
    """A rule: the ``newest`` are kept, or what is younger than ``age``; ``unused`` counts from the last use.

    >>> str(parse_keep("90d  unused"))
    '90d unused'
    """

    newest: int | None = None
    age: timedelta | None = None
    unused: bool = False

    def __str__(self) -> str:
        if self.age is None:
            return f"keep {self.newest}"
        return format_duration(self.age) + (" unused" if self.unused else "")


def parse_keep(text: str, *, where: str = "", by_age_alone: bool = False) -> Keep:
    """Return the rule that a text states; raises ``InputError`` that says what can be written.

    Rows are kept by their age alone; things also by their number, or by their last use.

    >>> parse_keep("keep 20")
    Keep(newest=20, age=None, unused=False)
    """
    said = text.strip()
    forms = "400d" if by_age_alone else "keep 20, 90d or 90d unused"
    newest, age = _NEWEST.fullmatch(said), _AGE.fullmatch(said)
    if newest and not by_age_alone and int(newest[1]) > 0:
        return Keep(newest=int(newest[1]))
    if age and not newest and not (age[2] and by_age_alone):
        try:
            duration = parse_duration(age[1])
        except InputError:
            duration = timedelta()
        if duration > timedelta():
            return Keep(age=duration, unused=bool(age[2]))
    raise InputError("retention", [Fault(where=where, what=f"cannot read the rule {text!r}", remedy=f"write {forms}")])
