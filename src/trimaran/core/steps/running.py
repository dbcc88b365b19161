"""Runs a pipeline: looks up what is known, starts the rest as its inputs come, and tells what became of every step."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from datetime import datetime
from inspect import Parameter
from itertools import count
from threading import Event
from typing import Any

import msgspec

from trimaran.core.engines import Attempt, Engine, Kept, Made, Result, ResultStore
from trimaran.core.errors import Fault, InputError, TrimaranError
from trimaran.core.nouns import Fate, Part, StepRun, Value
from trimaran.core.ports import Progress
from trimaran.core.steps.attempting import Call, attempt
from trimaran.core.steps.fingerprint import fingerprint, path_parts
from trimaran.core.steps.graph import Graph
from trimaran.core.steps.hashing import hashed
from trimaran.core.steps.passing import PassingFolder
from trimaran.core.steps.planning import Cache, Item, Node, item_of, reading, seed_of
from trimaran.core.steps.sealing import Seals
from trimaran.core.steps.step import Step
from trimaran.core.steps.values import Values, digests_in, listed

_LOSSES = 3
"""A step whose place was lost is run again so many times: one that takes every place with it must end."""

READ = "seen to be read"
"""What is said of a file that a step was seen to read."""

_LOOK = 0.2
"""Seconds between two looks at whether a run is to stop."""


@dataclass(frozen=True)
class Surroundings:
    """What runs share: where results are kept, which forms values have, who vouches for pickles."""

    results: ResultStore
    values: Values
    seals: Seals
    progress: Progress


@dataclass(frozen=True)
class Order:
    """One run as it is asked for: ``parameters`` by name, ``again`` the steps that are run whatever is known of them.

    With ``only`` nothing is run but these steps and what they need. ``stop`` ends the run when it is set.
    """

    run: str
    now: datetime
    parameters: Mapping[str, Any]
    again: Collection[str] = ()
    only: Collection[str] = ()
    stop: Event | None = None


@dataclass
class Course:
    """What became of a run: its steps in order, the stored values by digest where they are at hand, and how it ended."""

    steps: list[StepRun] = field(default_factory=list)
    cancelled: bool = False


class Run:
    """One run of a graph on an engine."""

    def __init__(self, graph: Graph, engine: Engine, around: Surroundings, order: Order) -> None:
        self._graph = graph
        self._engine = engine
        self._around = around
        self._order = order
        self._cache = Cache(around.results, around.seals, order.now)
        wanted = graph.needed(list(order.only)) if order.only else set(graph.steps)
        self._nodes = {name: Node(step, fingerprint(step)) for name, step in graph.steps.items() if name in wanted}
        self._ready: deque[Item] = deque()
        self._later: list[tuple[float, Item]] = []
        self._under_way: dict[int, Item] = {}
        self._numbers = count(1)
        self._keeping: list[tuple[Item, Future[None]]] = []
        self._durable: set[str] = set()
        self._given: dict[str, tuple[Value, dict[str, bytes]]] = {}
        self._paths: dict[str, dict[str, Part]] = {}

    def go(self) -> Course:
        """Run to the end, whatever fails; what is told as done is on the disk by then."""
        self._take_parameters()
        task, progress = f"pipeline {self._graph.name}", self._around.progress
        progress.start(task, len(self._nodes))
        cancelled = False
        try:
            self._advance()
            while not cancelled and (self._ready or self._later or self._under_way):
                self._start()
                for number, made in self._engine.wait(self._patience()) if self._under_way else self._pause():
                    self._ended(self._under_way.pop(number), made)
                self._advance()
                cancelled = self._order.stop is not None and self._order.stop.is_set()
        except KeyboardInterrupt:
            cancelled = True
        if cancelled:
            self._engine.stop(list(self._under_way))
        self._settle()
        progress.finish(task)
        return Course(self._told(), cancelled)

    def _take_parameters(self) -> None:
        unknown = [name for name in self._order.parameters if name not in self._graph.parameters]
        known = ", ".join(self._graph.parameters) or "none"
        faults = [Fault(where=name, what="there is no such parameter", remedy=f"choose from: {known}") for name in unknown]
        faults += [
            Fault(where=one, what="there is no such step", remedy=f"choose from: {', '.join(self._graph.steps)}")
            for one in [*self._order.again, *self._order.only]
            if one not in self._graph.steps
        ]
        used = {name for node in self._nodes.values() for name in node.step.parameters}
        for name, default in self._graph.parameters.items():
            value = self._order.parameters.get(name, default)
            if name in used and name not in self._order.parameters and default is Parameter.empty:
                faults.append(
                    Fault(where=name, what="no step makes it, and it has no default", remedy=f"give it: run({name}=…)")
                )
            elif name in used:
                stored = self._around.values.store(value)
                self._given[name] = (self._around.seals.seal(stored.value), stored.data)
                self._paths[name] = path_parts({name: value})
        if faults:
            raise InputError(f"pipeline {self._graph.name}", faults)

    def _advance(self) -> None:
        """Plan every step whose inputs are there, and those that this makes ready in turn."""
        for name, node in self._nodes.items():
            if node.told is not None:
                continue
            if not node.planned:
                sources = [self._nodes[source] for source in self._graph.edges[name]]
                if any(source.told is None for source in sources):
                    continue
                without = [source.step.name for source in sources if source.output is None]
                if without:
                    self._tell(
                        node,
                        StepRun(name=name, fate="skipped", error=f"it needs {', '.join(without)}, which did not end well"),
                    )
                    continue
                self._plan(node)
            if all(item.told is not None for item in node.items):
                self._conclude(node)

    def _plan(self, node: Node) -> None:
        node.planned = True
        try:
            node.items = self._items(node)
        except TrimaranError as error:
            self._tell(node, StepRun(name=node.step.name, fate="failed", error=str(error)))
            return
        for item in node.items:
            found = None if node.step.name in self._order.again else self._cache.find(node, item)
            if found is None:
                self._ready.append(item)
            else:
                item.output = found.output
                line = self._line(
                    node, item, "cached", Made(seconds=found.seconds, warnings=found.warnings, read=found.read)
                )
                item.told = msgspec.structs.replace(line, since=found.run)

    def _items(self, node: Node) -> list[Item]:
        step = node.step
        one: dict[str, Value] = {}
        several: dict[str, list[Value]] = {}
        data: dict[str, bytes] = {}
        paths: dict[str, Part] = {}
        sources: dict[str, str] = {}
        for name in step.parameters:
            source = self._graph.source(step, name)
            if source is not None:
                sources[name] = source
            if name in step.each:
                several[name] = self._each(step, name, source, data)
            elif source is not None:
                one[name] = self._made_by(source)
            else:
                one[name], given = self._given[name]
                data |= given
                paths |= self._paths[name]
        rows = [(None, one)] if not several else [(place, one | row) for place, row in enumerate(_rows(step, several))]
        made = [item_of(node, place, inputs, sources, paths) for place, inputs in rows]
        for item in made:
            item.data = {
                digest: data[digest] for value in item.inputs.values() for digest in digests_in(value) if digest in data
            }
        return made

    def _made_by(self, source: str) -> Value:
        output = self._nodes[source].output
        if output is None:
            raise InputError(source, [Fault(what="it made nothing", remedy="run it again")])
        return output

    def _each(self, step: Step, name: str, source: str | None, data: dict[str, bytes]) -> list[Value]:
        """Return the stored values that a parameter takes one after the other."""
        if source is not None and self._graph.steps[source].each:
            return list(self._made_by(source).leaves)
        if source is not None:
            with PassingFolder() as folder:
                values = self._load(self._made_by(source), folder)
        else:
            values = step.each[name]
        if not isinstance(values, list | tuple):
            what = f"each[{name!r}] is a {type(values).__name__}, not a list"
            raise InputError(f"step {step.name}", [Fault(what=what, remedy="give back a list of the values")])
        stored = [self._around.values.store(value) for value in values]
        for each in stored:
            data |= each.data
        return [self._around.seals.seal(each.value) for each in stored]

    def _load(self, value: Value, folder: PassingFolder) -> Any:
        self._around.seals.check(value)
        return self._around.values.load(value, self._around.results.read, folder)

    def _start(self) -> None:
        now = time.monotonic()
        self._ready.extend(item for due, item in self._later if due <= now)
        self._later = [(due, item) for due, item in self._later if due > now]
        while self._ready and self._engine.room() > 0:
            item, number = self._ready.popleft(), next(self._numbers)
            self._await_inputs(item.step.name)
            item.attempts += 1
            call = Call(item.step, item.inputs, seed_of(item.key), self._around.values)
            try:
                for value in item.inputs.values():
                    self._around.seals.check(value)
                data = {
                    digest: one
                    for value in item.inputs.values()
                    for digest, one in reading(self._around.results, value, item.data).items()
                }
            except TrimaranError as error:
                self._ended(item, Made(error=f"{item.name}: an input cannot be read: {error}"))
                continue
            conduct, node = item.step.conduct, self._nodes[item.step.name]
            self._under_way[number] = item
            self._engine.start(
                Attempt(number, item.name, attempt, call, data, node.print.modules, conduct.timeout, conduct.memory)
            )

    def _await_inputs(self, name: str) -> None:
        """Wait until what a step takes is on the disk: whatever the step does to this process, its inputs are kept."""
        for source in self._graph.edges[name]:
            if source not in self._durable:
                wait([future for item, future in self._keeping if item.step.name == source])
                self._durable.add(source)

    def _patience(self) -> float | None:
        waits = [max(due - time.monotonic(), 0.0) for due, _ in self._later] if self._engine.room() > 0 else []
        return min([*waits, *([_LOOK] if self._order.stop is not None else [])], default=None)

    def _pause(self) -> list[tuple[int, Made]]:
        """Wait until the next attempt is due, where nothing else is under way."""
        if not self._ready and self._later:
            time.sleep(min(self._patience() or 0.0, _LOOK))
        return []

    def _ended(self, item: Item, made: Made) -> None:
        node = self._nodes[item.step.name]
        if made.lost and item.losses < _LOSSES:
            item.losses += 1
            item.attempts -= 1
            self._ready.append(item)
            return
        if made.error and item.attempts <= item.step.conduct.retries:
            self._later.append((time.monotonic() + item.step.conduct.wait(item.attempts).total_seconds(), item))
            return
        if made.output is None or made.error:
            item.told = self._line(node, item, "failed", made)
            return
        item.output = self._around.seals.seal(made.output)
        unsteady = () if item.step.conduct.steady else made.unsteady
        result = Result(
            key=item.key, output=item.output, run=self._order.run, at=self._order.now, seconds=made.seconds,
            read=made.read, warnings=made.warnings, unsteady=unsteady,
        )  # fmt: skip
        self._keeping.append((item, self._around.results.keep(Kept(result, {**item.data, **made.data}))))
        item.told = self._line(node, item, "ran", made)

    def _line(self, node: Node, item: Item, fate: Fate, made: Made | None = None) -> StepRun:
        seen = made or Made()
        observed = {f"file {path}": Part(digest=digest, said=READ) for path, digest in seen.read.items()}
        return StepRun(
            name=item.step.name,
            item=item.place,
            fate=fate,
            key=item.key,
            parts=item.parts | observed,
            inputs=item.inputs,
            output=item.output,
            seconds=seen.seconds,
            attempts=item.attempts,
            log=seen.log,
            error=seen.error,
            warnings=seen.warnings,
            uncached=(*node.print.uncached, *(() if node.step.conduct.steady else seen.unsteady)),
            place=seen.place,
        )

    def _conclude(self, node: Node) -> None:
        """Tell what became of a step, all items of which have ended."""
        if len(node.items) == 1 and node.items[0].place is None:
            told = node.items[0].told
            if told is not None:
                self._tell(node, told)
            return
        fates = [item.told.fate for item in node.items if item.told is not None]
        failed = [item for item in node.items if item.told is not None and item.told.fate == "failed"]
        if failed:
            first = failed[0].told.error if failed[0].told is not None else ""
            error = f"{len(failed)} of {len(node.items)} failed, the first of them {failed[0].name}: {first}"
            self._tell(node, StepRun(name=node.step.name, fate="failed", error=error))
            return
        output, data = listed([item.output for item in node.items if item.output is not None])
        key = key_of_items(node.items)
        result = Result(key=key, output=output, run=self._order.run, at=self._order.now, seconds=0.0)
        if not self._around.results.find(key):
            self._keeping.append(
                (Item(node.step, None, {}, {}, key), self._around.results.keep(Kept(result, {output.digest: data})))
            )
        fate: Fate = "cached" if all(one == "cached" for one in fates) else "ran"
        seconds = sum(item.told.seconds for item in node.items if item.told is not None and item.told.fate == "ran")
        self._tell(node, StepRun(name=node.step.name, fate=fate, key=key, output=output, seconds=seconds))

    def _tell(self, node: Node, told: StepRun) -> None:
        node.told = told
        self._around.progress.advance(f"pipeline {self._graph.name}", note=f"{told.name}: {told.fate}")

    def _settle(self) -> None:
        """Wait until everything is on the disk; what is not is told."""
        for item, future in self._keeping:
            try:
                future.result()
            except TrimaranError as error:
                node = self._nodes[item.step.name]
                lost = self._line(node, item, "failed", Made(error=f"{item.name}: its result could not be kept: {error}"))
                item.told = lost
                if item.place is None or node.told is not None:
                    node.told = lost

    def _told(self) -> list[StepRun]:
        found: list[StepRun] = []
        for name, node in self._nodes.items():
            found.append(node.told or StepRun(name=name, fate="cancelled"))
            if any(item.place is not None for item in node.items):
                found += [item.told or StepRun(name=name, item=item.place, fate="cancelled") for item in node.items]
        return found


def key_of_items(items: list[Item]) -> str:
    """Return the key of the list that the items of a step make."""
    return hashed("items", *(item.key for item in items))


def _rows(step: Step, several: Mapping[str, list[Value]]) -> list[dict[str, Value]]:
    """Return the values of each item; raises ``InputError`` where there are not equally many of each."""
    lengths = {name: len(values) for name, values in several.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(
            f"step {step.name}", [Fault(what=f"its each have other lengths: {lengths}", remedy="make them equal")]
        )
    return [dict(zip(several, row, strict=True)) for row in zip(*several.values(), strict=True)]
