"""Durations as people write them: ``"30d"``, ``"2h"``, ``"90s"``, ``"10ms"``."""

from __future__ import annotations

import re
from datetime import timedelta

from trimaran.core.errors import Fault, InputError

UNITS = {
    "us": timedelta(microseconds=1),
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_ALSO = {"min": "m"}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(us|ms|s|min|m|h|d|w)")


def parse_duration(text: str) -> timedelta:
    """Return the duration that a text such as ``"1d12h"`` names.

    Raises ``InputError`` for a text that is not a number followed by a unit (us, ms, s, m, h, d, w).

    >>> parse_duration("1d12h")
    datetime.timedelta(days=1, seconds=43200)
    """
    compact = text.strip()
    parts = _PART.findall(compact)
    if not parts or _PART.sub("", compact).strip():
        raise InputError(
            "duration",
            [
                Fault(
                    what=f"{text!r} is not a duration", remedy="write a number and a unit, like 90s, 10ms, 2h, 30d or 1d12h"
                )
            ],
        )
    return sum((float(number) * UNITS[_ALSO.get(unit, unit)] for number, unit in parts), timedelta())


def format_duration(value: timedelta) -> str:
    """Return the shortest exact text for a duration, largest unit first.

    >>> format_duration(timedelta(hours=36))
    '1d12h'
    """
    left, words = value, []
    for unit in ("d", "h", "m", "s", "ms", "us"):
        count, left = divmod(left, UNITS[unit])
        if count:
            words.append(f"{count}{unit}")
    return "".join(words) or "0s"
