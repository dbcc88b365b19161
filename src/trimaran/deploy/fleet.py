"""The versions that answer now, loaded and ready, as the newest release has it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

import msgspec
import numpy as np
import polars as pl

from trimaran.core.clock import Clock
from trimaran.core.errors import TrimaranError, Unavailable
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import ModelVersion, Release, Traffic, Wave, name_of
from trimaran.core.ports import CaptureStore, OnlineStore
from trimaran.core.tasks import Task
from trimaran.deploy.facts import Facts
from trimaran.deploy.ready import Ready, Versions
from trimaran.deploy.requests import RequestReader, Row
from trimaran.deploy.routing import Route, route
from trimaran.deploy.scoring import feature_matrix, scores_of
from trimaran.deploy.seating import Seat, Seats

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stores:
    """The world that serving needs."""

    ledger: Ledger
    captures: CaptureStore
    online: OnlineStore
    clock: Clock


class Scored(msgspec.Struct, frozen=True):
    """One version's answers to some rows, None where it failed, with the features it saw, and how many were infinite.

    ``probabilities`` are those of each class, empty where there are not several.
    """

    scores: list[float | None]
    probabilities: list[list[float]]
    features: list[list[float | None]]
    non_finite: int


@dataclass(frozen=True)
class Lineup:
    """Who answers now; one look at the traffic, so that a batch is routed and scored by one state."""

    traffic: Traffic
    ready: Mapping[int, Ready]
    facts: Mapping[int, Facts]
    reader: RequestReader
    seats: Seats

    @property
    def live(self) -> int | None:
        """The version that answers what no canary does."""
        return self.traffic.live

    def route(self, id: str) -> Route:  # noqa: A002  the id is what the whole system calls it
        """Return who answers an id, or a group, whose rows only one version can rank; raises ``Unavailable`` when nobody does."""
        return route(self.traffic, id)

    def task(self, number: int | None) -> Task:
        """Return what a version's answers mean; one that has left the traffic is read as what answers now."""
        ready = (None if number is None else self.ready.get(number)) or next(iter(self.ready.values()))
        return ready.definition.task

    def seat(self, row: Row) -> Seat | None:
        """Return the model of a row's own segment, None where the pooled model answers."""
        column = self.seats.column
        if column is None or column not in row.names:
            return None
        return self.seats.seat(row.values[row.names.index(column)])

    def score(self, wanted: Mapping[int, Sequence[Row]], seated: Mapping[int, Seat] | None = None) -> dict[int, Scored]:
        """Return each version's answers to its rows; what versions compute alike is computed once.

        ``seated`` are models of segments that are wanted too, by their numbers.
        """
        extra = seated or {}
        ready = {**self.ready, **{number: seat.ready for number, seat in extra.items()}}
        facts = {**self.facts, **{number: seat.facts for number, seat in extra.items()}}
        shared: dict[int, list[int]] = {}
        for number in wanted:
            shared.setdefault(id(facts[number]), []).append(number)
        return {
            number: scored
            for numbers in shared.values()
            for number, scored in self._score_alike(
                facts[numbers[0]], {each: ready[each] for each in numbers}, wanted
            ).items()
        }

    def _score_alike(
        self, facts: Facts, ready: Mapping[int, Ready], wanted: Mapping[int, Sequence[Row]]
    ) -> dict[int, Scored]:
        rows = {row.id: row for number in ready for row in wanted[number]}
        place = {each: index for index, each in enumerate(rows)}
        asked = self.reader.frame(list(rows.values()))
        matrix, lost = feature_matrix(facts.engine, facts.names, asked, facts.history())
        names = {name: index for index, name in enumerate(facts.names)}
        found = {}
        for number in ready:
            version = ready[number].version
            chosen = [place[row.id] for row in wanted[number]]
            inputs = matrix[np.ix_(chosen, [names[name] for name in version.features])]
            classes = len(ready[number].definition.task.classes)
            answers, failed = scores_of(ready[number].scorer, inputs, f"{version.product} {version.name}", classes or 1)
            without = {*failed, *(index for index, row in enumerate(chosen) if row in set(lost))}
            found[number] = Scored(
                scores=[None if index in without else score for index, score in enumerate(answers.max(axis=1).tolist())],
                probabilities=[[] if index in without else row for index, row in enumerate(answers.tolist())]
                if classes
                else [[]] * len(chosen),
                features=[[None if value != value else value for value in row] for row in inputs.tolist()],  # noqa: PLR0124  NaN
                non_finite=int(np.isinf(inputs).sum()),
            )
        return found


