"""What is known of a step while a pipeline runs: its inputs, its key, and what may be served of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from trimaran.core.engines import Result, ResultStore
from trimaran.core.errors import Refused
from trimaran.core.nouns import Part, StepRun, Value
from trimaran.core.steps.fingerprint import Fingerprint, input_parts, key_of, same_files
from trimaran.core.steps.sealing import Seals
from trimaran.core.steps.step import Step
from trimaran.core.steps.values import digests_in


@dataclass
class Item:
    """One call of a step: the whole of it, or one of each."""

    step: Step
    place: int | None
    inputs: dict[str, Value]
    parts: dict[str, Part]
    key: str
    data: dict[str, bytes] = field(default_factory=dict)
    attempts: int = 0
    losses: int = 0
    told: StepRun | None = None
    output: Value | None = None

    @property
    def name(self) -> str:
        """The step's name, with the number of the item where there are several."""
        return self.step.name if self.place is None else f"{self.step.name}[{self.place}]"


@dataclass
class Node:
    """A step of a run: its fingerprint, and its items once its inputs are there."""

    step: Step
    print: Fingerprint
    items: list[Item] = field(default_factory=list)
    planned: bool = False
    told: StepRun | None = None

    @property
    def output(self) -> Value | None:
        """What the step made, None as long as it did not."""
        return self.told.output if self.told is not None else None


def item_of(
    node: Node, place: int | None, inputs: Mapping[str, Value], sources: Mapping[str, str], paths: Mapping[str, Part]
) -> Item:
    """Return a call of a step with its key."""
    parts = {**node.print.parts, **input_parts(inputs, sources), **paths}
    return Item(node.step, place, dict(inputs), parts, key_of(node.step.name, parts))


class Cache:
    """Finds what may be served of earlier runs."""

    def __init__(self, results: ResultStore, seals: Seals, now: datetime) -> None:
        self._results = results
        self._seals = seals
        self._now = now

    def find(self, node: Node, item: Item) -> Result | None:
        """Return a result that may be served for an item: it depends on the same, and would be the same now."""
        conduct = node.step.conduct
        if node.print.uncached and conduct.fresh is None:
            return None
        for result in self._results.find(item.key):
            unsteady = bool(node.print.uncached or (result.unsteady and not conduct.steady))
            young = conduct.fresh is not None and self._now - result.at < conduct.fresh
            if unsteady and not young:
                continue
            if conduct.fresh is not None and not young:
                continue
            if same_files(result.read) and self._whole(result.output):
                return result
        return None

    def _whole(self, value: Value) -> bool:
        try:
            self._seals.check(value)
        except Refused:
            return False
        return all(self._results.has(digest) for digest in digests_in(value))


def reading(results: ResultStore, value: Value, data: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the bytes of a value by digest, from those at hand or the store."""
    return {digest: data[digest] if digest in data else results.read(digest) for digest in digests_in(value)}


def seed_of(key: str) -> int:
    """Return the seed that a step's generators get: the same for the same key.

    >>> seed_of("ff" * 16) == 0xFFFFFFFFFFFFFFFF
    True
    """
    return int(key[:16], 16)


def shown_parameters(given: Mapping[str, Any]) -> dict[str, str]:
    """Return parameters in words, each on one short line."""
    found = {name: repr(value).replace("\n", " ") for name, value in given.items()}
    return {name: text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…" for name, text in found.items()}


_SHOWN = 120
