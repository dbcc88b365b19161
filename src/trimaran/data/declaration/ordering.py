"""The order in which features can be computed, when some use others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter

from trimaran.core.errors import Fault
from trimaran.data.declaration.parts import Feature


def order(features: Sequence[Feature]) -> tuple[list[Feature], list[Fault]]:
    """Return the features so that each comes after those it uses, and a fault for each ring among them.

    Only row features use others: an input of theirs that names another feature is that feature. An input with the
    feature's own name is the column of that name. Those on a ring are returned too, in some order.

    >>> ratio = Feature("ratio", "flights", "row", lambda speed: speed / 2, ("speed",))
    >>> speed = Feature("speed", "flights", "row", lambda distance: distance / 3, ("distance",))
    >>> [feature.name for feature in order([ratio, speed])[0]]
    ['speed', 'ratio']
    """
    levels, faults = steps(features)
    return [feature for level in levels for feature in level], faults


def steps(features: Sequence[Feature]) -> tuple[list[list[Feature]], list[Fault]]:
    """Return the features in steps, each of which needs only earlier ones, and a fault for each ring among them."""
    by_name = {feature.name: feature for feature in features}
    uses = {feature.name: dict.fromkeys(_used(feature, by_name)) for feature in features}
    faults: list[Fault] = []
    while True:
        sorter = TopologicalSorter(uses)
        try:
            sorter.prepare()
        except CycleError as error:
            ring: list[str] = error.args[1]
            where = by_name[ring[0]].where
            faults.append(
                Fault(what=f"features use each other in a ring: {' → '.join(ring)}", where=where, remedy="break it")
            )
            # The ring lists each feature before one that uses it; without this use the search can find the next ring.
            del uses[ring[1]][ring[0]]
        else:
            return [[by_name[name] for name in level] for level in _levels(sorter)], faults


def _used(feature: Feature, by_name: dict[str, Feature]) -> list[str]:
    if feature.kind != "row":
        return []
    return [name for name in feature.inputs if name in by_name and name != feature.name]


def _levels(sorter: TopologicalSorter[str]) -> Iterator[tuple[str, ...]]:
    while sorter.is_active():
        ready = sorter.get_ready()
        yield ready
        sorter.done(*ready)
