"""Rounds of LightGBM, told by a callback of its own kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import lightgbm
import lightgbm.engine
import lightgbm.sklearn

from trimaran.backends.boosted_rounds import one_more_callback
from trimaran.core.ports import FitListener

_AFTER_THE_RECORD = 25
"""As LightGBM sorts its own callbacks: after the evaluation is recorded."""


@contextmanager
def hooks(listener: FitListener) -> Iterator[None]:
    """Tell what each training was given and each round of it."""

    def telling() -> Callable[[Any], None]:
        def callback(env: Any) -> None:
            for data, measure, value, *_ in env.evaluation_result_list or ():
                listener.value(f"{data}/{measure}", value, env.iteration)

        callback.order = _AFTER_THE_RECORD  # type: ignore[attr-defined]  # as LightGBM reads it
        return callback

    with one_more_callback("lightgbm", (lightgbm, lightgbm.sklearn, lightgbm.engine), telling, listener):
        yield
