"""How numbers and moments are written: the same in terminal, dashboard and report."""

from __future__ import annotations

from datetime import datetime

from trimaran.core.nouns import Measurement

NOTHING = "-"

_KILO = 1000.0
_SMALLEST, _LARGE, _LARGEST = 0.00005, 10.0, 1000.0


def number(value: float | None) -> str:
    """Return a count or an amount with thousands parted.

    >>> number(12345.6)
    '12,346'
    """
    return NOTHING if value is None else f"{value:,.0f}"


def decimal(value: float | None, places: int = 3) -> str:
    """Return a value with a fixed number of decimals, so that a column of them aligns."""
    return NOTHING if value is None else f"{value:.{places}f}"


def sensible(value: float | None) -> str:
    """Return a value of unknown size with the digits that tell something: a share, a duration in days or 3.0e-07.

    >>> [sensible(value) for value in (0.74671, 1.0, 0.0, 34.0833, 2.2e-07, 1963.4, None)]
    ['0.7467', '1', '0', '34.1', '2.2e-07', '1,963', '-']
    """
    if value is None:
        return NOTHING
    size = abs(value)
    if value == int(value):
        return f"{value:,.0f}"
    if size < _SMALLEST:
        return f"{value:.1e}"
    if size < _LARGE:
        return f"{value:.4f}"
    return f"{value:.1f}" if size < _LARGEST else f"{value:,.0f}"


def measured(value: Measurement | None) -> str:
    """Return a measured value with its interval.

    >>> measured(Measurement(value=0.7, low=0.68, high=0.72, n=100))
    '0.700 (0.680 to 0.720)'
    """
    if value is None or value.value is None:
        return NOTHING
    interval = "" if value.low is None or value.high is None else f" ({value.low:.3f} to {value.high:.3f})"
    return f"{value.value:.3f}{interval}"


def moment(value: datetime | None) -> str:
    """Return a moment to the minute, in UTC."""
    return NOTHING if value is None else f"{value:%Y-%m-%d %H:%M}"


def day(value: datetime | None) -> str:
    """Return the day of a moment."""
    return NOTHING if value is None else f"{value:%d %b %Y}"


def days(since: datetime | None, until: datetime | None) -> str:
    """Return a window by its days, the year once where it is the same.

    >>> days(datetime(2013, 12, 21), datetime(2013, 12, 28))
    '21 Dec to 28 Dec 2013'
    """
    if since is None or until is None:
        return NOTHING
    return f"{since:%d %b}{'' if since.year == until.year else f' {since:%Y}'} to {until:%d %b %Y}"


def size(count: int) -> str:
    """Return a number of bytes in the unit that fits.

    >>> [size(count) for count in (0, 999, 1500, 98_533_376)]
    ['0 B', '999 B', '1.5 kB', '98.5 MB']
    """
    value, units = float(count), ("kB", "MB", "GB", "TB")
    if value < _KILO:
        return f"{count} B"
    for unit in units:
        value /= _KILO
        if value < _KILO:
            return f"{value:.1f} {unit}"
    return f"{value:,.1f} {units[-1]}"


def short(digest: str | None) -> str:
    """Return as much of a digest or a commit as names it among millions; `trimaran why` takes it as it is.

    >>> short("85706a9b993e93669649451aa531daa4")
    '85706a9b993e'
    """
    return NOTHING if digest is None else digest[:12]


def value_of(value: object) -> str:
    """Return a parameter's value as it would be written.

    >>> [value_of(value) for value in (0.040913247277908134, 15, "gini", None)]
    ['0.0409132', '15', 'gini', 'None']
    """
    return f"{value:.6g}" if isinstance(value, float) else str(value)
