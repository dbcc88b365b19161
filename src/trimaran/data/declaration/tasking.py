"""Holds a product's label, rules and value to its task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import polars as pl

from trimaran.core.checks import LOWER, MEASURES, Rule, parse_rule
from trimaran.core.errors import FaultyError
from trimaran.core.tasks import KINDS, Number, OneOf, Ranking, Task, Value, YesOrNo
from trimaran.data.declaration.draft import Draft
from trimaran.data.declaration.parts import Label, Table, parse_moment

FEWEST_CLASSES = 3
FORECAST = "mase"
"""The measure that needs a naive forecast beside the answers."""

_OF_TRAFFIC = ("errors", "drift", "p50", "p99")
_SAID = {
    "binary": "a yes-or-no label",
    "regression": "a regression",
    "multiclass": "a label of several classes",
    "ranking": "a ranking",
}


def asked_table(draft: Draft, tables: Mapping[str, Table]) -> Table | None:
    """Return the table whose rows are asked about: the label's, and where there is none yet the only one that ``predict_at`` can mean."""
    if draft.labels:
        return tables.get(draft.labels[0][0].table)
    try:
        column = parse_moment(draft.predict_at).column
    except FaultyError:
        return None
    found = [table for table in tables.values() if table.schema and column in table.schema]
    return found[0] if len(found) == 1 else None


def label_faults(label: Label, dtype: pl.DataType | None) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a label of some type, with what to do."""
    if label.kind not in KINDS:
        yield f"label {label.name!r} has the task {label.kind!r}", f"choose from: {', '.join(KINDS)}"
    if (label.kind == "multiclass") != bool(label.classes):
        yield (
            f"label {label.name!r} is {label.kind} with {len(label.classes)} classes",
            "give classes=[…], and no other task",
        )
    elif label.classes and len(set(label.classes)) < max(FEWEST_CLASSES, len(label.classes)):
        what = f"label {label.name!r} has the classes {', '.join(label.classes)}"
        yield what, "name three or more, each once; of two make a yes-or-no label"
    if not 0 < label.quantile < 1:
        yield f"label {label.name!r} is about the quantile {label.quantile:g}", "give one between 0 and 1, like 0.9"
    if dtype is not None and not label.classes and not (dtype.is_numeric() or dtype == pl.Boolean):
        yield f"label {label.name!r} is {dtype}", "make it true or false, a number, or name its values: classes=[…]"


def measured(draft: Draft, label: Label) -> None:
    """Judge each rule and the value of a draft by the task of its label, and settle what its margin is about."""
    task = _task(label)
    kind = _SAID.get(label.kind, label.kind)
    for place, rule in _rules(draft):
        if rule.measure == FORECAST:
            _forecast(draft, place, rule)
        elif rule.measure not in task.measures and rule.measure not in _OF_TRAFFIC:
            choices = ", ".join(name for name in task.measures if name in MEASURES)
            draft.fault(
                f"{place}() asks for {rule.measure}, no measure of {kind}", draft.places[place], f"choose from: {choices}"
            )
    if draft.worth is not None and label.kind == "binary":
        remedy = "give true_positive=, false_positive=, true_negative=, false_negative="
        draft.fault("a yes-or-no label is valued by its outcomes", draft.places["value"], remedy)
    if label.kind == "ranking":
        if draft.value is not None:
            remedy = "leave value() out: only the order of a group counts, and no single answer of it has a worth"
            draft.fault("a ranking has no value by row", draft.places["value"], remedy)
    elif draft.worth is None and draft.value is not None and label.kind != "binary":
        remedy = "declare a function of score and label instead: @product.value above def worth(score, label)"
        draft.fault(f"{kind} has no true or false positives", draft.places["value"], remedy)
    _settle(draft, task)


def _forecast(draft: Draft, place: str, rule: Rule) -> None:
    """Judge a rule in units of the naive forecast, which is known only where models are tested."""
    if draft.acceptance is None or rule not in draft.acceptance.rules or rule.against_live:
        remedy = "require it of the whole window alone: product.accept(mase='<= 1')"
        draft.fault(f"{place}() asks for {FORECAST}, which is measured once, at the gate", draft.places[place], remedy)
    elif draft.naive is None:
        remedy = "declare the forecast that it is in units of: product.lags(…, naive='7d')"
        draft.fault(f"accept() asks for {FORECAST}, and there is no naive forecast", draft.places[place], remedy)


def _settle(draft: Draft, task: Task) -> None:
    """Read the margin against the live version as a rule on the first measure of quality that is required."""
    if draft.margin is None or draft.acceptance is None:
        return
    required = (rule.measure for rule in draft.acceptance.rules if rule.measure not in {*_OF_TRAFFIC, FORECAST})
    measure, text = next(required, task.compared[0]), draft.margin.strip()
    if text[:1] in {"+", "-"}:
        text = f"{'<=' if measure in LOWER else '>='} live {text[0]} {text[1:]}"
    try:
        rule = parse_rule(text, measure=measure)
    except FaultyError as error:
        for fault in error.faults:
            draft.fault(fault.what, draft.places["accept"], fault.remedy)
    else:
        draft.acceptance = replace(draft.acceptance, against_live=(rule,))


def _rules(draft: Draft) -> Iterator[tuple[str, Rule]]:
    if draft.acceptance is not None:
        yield from (("accept", rule) for rule in draft.acceptance.rules)
        yield from (("accept", rule) for _, rule in draft.acceptance.slices)
    if draft.release is not None and draft.release.rollback is not None:
        yield from (("release", rule) for rule in draft.release.rollback.any_of)
    if draft.watch is not None and draft.watch.decay is not None:
        yield "watch", draft.watch.decay


def _task(label: Label) -> Task:
    if label.kind == "regression":
        return Number(label.quantile)
    if label.kind == "ranking":
        return Ranking(label.at)
    return OneOf(label.classes) if label.classes else YesOrNo(Value())
