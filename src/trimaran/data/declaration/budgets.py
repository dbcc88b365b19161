"""What a search for parameters may cost: time, or money at a price of the hour."""

from __future__ import annotations

import re

import msgspec

from trimaran.core.durations import parse_duration
from trimaran.core.errors import Fault, InputError

_MONEY = re.compile(r"\s*[^\d\s]?\s*(\d+(?:\.\d+)?)\s+at\s+[^\d\s]?\s*(\d+(?:\.\d+)?)\s*/\s*h\s*")


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """When to begin no more trials: after ``seconds`` on the clock, or after ``worked`` seconds of all trials together."""

    text: str
    seconds: float | None = None
    worked: float | None = None

    def spent(self, seconds: float, worked: float) -> bool:
        """Tell whether that much time on the clock, or of work, is all there was."""
        return (self.seconds is not None and seconds >= self.seconds) or (self.worked is not None and worked >= self.worked)


def parse_budget(text: str) -> Budget:
    """Return the budget that a text says: a duration like ``10min``, or money like ``5 at 2.40/h``, currency sign or not.

    Money pays for the time that trials take, however many at once.

    >>> parse_budget("10min").seconds, parse_budget("€5 at €2.50/h").worked
    (600.0, 7200.0)
    """
    money = _MONEY.fullmatch(text)
    if money is not None and float(money[2]) > 0 and float(money[1]) > 0:
        return Budget(text=text, worked=3600 * float(money[1]) / float(money[2]))
    try:
        seconds = parse_duration(text).total_seconds()
    except InputError:
        seconds = 0.0
    if seconds <= 0:
        remedy = "write a time like 10min or 2h, or money with the price of an hour like '5 at 2.40/h'"
        raise InputError("budget", [Fault(what=f"{text!r} is no budget", remedy=remedy)])
    return Budget(text=text, seconds=seconds)
