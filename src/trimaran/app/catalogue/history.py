"""What the watches saw of a feature, one after the other."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from functools import cached_property

import msgspec

from trimaran.app.catalogue.entries import Look
from trimaran.app.views import Book
from trimaran.core.nouns import Outcome

_MOST = 120
"""Watches that a history shows at most, evenly over all: each is an object to read."""


class _Moved(msgspec.Struct, frozen=True):
    column: str
    kind: str
    outcome: Outcome
    psi: float


class _Absent(msgspec.Struct, frozen=True):
    feature: str
    current: float


class _Counted(msgspec.Struct, frozen=True):
    missing: list[_Absent]


class _Seen(msgspec.Struct, frozen=True):
    # Only these fields of what a watch saw: a year of them holds half a million histogram cells that no history shows.
    drift: list[_Moved]
    numerics: _Counted | None


class History:
    """The watches of one product, read when a first feature is asked about."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def of(self, name: str, versions: Collection[str]) -> list[Look]:
        """Return what was seen of a feature of some versions, oldest first."""
        return [look for look in self._looks(name) if look.version in versions]

    def _looks(self, name: str) -> Iterator[Look]:
        for at, version, seen in self._watched:
            moved = next((one for one in seen.drift if (one.kind, one.column) == ("feature", name)), None)
            counted = seen.numerics.missing if seen.numerics is not None else []
            absent = next((one.current for one in counted if one.feature == name), None)
            if moved is not None or absent is not None:
                outcome = moved.outcome if moved is not None else "unknown"
                psi = moved.psi if moved is not None else None
                yield Look(at=at, version=version, missing=absent, psi=psi, outcome=outcome)

    @cached_property
    def _watched(self) -> list[tuple[datetime, str, _Seen]]:
        objects = self._book.workspace.objects
        kept = [
            (at, f"v{number}", verdict.evidence)
            for at, number, verdict in self._book.watches
            if verdict.evidence is not None and objects.has(verdict.evidence)
        ]
        step = -(-len(kept) // _MOST) or 1
        # Counted from the newest, which is always shown.
        chosen = kept[::-1][::step][::-1]
        return [(at, version, msgspec.json.decode(objects.get(stored), type=_Seen)) for at, version, stored in chosen]
