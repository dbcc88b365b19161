"""Features of features: a window, or a newest row, over what row features and the label make of the rows they look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from trimaran.core.errors import Fault
from trimaran.data.declaration.parts import PREDICT_AT, Feature, Function, Label


def composed(feature: Feature, features: Mapping[str, Feature], label: Label | None) -> tuple[Feature, list[Fault]]:
    """Return a feature over its table's columns alone, and what keeps it from being one.

    An input that names a row feature of the same table is that feature of each row looked at; in a window over the label's
    table the label's name is the label. Their columns become the feature's own inputs, and so does when those become known.

    >>> long = Feature("long", "flights", "row", lambda distance: distance > 1000, ("distance",))
    >>> share = Feature("share", "flights", "window", lambda long: long.mean(), ("long",), on=("origin",))
    >>> whole, faults = composed(share, {"long": long, "share": share}, None)
    >>> whole.inputs, str(whole.expression), faults
    (('distance',), '[(col("distance")) > (dyn int: 1000)].mean().alias("share")', [])
    """
    parts: dict[str, Feature] = {}
    faults = [
        Fault(what=what, where=feature.where, remedy=remedy) for what, remedy in _gather(feature, features, label, parts)
    ]
    if faults or not parts:
        return feature, faults
    named = [*feature.inputs, *(name for part in parts.values() for name in part.inputs)]
    inputs = tuple(dict.fromkeys(name for name in named if name not in parts))
    whole = replace(feature, inputs=inputs, function=_call(feature.function, feature.inputs, inputs, parts))
    over = [
        replace(part, inputs=inputs, function=_call(part.function, part.inputs, inputs, parts)) for part in parts.values()
    ]
    return replace(whole, over=tuple(over)), []


def _gather(
    feature: Feature, features: Mapping[str, Feature], label: Label | None, parts: dict[str, Feature]
) -> Iterator[tuple[str, str]]:
    """Find all that a feature is made of, and yield what it cannot be made of."""
    waiting = [name for name in feature.columns if name != feature.name]
    while waiting:
        name = waiting.pop()
        if name in parts:
            continue
        part = features.get(name)
        if label is not None and name == label.name and feature.table == label.table:
            if feature.kind != "window":
                yield f"feature {feature.name!r} uses the label {name!r}", "use it in a window: by= and window="
                continue
            part = Feature(name, label.table, "row", label.value, label.inputs)
        if part is None:
            continue
        if part is feature:
            yield f"features use each other in a ring: {' → '.join([name, *parts, name])}", "break it"
        elif part.kind != "row" or part.table != feature.table:
            what = f"feature {feature.name!r} uses {name!r}, which is itself looked up, for rows that nobody asked for"
            yield what, "use the columns it is made of"
        elif PREDICT_AT in part.inputs:
            what = f"feature {feature.name!r} uses {name!r}, which depends on when its own row is predicted"
            yield what, f"use {PREDICT_AT} in {feature.name!r} itself"
        else:
            parts[name] = part
            waiting += [each for each in part.inputs if each != name]


def _call(function: Function, inputs: tuple[str, ...], given: tuple[str, ...], parts: Mapping[str, Feature]) -> Function:
    """Return a function of some columns that calls one of columns and parts."""

    def value(name: str, columns: Mapping[str, Any]) -> Any:
        if name not in parts:
            return columns[name]
        return parts[name].function(*(value(each, columns) for each in parts[name].inputs))

    def call(*columns: Any) -> Any:
        known = dict(zip(given, columns, strict=True))
        return function(*(value(name, known) for name in inputs))

    return call
