"""Judges what each column of a table is good for as a feature, and what must be left out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from sklearn.model_selection import cross_val_predict
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from trimaran.app.starting.looking import Looked
from trimaran.core.tasks import NUMBERS, Number, OneOf, YesOrNo

FEW_CATEGORIES = 30
"""A text with at most so many values is counted by them; one with more by what its values have meant for the label."""

MOST_NUMBERS = 100
LEAK = {"binary": 0.99, "multiclass": 0.985, "regression": 0.99, "ranking": 0.99}
"""From which AUC, accuracy or R² on a column alone is too good to have been known in time."""

STRONG = {"binary": 0.9, "multiclass": 0.9, "regression": 0.5, "ranking": 0.5}
"""From which the same is strong enough to be asked about."""

_SAMPLE, _MISSING, _FREE, _AFTER = 20_000, 0.95, 0.5, 0.01
_ID = ("id", "key", "index", "uuid", "no")


@dataclass
class Judged:
    """The columns by what they are used as; ``left_out`` says why one is not used, ``doubted`` what one used may be."""

    numbers: list[str] = field(default_factory=list)
    codes: dict[str, list[str]] = field(default_factory=dict)
    encoded: list[str] = field(default_factory=list)
    moments: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    doubted: dict[str, str] = field(default_factory=dict)


def judge_columns(looked: Looked) -> Judged:
    """Return what each column but label, time and key is good for.

    A column that predicts the label almost perfectly alone, on rows it was not fitted on, or says the same as it in other
    words, was hardly known in time: it is left out. So are identifiers, free texts, constants and what is nearly empty.
    """
    judged = Judged()
    own = {looked.label, *filter(None, [looked.time, looked.key if looked.unique else None, looked.group])}
    sample = looked.rows.sample(min(_SAMPLE, looked.rows.height), seed=13)
    for name in looked.rows.columns:
        if name in own:
            continue
        reason = _useless(looked.rows[name], name) or _later(looked, name)
        told, value = ("", 0.0) if reason else _alone(looked, sample, name)
        if value >= LEAK[looked.task]:
            reason = f"it tells {looked.label} almost alone ({told} {value:.3f}): is it known in time?"
        if reason:
            judged.left_out[name] = reason
            continue
        if value >= STRONG[looked.task]:
            judged.doubted[name] = f"alone it tells {looked.label} with {told} {value:.2f}: is it known in time?"
        _sort(judged, looked.rows[name])
    for name in judged.numbers[MOST_NUMBERS:]:
        judged.left_out[name] = f"more than {MOST_NUMBERS} numbers: add it by hand where it matters"
    judged.numbers = judged.numbers[:MOST_NUMBERS]
    return judged


def _sort(judged: Judged, column: pl.Series) -> None:
    kind = column.dtype
    if kind.is_numeric() or kind == pl.Boolean:
        judged.numbers.append(column.name)
    elif kind == pl.Date or isinstance(kind, pl.Datetime):
        judged.moments.append(column.name)
    elif column.n_unique() <= FEW_CATEGORIES + 1:
        counts = column.drop_nulls().cast(pl.String).alias("value").value_counts()
        judged.codes[column.name] = counts.sort(["count", "value"], descending=[True, False])["value"].to_list()
    else:
        judged.encoded.append(column.name)


def _useless(column: pl.Series, name: str) -> str:
    kind, known = column.dtype, column.drop_nulls()
    text = kind in {pl.String, pl.Categorical, pl.Enum}
    if not (kind.is_numeric() or text or kind in {pl.Boolean, pl.Date} or isinstance(kind, pl.Datetime)):
        return f"{kind} is neither a number, a text nor a moment"
    if known.is_empty():
        return "no value in any row"
    if known.n_unique() == 1:
        return f"always {known[0]!r}"
    if len(known) < (1 - _MISSING) * len(column):
        return f"missing in {1 - len(known) / len(column):.0%} of the rows"
    return _identifier(known, name, text=text)


def _identifier(known: pl.Series, name: str, *, text: bool) -> str:
    unique = known.n_unique() / len(known)
    if text and unique > _FREE:
        return f"an identifier or a free text: {known.n_unique():,} values in {len(known):,} rows"
    counted = known.dtype.is_integer() and unique == 1
    if counted and (name.lower().endswith(_ID) or bool((known.diff().drop_nulls() == 1).all())):
        return "an identifier: every row has its own"
    return ""


def _later(looked: Looked, name: str) -> str:
    """Return why a moment cannot have been known, where it mostly lies after the row's own."""
    kind = looked.rows.schema[name]
    if looked.time is None or not (kind == pl.Date or isinstance(kind, pl.Datetime)):
        return ""
    after = looked.rows.select((_moment(name) > _moment(looked.time)).mean()).item() or 0.0
    return f"it lies after {looked.time} in {after:.0%} of the rows: hardly known by then" if after > _AFTER else ""


def _moment(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Datetime("us")).dt.epoch("us")


def _alone(looked: Looked, sample: pl.DataFrame, name: str) -> tuple[str, float]:
    """Return how well a column tells the label alone, on rows it was not fitted on: the measure's name and its value."""
    rows = sample.select(name, looked.label).filter(pl.col(looked.label).is_not_null())
    if isinstance(rows.schema[name], pl.Datetime) or rows.schema[name] == pl.Date:
        return "", 0.0
    values = _coded(rows[name])
    if looked.task in NUMBERS:
        truth = rows[looked.label].cast(pl.Float64).to_numpy()
        kept = np.isfinite(truth)
        tree = DecisionTreeRegressor(min_samples_leaf=5, random_state=13)
        answers = cross_val_predict(tree, values[kept], truth[kept], cv=3)
        seen, told = Number().measure("r2", truth[kept], answers), "R²"
    else:
        places = {value: place for place, value in enumerate(looked.classes)}
        labels = rows[looked.label].cast(pl.String).replace_strict(places, default=None).to_numpy()
        kept = np.isfinite(labels.astype(np.float64))
        truth, tree = labels[kept].astype(np.int64), DecisionTreeClassifier(min_samples_leaf=5, random_state=13)
        answers = cross_val_predict(tree, values[kept], truth, cv=3, method="predict_proba")
        if looked.task == "binary":
            seen, told = YesOrNo().measure("auc", truth, answers[:, 1]), "AUC"
        else:
            seen, told = OneOf(tuple(looked.classes)).measure("accuracy", truth, answers), "accuracy"
    return told, seen.value or 0.0


def _coded(column: pl.Series) -> np.ndarray:
    kind = column.dtype
    numbers = column.cast(pl.Float64) if kind.is_numeric() or kind == pl.Boolean else column.cast(pl.String).rank("dense")
    values: np.ndarray = numbers.cast(pl.Float64).fill_null(float("nan")).to_numpy().reshape(-1, 1)
    # Trees take no infinity.
    return np.where(np.isinf(values), np.nan, values)
