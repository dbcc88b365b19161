"""Fits the author's model so that the same data and the same seed give the same model."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from trimaran.build.author import call_author
from trimaran.core.errors import Fault, InputError
from trimaran.data.declaration import Model


def fit_model(
    model: Model, features: pl.DataFrame, labels: npt.NDArray[np.int64], parameters: Mapping[str, Any], seed: int
) -> Any:
    """Return what the author's function fits to (n, k) float32 features, NaN for missing, and (n,) labels 0 or 1.

    An estimator is built and fitted inside the author's function, so its ``random_state`` cannot be set from outside:
    one left at None draws from NumPy's global generator, which is therefore seeded for the call and put back after it.
    Raises ``UserCodeError`` when the function raises and ``InputError`` when it returns nothing that predicts.
    """
    with _seeded(seed):
        fitted = call_author(model.function, features, labels, **parameters)
    if not hasattr(fitted, "predict_proba"):
        what = f"{model.function.__name__}() returned {type(fitted).__name__}, which has no predict_proba"
        raise InputError("model", [Fault(what=what, where=model.where, remedy="return the fitted classifier")])
    return fitted


def probabilities_of(fitted: Any, features: pl.DataFrame) -> npt.NDArray[np.float64]:
    """Return the probability of a positive for each row, from a fitted classifier of two classes."""
    # Scikit-learn warns when names are given to a model that was fitted without, and the other way round.
    given = features if hasattr(fitted, "feature_names_in_") else features.to_numpy()
    return np.asarray(call_author(fitted.predict_proba, given), dtype=np.float64)[:, 1]


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
