"""A version ready to answer, and who makes it so."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from trimaran.core.nouns import ModelVersion
from trimaran.core.ports import Scorer
from trimaran.data.declaration import Definition


@dataclass(frozen=True)
class Ready:
    """A version ready to answer; ``known`` are the categories of the given columns in its training data."""

    version: ModelVersion
    definition: Definition
    scorer: Scorer
    known: Mapping[str, Collection[str]]


class Versions(Protocol):
    """Makes a version of a product ready: its model, whose digest was verified, and the definition it was trained by.

    Versions that were trained by the same definition are given the same object, so that features are computed once.
    """

    def __call__(self, product: str, number: int, segment: str | None = None) -> Ready:
        """Return the version, ready, that of a segment where one is named; raises ``NotFound``, ``Corrupt`` or ``Unavailable``."""
        ...
