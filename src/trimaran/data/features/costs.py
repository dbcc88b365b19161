"""How much memory the engine takes, by a reckoning that is meant to be too high rather than too low."""

from __future__ import annotations

from dataclasses import dataclass

from trimaran.data.features.plan import Way

_COPIES = 3
"""A part's columns are held as they were read, in one piece, and as features pick them."""

_TIMELINE = 100
_JOIN = 60
_REDUCTION = 90
_ASKED = 150
_ANSWER = 60
_PAIR = 100
"""Bytes a row, measured as peaks of 0.1 to 1 million rows and rounded up: a table's rows for being sorted by key and time, for
each join and for each feature of a window, half as much again or twice where values are late; an asked row for being searched
for and for each feature; a pair of an asked row and a row in its window."""


READING = 100_000_000
"""Bytes that Polars takes for reading and writing files, however few at a time; they are not counted in what follows."""


@dataclass(frozen=True)
class Costs:
    """What may be taken at each step, of so many bytes of ``memory`` in all."""

    memory: int

    @property
    def slice(self) -> int:
        """Bytes of rows that are read at once, to be put aside."""
        return self.memory // 16

    @property
    def part(self) -> int:
        """Bytes that the rows of a table may take in one part, with all that is made of them."""
        return self.memory // 2

    @property
    def asking(self) -> int:
        """Bytes that asked rows may take in one part, with their answers."""
        return self.memory // 6

    @property
    def pairs(self) -> int:
        """How many pairs of asked row and row in its window may be held at once."""
        return self.memory // 6 // _PAIR


def of_table(way: Way, width: int) -> int:
    """Return how many bytes the engine takes for a row of a table that has ``width`` bytes in the columns used."""
    cost = _COPIES * width + _TIMELINE
    for join in way.joins:
        each = _JOIN + (_REDUCTION * len(join.features) if join.window is not None else 0)
        cost += each * 2 if join.known else each
    return cost


def of_asked(features: int, width: int) -> int:
    """Return how many bytes the engine takes for an asked row of ``width`` bytes, its answers included."""
    return _COPIES * width + _ASKED + _ANSWER * features


def in_words(size: int) -> str:
    """Return a number of bytes as people say it.

    >>> in_words(1_530_000_000), in_words(64_000_000)
    ('1.5 GB', '64 MB')
    """
    giga = 1_000_000_000
    return f"{size / giga:.1f} GB" if size >= giga else f"{max(size // 1_000_000, 1)} MB"