class Fleet:
    """Follows the releases of one product and keeps what the traffic needs loaded."""

    def __init__(self, product: str, stores: Stores, versions: Versions) -> None:
        self._product = product
        self._stores = stores
        self._versions = versions
        self._head = -1
        self._release = 0
        self._wave = 0
        self._lineup: Lineup | None = None
        self._lock = Lock()

    def lineup(self) -> Lineup:
        """Return who answered at the last look; raises ``Unavailable`` when nobody did."""
        return self._lineup or self.refresh()

    def refresh(self) -> Lineup:
        """Return who answers now: asks the ledger for its head only, unless it moved."""
        with self._lock:
            head = self._stores.ledger.store.head()
            if head != self._head or self._lineup is None:
                self._follow()
                self._head = head
            if self._lineup is None:
                message = f"{self._product} has no live version; release one with `trimaran run`, then ask again"
                raise Unavailable(message)
            return self._lineup

    def _follow(self) -> None:
        newest = self._stores.ledger.latest(Release, self._product)
        if newest is None:
            return
        wave = self._stores.ledger.latest(Wave, self._product)
        seen = newest[0].seq, wave[0].seq if wave is not None else 0
        if seen == (self._release, self._wave) and self._lineup is not None:
            return
        self._lineup = self._lined_up(newest[1].traffic, wave[1] if wave is not None else None)
        self._release, self._wave = seen

    def _lined_up(self, traffic: Traffic, wave: Wave | None) -> Lineup | None:
        held = self._lineup.ready if self._lineup is not None else {}
        ready: dict[int, Ready] = {}
        for role in ("live", "canary", "shadow"):
            number = getattr(traffic, role)
            if number is None:
                continue
            try:
                ready[number] = held.get(number) or self._versions(self._product, number)
            except TrimaranError as error:
                if role == "live":
                    message = f"{self._product} v{number} is live but cannot be loaded: {error}"
                    raise Unavailable(message) from error
                # A candidate that cannot be read must not stop the live version; it will lack evidence and not move on.
                log.exception("%s v%d cannot be loaded for its %s", self._product, number, role)
                traffic = _without(traffic, role)
        if not ready:
            return None
        facts = self._facts(ready)
        seats = self._lineup.seats.moved(wave) if self._lineup is not None else Seats(wave, self._seated)
        return Lineup(traffic, ready, facts, _reader(ready, seats.column, self._given(ready, wave)), seats)

    def _given(self, ready: Mapping[int, Ready], wave: Wave | None) -> Iterator[str]:
        """Yield the columns that models of segments are asked with, where each has features of its own."""
        policy = next(iter(ready.values())).definition.replication
        if wave is None or policy is None or not policy.own:
            return
        for segment, number in wave.seats.items():
            found = self._stores.ledger.latest(ModelVersion, f"{self._product}[{segment}]/{name_of(number)}")
            if found is not None and found[1].signature is not None:
                yield from (column.name for column in found[1].signature.given)

    def _seated(self, number: int, segment: str) -> tuple[Ready, Facts]:
        """Make the model of a segment ready; features that it shares with a version in the traffic are computed once."""
        ready = self._versions(self._product, number, segment)
        shared = (
            {id(self._lineup.ready[n].definition): facts for n, facts in self._lineup.facts.items()} if self._lineup else {}
        )
        facts = shared.get(id(ready.definition))
        return ready, facts or Facts(ready.definition, self._stores.online, self._stores.clock)

    def _facts(self, ready: Mapping[int, Ready]) -> dict[int, Facts]:
        held = self._lineup.facts if self._lineup is not None else {}
        by_definition = {id(self._lineup.ready[n].definition): facts for n, facts in held.items()} if self._lineup else {}
        for each in ready.values():
            if id(each.definition) not in by_definition:
                by_definition[id(each.definition)] = Facts(each.definition, self._stores.online, self._stores.clock)
        return {number: by_definition[id(each.definition)] for number, each in ready.items()}


def _reader(ready: Mapping[int, Ready], segments: str | None, of_segments: Iterable[str]) -> RequestReader:
    first = next(iter(ready.values()))
    also: dict[str, pl.DataType] = {}
    schema = first.definition.table.schema
    for name in dict.fromkeys([*([segments] if segments is not None else []), *of_segments]):
        if name in schema and name not in first.definition.given:
            also[name] = schema[name]
    for each in ready.values():
        also |= {name: dtype for name, dtype in each.definition.given.items() if name not in first.definition.given}
    return RequestReader(first.definition, first.known, also)


def _without(traffic: Traffic, role: str) -> Traffic:
    if role == "canary":
        return msgspec.structs.replace(traffic, canary=None, percent=0.0)
    return msgspec.structs.replace(traffic, shadow=None)
