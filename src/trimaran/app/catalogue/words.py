"""How the catalogue writes shares, ages and where a feature looks: the same in terminal, notebook and dashboard."""

from __future__ import annotations

from trimaran.app.catalogue.entries import FeatureRow
from trimaran.control.words import NOTHING

_STEPS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))
_MANY = 10.0
_LEAST = 0.0005


def lasting(seconds: float | None) -> str:
    """Return a length of time in the unit that fits.

    >>> [lasting(seconds) for seconds in (0, 90, 5400, 200_000, None)]
    ['0 s', '1.5 min', '1.5 h', '2.3 d', '-']
    """
    if seconds is None:
        return NOTHING
    size, unit = next(((size, unit) for size, unit in _STEPS if abs(seconds) >= size), _STEPS[-1])
    count = seconds / size
    return f"{count:.0f} {unit}" if abs(count) >= _MANY or count == int(count) else f"{count:.1f} {unit}"


def ago(seconds: float | None) -> str:
    """Return how long ago something was, or in how long it will be.

    >>> ago(5400), ago(-90)
    ('1.5 h ago', 'in 1.5 min')
    """
    if seconds is None:
        return NOTHING
    return f"in {lasting(-seconds)}" if seconds < 0 else f"{lasting(seconds)} ago"


def percent(share: float | None) -> str:
    """Return a share in percent.

    >>> percent(0.0321), percent(0.00001), percent(0.0)
    ('3.2 %', '<0.1 %', '0 %')
    """
    if share is None:
        return NOTHING
    if 0 < share < _LEAST:
        return "<0.1 %"
    return f"{100 * share:.1f} %" if share not in {0.0, 1.0} else f"{100 * share:.0f} %"


def definition_of(row: FeatureRow) -> str:
    """Return over what a feature is computed, in few words."""
    key = ", ".join(row.key)
    if row.kind == "row":
        return f"asked row of {row.table}"
    return f"newest of {row.table} on {key}" if row.kind == "newest" else f"{row.window} of {row.table} by {key}"


def seen_in(row: FeatureRow) -> str:
    """Return which versions in the traffic use it, or why none is named."""
    return ", ".join(row.serving) or ("unused" if row.unused else "not in the traffic")
