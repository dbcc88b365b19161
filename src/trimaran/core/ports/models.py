"""The ports of models: a form to keep them in, and what answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np


class Scorer(Protocol):
    """A model ready to answer: float32 features (n, k), NaN for missing, to float64 scores as ``core.tasks.Task`` has them."""

    def __call__(self, features: np.ndarray) -> np.ndarray: ...


class ModelFormat(Protocol):
    """A way to keep a fitted model as bytes that need no pickle.

    Law: ``load(dump(model))`` answers like the model; bytes it does not know raise ``InputError`` without running any of
    them. The same fitted model gives the same bytes.
    """

    name: str

    def dump(self, model: Any, features: Sequence[str]) -> bytes: ...

    def load(self, data: bytes) -> Scorer: ...
