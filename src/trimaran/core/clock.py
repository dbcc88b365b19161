"""The only place that reads the time of day. Times are UTC with a zone everywhere."""

from __future__ import annotations

import os
import struct
import weakref
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time_ns
from typing import Protocol

from trimaran.core.errors import Fault, InputError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """Tells the time; a product's life can run on the wall's or on a replayed year's."""

    def now(self) -> datetime:
        """Return the present moment, in UTC, with its zone."""
        ...

    def micros(self) -> int:
        """Return the present moment in microseconds since 1970: what ``now`` says, without the cost of a date."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the machine's time in UTC."""
        return datetime.now(UTC)

    def micros(self) -> int:
        """Return the machine's time in microseconds since 1970."""
        return time_ns() // 1000


class ManualClock:
    """A clock that stands until it is set: for tests and for replays inside one process.

    >>> clock = ManualClock(datetime(2013, 1, 1, tzinfo=UTC))
    >>> clock.set(datetime(2013, 2, 1, tzinfo=UTC)); clock.now().month
    2
    """

    def __init__(self, start: datetime) -> None:
        self._now = aware(start)

    def now(self) -> datetime:
        """Return the moment the clock was last set to."""
        return self._now

    def micros(self) -> int:
        """Return the moment the clock was last set to in microseconds since 1970."""
        return to_micros(self._now)

    def set(self, moment: datetime) -> None:
        """Set the clock."""
        self._now = aware(moment)


class SharedClock:
    """A clock kept in an 8-byte file, so that the processes of one replay share one time.

    Reads never block; a write replaces the eight bytes in one call. Microseconds since 1970 in UTC. The file is open until
    the clock is closed or collected.
    """

    def __init__(self, path: Path, start: datetime | None = None) -> None:
        if start is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_pack(aware(start)))
        self._file = os.open(path, os.O_RDWR)
        self._closing = weakref.finalize(self, os.close, self._file)

    def now(self) -> datetime:
        """Return the moment any process last set."""
        return from_micros(self.micros())

    def micros(self) -> int:
        """Return the moment any process last set in microseconds since 1970."""
        (micros,) = struct.unpack("<q", os.pread(self._file, 8, 0))
        return int(micros)

    def close(self) -> None:
        """Close the file; a closed clock is asked no more."""
        self._closing()

    def set(self, moment: datetime) -> None:
        """Set the clock for every process that shares the file."""
        os.pwrite(self._file, _pack(aware(moment)), 0)


def _pack(moment: datetime) -> bytes:
    return struct.pack("<q", to_micros(moment))


def to_micros(moment: datetime) -> int:
    """Return the microseconds since 1970 in UTC of a moment with a zone.

    >>> to_micros(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (aware(moment) - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the moment that a number of microseconds since 1970 names, exactly.

    >>> from_micros(1_000_000).isoformat()
    '1970-01-01T00:00:01+00:00'
    """
    return _EPOCH + timedelta(microseconds=micros)


def aware(moment: datetime) -> datetime:
    """Return the moment in UTC; a moment without a zone is refused, never guessed."""
    if moment.tzinfo is None:
        raise InputError(
            "time",
            [Fault(what=f"{moment.isoformat()} has no time zone", remedy=f"write {moment.isoformat()}Z for UTC")],
        )
    return moment.astimezone(UTC)


def parse_moment(text: str) -> datetime:
    """Return the UTC moment that an ISO 8601 text names; a text without a zone is read as UTC.

    >>> parse_moment("2013-07-01T12:00").isoformat()
    '2013-07-01T12:00:00+00:00'
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            "time",
            [
                Fault(
                    what=f"{text!r} is not a moment",
                    remedy="write ISO 8601, like 2013-07-01T12:00 or 2013-07-01T12:00+02:00",
                )
            ],
        ) from error
    return aware(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
