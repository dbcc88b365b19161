"""Epochs of Keras, told by a callback of its own kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from importlib import import_module
from typing import Any

from trimaran.core.ports import FitListener


@contextmanager
def hooks(listener: FitListener) -> Iterator[None]:
    """Tell each epoch of each fit."""
    keras = import_module("keras")

    class Telling(keras.callbacks.Callback):  # type: ignore[name-defined,misc]  # imported by name
        """Keras' own kind of callback."""

        def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
            for name, value in (logs or {}).items():
                listener.value(name, float(value), epoch)

    plain = keras.Model.fit

    @wraps(plain)
    def fit(model: Any, *given: Any, **named: Any) -> Any:
        if listener.listens():
            named["callbacks"] = [*(named.get("callbacks") or ()), Telling()]
        return plain(model, *given, **named)

    keras.Model.fit = fit
    try:
        yield
    finally:
        keras.Model.fit = plain
