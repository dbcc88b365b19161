"""The spaces that a model's parameters are tuned in."""

from __future__ import annotations

import msgspec

from trimaran.core.errors import Fault, InputError

Choice = float | int | str | bool | None


class Interval(msgspec.Struct, frozen=True):
    """Numbers from ``low`` to ``high``: evenly spread, or evenly spread in the logarithm; whole where ``whole``."""

    low: float
    high: float
    logarithmic: bool = False
    whole: bool = False


class Choices(msgspec.Struct, frozen=True):
    """One of a few values."""

    options: tuple[Choice, ...]


Space = Interval | Choices


def log(low: float, high: float) -> Interval:
    """Return numbers between two positive bounds, spread evenly in the logarithm.

    >>> log(0.02, 0.3)
    Interval(low=0.02, high=0.3, logarithmic=True, whole=False)
    """
    if low <= 0:
        raise InputError("tune", [Fault(what=f"log({low}, {high}) starts at {low}", remedy="start above zero")])
    return _interval(low, high, logarithmic=True)


def uniform(low: float, high: float) -> Interval:
    """Return numbers between two bounds, spread evenly."""
    return _interval(low, high)


def integer(low: int, high: int, *, logarithmic: bool = False) -> Interval:
    """Return whole numbers between two bounds, both included."""
    return _interval(low, high, logarithmic=logarithmic, whole=True)


def _interval(low: float, high: float, *, logarithmic: bool = False, whole: bool = False) -> Interval:
    if not low < high:
        raise InputError(
            "tune", [Fault(what=f"the space from {low} to {high} is empty", remedy="give a low below the high")]
        )
    return Interval(float(low), float(high), logarithmic, whole)
