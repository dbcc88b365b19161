"""Rounds of XGBoost, told by a callback of its own kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import xgboost
import xgboost.sklearn
import xgboost.training

from trimaran.backends.boosted_rounds import one_more_callback
from trimaran.core.ports import FitListener


class Telling(xgboost.callback.TrainingCallback):
    """Tells each measure of each data set after each round."""

    def __init__(self, listener: FitListener) -> None:
        super().__init__()
        self._listener = listener

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002  the signature is theirs
        """Tell what was measured, and let the training go on."""
        for data, measures in (evals_log or {}).items():
            for measure, values in measures.items():
                newest = values[-1]
                value = newest[0] if isinstance(newest, tuple) else newest
                self._listener.value(f"{data}/{measure}", value, epoch)
        return False


@contextmanager
def hooks(listener: FitListener) -> Iterator[None]:
    """Tell what each training was given and each round of it."""
    homes = (xgboost, xgboost.sklearn, xgboost.training)
    with one_more_callback("xgboost", homes, lambda: Telling(listener), listener):
        yield
