"""Which segment's model answers which rows: read from the newest wave, each model loaded when its segment first asks."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from trimaran.core.errors import TrimaranError
from trimaran.core.nouns import Wave
from trimaran.deploy.facts import Facts
from trimaran.deploy.ready import Ready

log = logging.getLogger(__name__)

MOST = 256
"""Models of segments that are held loaded; the one that was asked least recently gives way."""


@dataclass(frozen=True)
class Seat:
    """A segment's model ready to answer, with the facts that its features need."""

    segment: str
    ready: Ready
    facts: Facts


class Seats:
    """The models of segments that are in service; not for several threads at once.

    One that cannot be loaded is left out until the seats change: its segment is answered by the pooled model.
    """

    def __init__(self, wave: Wave | None, load: Callable[[int, str], tuple[Ready, Facts]], most: int = MOST) -> None:
        self.column = wave.column if wave is not None else None
        self.numbers: Mapping[str, int] = wave.seats if wave is not None else {}
        self._load = load
        self._most = most
        self._held: OrderedDict[str, Seat | None] = OrderedDict()

    def seat(self, row_value: Any) -> Seat | None:
        """Return who answers for the value that a row has in the segments' column, None for the pooled model."""
        if not self.numbers or row_value is None:
            return None
        segment = segment_of(row_value)
        number = self.numbers.get(segment)
        if number is None:
            return None
        if segment not in self._held:
            self._held[segment] = self._loaded(segment, number)
            while len(self._held) > self._most:
                self._held.popitem(last=False)
        self._held.move_to_end(segment)
        return self._held[segment]

    def moved(self, wave: Wave | None) -> Seats:
        """Return the seats as a newer wave has them; models that stay are not loaded again."""
        fresh = Seats(wave, self._load, self._most)
        for segment, seat in self._held.items():
            if seat is not None and fresh.numbers.get(segment) == seat.ready.version.number:
                fresh._held[segment] = seat
        return fresh

    def _loaded(self, segment: str, number: int) -> Seat | None:
        try:
            return Seat(segment, *self._load(number, segment))
        except TrimaranError:
            log.exception("the model of segment %s cannot be loaded: the pooled model answers for it", segment)
            return None


def segment_of(value: Any) -> str:
    """Return the segment that a value names, as Polars writes it as text.

    >>> segment_of("JFK"), segment_of(3), segment_of(True)
    ('JFK', '3', 'true')
    """
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date) and not isinstance(value, datetime) else str(value)
