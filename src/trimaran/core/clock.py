"""The only place that reads the time of day. Times are UTC with a zone everywhere."""

from __future__ import annotations

import os
import struct
import weakref
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from trimaran.core.errors import Fault, InputError


class Clock(Protocol):
    """Tells the time; a product's life can run on the wall's or on a replayed year's."""

    def now(self) -> datetime:
        """Return the present moment, in UTC, with its zone."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the machine's time in UTC."""
        return datetime.now(UTC)


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
        (micros,) = struct.unpack("<q", os.pread(self._file, 8, 0))
        return datetime.fromtimestamp(micros / 1e6, UTC)

    def close(self) -> None:
        """Close the file; a closed clock is asked no more."""
        self._closing()

    def set(self, moment: datetime) -> None:
        """Set the clock for every process that shares the file."""
        os.pwrite(self._file, _pack(aware(moment)), 0)


def _pack(moment: datetime) -> bytes:
    return struct.pack("<q", round(moment.timestamp() * 1e6))


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
