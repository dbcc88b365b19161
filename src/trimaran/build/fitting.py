"""Fits the author's model so that the same data and the same seed give the same model."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from trimaran.build.pruning import unheeded
from trimaran.core.author import call_author
from trimaran.core.errors import Fault, InputError
from trimaran.core.ports import Scorer
from trimaran.core.tasks import NUMBERS, Task, in_groups
from trimaran.data.declaration import GROUP, REPORT, Model


def fit_model(
    model: Model,
    task: Task,
    features: pl.DataFrame,
    labels: npt.NDArray[Any],
    parameters: Mapping[str, Any],
    seed: int,
    report: Callable[[int, Any], None] = unheeded,
) -> Any:
    """Return what the author's function fits to (n, k) float32 features, NaN for missing, and (n,) labels of a task.

    An estimator is built and fitted inside the author's function, so its ``random_state`` cannot be set from outside:
    one left at None draws from NumPy's global generator, which is therefore seeded for the call and put back after it.
    A function that reports on its way is given ``report``. One that takes ``group`` is given the size of each group, as
    LightGBM and XGBoost take them, and the rows of a group stand together, groups in the order of their first rows.
    Raises ``UserCodeError`` when the function raises and ``InputError`` when it returns nothing that predicts.
    """
    given = {**parameters, REPORT: report} if model.reports else dict(parameters)
    if model.grouped:
        order, given[GROUP] = in_groups(labels)
        features, labels = features[order], labels[order]
    with _seeded(seed):
        fitted = call_author(model.function, features, task.numbers(labels), **given)
    fault = _unfit(fitted, task)
    if fault:
        kind = "regressor" if task.method == "predict" else "classifier"
        what = f"{model.function.__name__}() returned {type(fitted).__name__}, {fault}"
        raise InputError("model", [Fault(what=what, where=model.where, remedy=f"return the fitted {kind}")])
    return fitted


def scores_of(fitted: Any, task: Task, features: pl.DataFrame) -> npt.NDArray[np.float64]:
    """Return what a fitted estimator answers to each row, as the scores of its task."""
    # Scikit-learn warns when names are given to a model that was fitted without, and the other way round.
    given = features if hasattr(fitted, "feature_names_in_") else features.to_numpy()
    found = np.asarray(call_author(getattr(fitted, task.method), given), dtype=np.float64)
    return found[:, 1] if task.kind == "binary" else found


def scorer_of(fitted: Any, task: Task, names: Sequence[str]) -> Scorer:
    """Return a fitted estimator ready to answer, as its stored form will be; features have these names, in this order."""

    def score(features: np.ndarray) -> np.ndarray:
        return scores_of(fitted, task, pl.DataFrame(features, schema=list(names)))

    return score


def _unfit(fitted: Any, task: Task) -> str:
    """Return why an estimator cannot do a task, in words; empty where it can."""
    if not hasattr(fitted, task.method):
        return f"which has no {task.method}"
    known = getattr(fitted, "classes_", None)
    if task.kind in NUMBERS and known is not None:
        return "which answers classes where a number is asked for"
    wanted = list(range(len(task.classes)))
    if wanted and (known is None or list(known) != wanted):
        return f"which knows the classes {known} where all {len(wanted)} of {', '.join(task.classes)} are asked for"
    return ""


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    before, plain = np.random.get_state(), random.getstate()  # noqa: NPY002  the very generator that estimators fall back to
    np.random.seed(seed % 2**32)  # noqa: NPY002  likewise
    random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002  likewise
        random.setstate(plain)
