"""A pipeline as a graph: names are edges, and every fault of it is told before anything runs."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trimaran.core.errors import DefinitionError, Fault
from trimaran.core.steps.step import Step

_EMPTY = inspect.Parameter.empty


class Graph:
    """The steps of a pipeline in an order in which each comes after those whose outputs it takes.

    ``edges`` map a step to the steps it takes from; ``parameters`` are the names that are no step, with their defaults.
    Steps that the given ones take from, and that stand where these are defined, come along, unless they are taken ``alone``. Raises ``DefinitionError`` with
    every fault: two steps of one name, a circle, a parameter that nothing gives, an output of another type than is taken.
    """

    def __init__(self, name: str, steps: Iterable[Step], *, alone: bool = False) -> None:
        self.name = name
        self._alone = alone
        self._faults: list[Fault] = []
        known = self._gathered(steps)
        self.edges = {one.name: tuple(dict.fromkeys(self._sources(one, known))) for one in known.values()}
        self._ordered = self._order(known)
        self.steps: Mapping[str, Step] = {one.name: one for one in self._ordered}
        self.parameters = self._parameters()
        self._compare_types()
        if not known:
            self._faults.append(Fault(what="it has no step", remedy="write @tm.step over a function"))
        if self._faults:
            raise DefinitionError(f"pipeline {name}", self._faults)

    def source(self, step: Step, parameter: str) -> str | None:
        """Return the name of the step that a parameter takes its value, or its values, from; None for any other."""
        given = step.each.get(parameter, parameter)
        name = given.name if isinstance(given, Step) else given
        return name if isinstance(name, str) and name in self.steps else None

    def below(self, name: str) -> set[str]:
        """Return the steps that need the output of one, directly or not."""
        found = {name}
        for one in self.steps:
            if found & set(self.edges[one]):
                found.add(one)
        return found - {name}

    def needed(self, names: Sequence[str]) -> set[str]:
        """Return some steps, and all whose outputs they need."""
        wanted = set(names)
        for one in reversed(list(self.steps)):
            if one in wanted:
                wanted |= set(self.edges[one])
        return wanted

    def _gathered(self, steps: Iterable[Step]) -> dict[str, Step]:
        known: dict[str, Step] = {}
        waiting = list(steps)
        while waiting:
            one = waiting.pop(0)
            if known.get(one.name, one) is not one:
                if known[one.name].function is not one.function:
                    self._fault(
                        one, f"two steps have the name {one.name}, the other at {known[one.name].where}", "rename one"
                    )
                continue
            if one.name in known:
                continue
            known[one.name] = one
            if self._alone:
                continue
            around = getattr(inspect.unwrap(one.function), "__globals__", {})
            wanted = [one.each.get(name, name) for name in one.parameters]
            beside = [around.get(each) if isinstance(each, str) else each for each in wanted]
            waiting += [each for each in beside if isinstance(each, Step) and each.name in {*wanted, *_names(wanted)}]
        return known

    def _sources(self, one: Step, known: Mapping[str, Step]) -> Iterable[str]:
        for parameter in one.parameters:
            given = one.each.get(parameter, parameter)
            name = given.name if isinstance(given, Step) else given
            if isinstance(name, str) and name in known:
                yield name
            elif parameter in one.each and isinstance(name, str):
                self._fault(one, f"each[{parameter!r}] names {name!r}, which is no step", f"name one of: {', '.join(known)}")

    def _order(self, known: Mapping[str, Step]) -> list[Step]:
        done: dict[str, Step] = {}
        left = dict(known)
        while left:
            ready = [name for name in left if set(self.edges[name]) <= done.keys()]
            if not ready:
                circle = ", ".join(left)
                self._faults.append(
                    Fault(what=f"steps need each other in a circle: {circle}", remedy="let one of them take something else")
                )
                return [*done.values(), *left.values()]
            done |= {name: left.pop(name) for name in ready}
        return list(done.values())

    def _parameters(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for one in self._ordered:
            for name, parameter in one.parameters.items():
                if name not in self.steps and name not in one.each and found.get(name, _EMPTY) is _EMPTY:
                    found[name] = parameter.default
        return found

    def _compare_types(self) -> None:
        for one in self._ordered:
            for parameter in one.parameters:
                source = self.source(one, parameter)
                if source is None or parameter in one.each or self.steps[source].each:
                    continue
                made, taken = self.steps[source].hints.get("return"), one.hints.get(parameter)
                if isinstance(made, type) and isinstance(taken, type) and not _fits(made, taken):
                    what = f"{source} makes {made.__name__}, but {one.name} takes {taken.__name__}"
                    self._fault(one, what, "correct one of the two types")

    def _fault(self, one: Step, what: str, remedy: str) -> None:
        self._faults.append(Fault(where=one.where, what=what, remedy=remedy))


def _names(given: Sequence[Any]) -> set[str]:
    return {each.name for each in given if isinstance(each, Step)}


def _fits(made: type, taken: type) -> bool:
    return issubclass(made, taken) or taken is object or (made is int and taken is float)
