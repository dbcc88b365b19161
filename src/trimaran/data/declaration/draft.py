"""What has been declared so far: parts by name, and the faults that were seen on the way."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar

from trimaran.core.errors import Fault, InputError
from trimaran.core.tasks import Value
from trimaran.data.declaration.budgets import parse_budget
from trimaran.data.declaration.parts import (
    Acceptance,
    Expectation,
    Feature,
    Function,
    Label,
    Lag,
    Model,
    ModelTest,
    Naive,
    ReleasePolicy,
    Replicating,
    Retraining,
    Suggestion,
    Table,
    Watch,
)
from trimaran.data.declaration.spaces import Choices, Space

Part = TypeVar("Part")
REPORT = "report"
"""The parameter of a fit that is no parameter: by it the fit says how good it is on its way."""

GROUP = "group"
"""The parameter of a fit that is no parameter unless it has a default: the sizes of the groups that rows are ranked in."""

PRUNERS = ("median", "halving")
"""How trials are given up: what is worse than the median so far; or, at steps 1, 3, 9, 27 …, what is not in the best third."""


@dataclass
class Draft:
    """A declaration under way."""

    name: str
    owner: str
    predict_at: str
    where: str
    tables: dict[str, Table] = field(default_factory=dict)
    expectations: dict[str, Expectation] = field(default_factory=dict)
    features: dict[str, Feature] = field(default_factory=dict)
    tests: dict[str, ModelTest] = field(default_factory=dict)
    suggestion: Suggestion | None = None
    labels: list[tuple[Label, timedelta | None]] = field(default_factory=list)
    models: list[Model] = field(default_factory=list)
    acceptance: Acceptance | None = None
    slices: list[str] = field(default_factory=list)
    margin: str | None = None
    release: ReleasePolicy | None = None
    watch: Watch | None = None
    retraining: Retraining | None = None
    value: Value | None = None
    worth: Function | None = None
    lags: list[Lag] = field(default_factory=list)
    naive: Naive | None = None
    replication: Replicating | None = None
    faults: list[Fault] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)

    def fault(self, what: str, where: str, remedy: str = "") -> None:
        """Note something that cannot hold."""
        self.faults.append(Fault(what=what, where=where, remedy=remedy))

    def add(self, parts: dict[str, Part], name: str, part: Part, where: str) -> None:
        """Add a named part; a name used twice for one kind of part is a fault."""
        if name in parts:
            self.fault(f"{name!r} is declared twice", where, "give one of them another name")
        parts[name] = part

    def place(self, policy: str, where: str) -> None:
        """Remember where a policy stands; a second one of its kind is a fault."""
        if policy in self.places:
            self.fault(f"{policy}() is declared twice, first at {self.places[policy]}", where, "keep one of them")
        self.places[policy] = where

    def label(self, label: Label, wait: timedelta | None) -> None:
        """Add the label; which of its columns are late is known only once the tables are."""
        self.labels.append((label, wait))

    def model(self, function: Function, spaces: Mapping[str, Space], trials: int, where: str) -> None:
        """Add the model, with the faults of its signature and its tuning spaces."""
        parameters = list(inspect.signature(function).parameters.values())
        if len(parameters) < 2:  # noqa: PLR2004  X and y
            self.fault(
                f"{function.__name__}() takes {len(parameters)} arguments", where, "write it as fit(X, y, **parameters)"
            )
        defaults: dict[str, Any] = {}
        reports = any(parameter.name == REPORT for parameter in parameters[2:])
        empty = [one.name for one in parameters[2:] if one.default is inspect.Parameter.empty or one.default is None]
        grouped = GROUP in empty
        given = {REPORT, *([GROUP] if grouped else [])}
        parameters = [parameter for parameter in parameters if parameter.name not in given]
        for parameter in parameters[2:]:
            if parameter.default is inspect.Parameter.empty and parameter.name not in spaces:
                self.fault(
                    f"parameter {parameter.name!r} has neither a default nor a space to tune", where, "give it a default"
                )
            elif parameter.default is not inspect.Parameter.empty:
                defaults[parameter.name] = parameter.default
        names = [parameter.name for parameter in parameters[2:]]
        for name, space in spaces.items():
            if name not in names:
                self.fault(
                    f"tune names {name!r}, which fit() does not take", where, f"choose from: {', '.join(names) or 'none'}"
                )
            if isinstance(space, Choices) and not space.options:
                self.fault(f"the space of {name!r} is empty", where, "give it at least one value")
        if spaces and trials < 1:
            self.fault("tune is given but trials is not", where, "say how many trials, like trials=20")
        self.models.append(Model(function, defaults, dict(spaces), trials, where, reports=reports, grouped=grouped))

    def search(self, budget: str | None, prune: str, where: str) -> None:
        """Add what a search for parameters may cost, and how trials are given up, to the model that was added last."""
        model = self.models[-1]
        if prune and prune not in PRUNERS:
            self.fault(f"prune is {prune!r}", where, f"choose from: {', '.join(PRUNERS)}")
        if prune and not model.reports:
            self.fault(
                "prune is given, but fit() reports nothing on its way", where, "give it a parameter report=None and call it"
            )
        try:
            parsed = parse_budget(budget) if budget is not None else None
        except InputError as error:
            self.fault(error.faults[0].what, where, error.faults[0].remedy)
        else:
            self.models[-1] = replace(model, budget=parsed, prune=prune)
