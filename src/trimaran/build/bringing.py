"""A model that was trained elsewhere: how it joins at the gate, and what must agree with the product first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np

from trimaran.build.evidence import Parity
from trimaran.build.probing import compare_forms
from trimaran.core.errors import Fault, InputError
from trimaran.core.nouns import Origin
from trimaran.core.ports import Scorer
from trimaran.core.tasks import NUMBERS, Task

NUMERIC = frozenset({"float", "double", "integer", "long", "boolean", "float32", "float64", "int32", "int64", "bool"})
"""The types of inputs that a feature, a float32 number, can be given to."""

_ASKED = {
    "binary": "a yes or no",
    "multiclass": "one of several classes",
    "regression": "a number",
    "ranking": "a number to rank by",
}


@dataclass(frozen=True)
class Inputs:
    """What a model says it takes: names in order and types where it knows them, else how many; ``by`` says where it says so.

    ``classes`` are those it tells apart, as texts, None where it does not say; ``classifies`` likewise.
    """

    names: Sequence[str] | None = None
    width: int | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    classes: Sequence[str] | None = None
    classifies: bool | None = None
    ordered: bool = True
    by: str = "the model"


@dataclass(frozen=True)
class Brought:
    """A model that was trained elsewhere, ready to be tested.

    ``native`` are its bytes in the form ``kept_as``, ``scorer`` answers as it does where it came from, ``compiled`` are its
    bytes as ONNX, None with a ``note`` where there are none. ``files`` are all it came as, by digest. Where ``alone`` is
    false only the compiled form can serve. ``inputs`` holds everything that says what it takes.
    """

    origin: Origin
    native: bytes
    kept_as: str
    scorer: Scorer
    compiled: bytes | None
    inputs: Sequence[Inputs]
    files: Mapping[str, bytes] = field(default_factory=dict)
    note: str = ""
    alone: bool = True


def check_inputs(inputs: Sequence[Inputs], features: Sequence[str], task: Task, source: str) -> None:
    """Raise ``InputError`` with everything in which a model does not agree with the product's features and label."""
    faults = list(dict.fromkeys(fault for one in inputs for fault in _mismatches(one, list(features), task)))
    if faults:
        raise InputError(f"model {source}", faults)


def check_answers(scorer: Scorer, rows: np.ndarray, task: Task, source: str) -> np.ndarray:
    """Return which rows have answers that are numbers; raises ``InputError`` for answers of another shape, or none at all.

    Probabilities that are none, and rows without a number, are the gate's to judge.
    """
    answers = scorer(rows)
    wanted = (len(rows), len(task.classes)) if task.classes else (len(rows),)
    if answers.shape != wanted:
        one = f"{len(task.classes)} probabilities" if task.classes else "one number"
        what = f"it answers {answers.shape} to {len(rows)} rows, where {one} a row is asked, {wanted}"
        raise InputError(f"model {source}", [Fault(what=what, remedy="bring a model of this product's label")])
    finite: np.ndarray = np.isfinite(answers).reshape(len(rows), -1).all(axis=1)
    if not finite.any():
        what = f"none of its answers to {len(rows)} real rows is a number: they are NaN or infinite"
        remedy = "let it take missing values, which are NaN here, or fill them inside the model"
        raise InputError(f"model {source}", [Fault(what=what, remedy=remedy)])
    return finite


def compare(brought: Brought, compiled: Scorer | None, rows: np.ndarray, task: Task) -> Parity:
    """Return how far the compiled form's answers are from the model's own, on the rows where that answers a number."""
    finite = check_answers(brought.scorer, rows, task, brought.origin.source)
    if compiled is None:
        note = f"there is no compiled form, the model serves as it came: {brought.note}"
        return Parity(rows=0, difference=None, flips=None, holds=False, note=note)
    parity = compare_forms(brought.scorer, compiled, rows[finite], task)
    if not parity.holds and not brought.alone:
        fault = Fault(what=parity.note.partition(":")[0], remedy="bring it in another form")
        raise InputError(f"model {brought.origin.source}", [fault])
    return parity


def _mismatches(said: Inputs, features: list[str], task: Task) -> Iterator[Fault]:
    if said.names is not None:
        yield from _names(said, list(said.names), features)
    elif said.width is not None and said.width != len(features):
        listed = ", ".join(features)
        what = f"{said.by} takes {said.width} inputs, the product has {len(features)} features: {listed}"
        yield Fault(what=what, remedy="declare the features that it was trained on, in its order")
    for name, kind in said.types.items():
        if kind not in NUMERIC:
            what = f"{said.by} takes {name!r} as {kind}, and features are numbers"
            yield Fault(what=what, remedy="encode it inside a feature, and train on that")
    yield from _answers(said, task)


def _names(said: Inputs, names: list[str], features: list[str]) -> Iterator[Fault]:
    for name in names:
        if name not in features:
            yield Fault(what=f"{said.by} takes {name!r}, which is no feature of the product", remedy="declare it as one")
    for name in features:
        if name not in names:
            yield Fault(what=f"the product has the feature {name!r}, which {said.by} does not take", remedy="take it out")
    if said.ordered and sorted(names) == sorted(features) and names != features:
        pairs = zip_longest(names, features)
        moved = [
            f"input {place} is {one!r}, feature {place} is {other!r}"
            for place, (one, other) in enumerate(pairs, 1)
            if one != other
        ]
        yield Fault(what=f"{said.by} has another order: {'; '.join(moved)}", remedy="declare the features in its order")


def _answers(said: Inputs, task: Task) -> Iterator[Fault]:
    asked = _ASKED[task.kind]
    if said.classifies is not None and said.classifies != (task.method == "predict_proba"):
        sort = "classifier" if said.classifies else "regressor"
        yield Fault(what=f"{said.by} is a {sort}, and the product asks for {asked}", remedy="bring the other sort")
    elif said.classes is not None and task.kind not in NUMBERS:
        places = [str(place) for place in range(max(2, len(task.classes)))]
        if list(said.classes) not in (places, list(task.classes)):
            wanted = " or ".join(dict.fromkeys(str(one) for one in (places, list(task.classes)) if one))
            what = f"{said.by} tells apart {list(said.classes)}, and the product asks for {asked}: {wanted}"
            yield Fault(what=what, remedy="fit it on labels as the product has them, in that order")
