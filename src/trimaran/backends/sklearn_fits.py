"""Fits of scikit-learn, told by a wrapper around each estimator's own ``fit``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

from sklearn.utils import all_estimators

from trimaran.core.ports import FitListener

_INSIDE: ContextVar[bool] = ContextVar("inside a fit", default=False)
_TOLD = ("best_score_", "n_iter_", "train_score_", "validation_score_")


@contextmanager
def hooks(listener: FitListener) -> Iterator[None]:
    """Tell what each fit was given and, of what it learned, the numbers."""
    kinds = {base for _, kind in all_estimators() for base in kind.__mro__ if "fit" in vars(base)}
    changed: list[tuple[type, Callable[..., Any]]] = [(kind, vars(kind)["fit"]) for kind in kinds]
    for kind, fit in changed:
        kind.fit = _telling(fit, listener)  # type: ignore[attr-defined]  # put back below
    try:
        yield
    finally:
        for kind, fit in changed:
            kind.fit = fit  # type: ignore[attr-defined]  # as it was


def _telling(fit: Callable[..., Any], listener: FitListener) -> Callable[..., Any]:
    """Return a fit that does what it did and tells it; fits inside of it are its own affair."""

    @wraps(fit)
    def telling(estimator: Any, *given: Any, **named: Any) -> Any:
        if _INSIDE.get() or not listener.listens():
            return fit(estimator, *given, **named)
        mark = _INSIDE.set(True)
        try:
            fitted = fit(estimator, *given, **named)
        finally:
            _INSIDE.reset(mark)
        listener.fitted(type(estimator).__name__, estimator.get_params(deep=False))
        rows: Any = given[0] if given else named.get("X")
        shape = getattr(rows, "shape", None) or ((len(rows),) if hasattr(rows, "__len__") else ())
        for name, size in zip(("fit_rows", "fit_columns"), shape, strict=False):
            listener.value(name, float(size))
        for name in _TOLD:
            _tell_values(listener, name.rstrip("_"), getattr(estimator, name, None))
        best = getattr(estimator, "best_params_", None)
        if isinstance(best, Mapping):
            listener.fitted("best", best)
        return fitted

    return telling


def _tell_values(listener: FitListener, name: str, value: Any) -> None:
    """Tell a number, or a list of them as steps."""
    if value is None:
        return
    values = value.ravel().tolist() if hasattr(value, "ravel") else list(value) if hasattr(value, "__iter__") else [value]
    for one in values:
        if isinstance(one, int | float):
            listener.value(name, one)
