"""Logs what libraries do while a run is under way, by the hooks that they have for it; off unless it is asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import import_module
from itertools import count
from typing import Any

from trimaran.app.runs.run import as_setting
from trimaran.app.runs.starting import active_run
from trimaran.core.errors import Fault, InputError
from trimaran.core.ports import FitHooks

LIBRARIES: Mapping[str, str] = {
    "sklearn": "sklearn_fits",
    "xgboost": "xgboost_rounds",
    "lightgbm": "lightgbm_rounds",
    "torch": "torch_steps",
    "keras": "keras_epochs",
}
"""What can be logged, and the backend that has the hooks for it."""

_LONGEST = 500


@contextmanager
def autolog(*libraries: str) -> Iterator[None]:
    """Log what the fits of some libraries are given and how they go into the run that is under way, as long as it lasts.

    ``sklearn``, ``xgboost``, ``lightgbm``, ``torch`` and ``keras``; by default those of them that are imported. Raises
    ``InputError`` for another one, or one that is not installed.
    """
    wanted = libraries or tuple(name for name in LIBRARIES if name in sys.modules)
    unknown = [name for name in wanted if name not in LIBRARIES]
    if unknown:
        remedy = f"choose from: {', '.join(LIBRARIES)}"
        raise InputError("autolog", [Fault(what=f"{name!r} is not known", remedy=remedy) for name in unknown])
    with ExitStack() as stack:
        for name in wanted:
            try:
                hooks: FitHooks = import_module(f"trimaran.backends.{LIBRARIES[name]}").hooks
                stack.enter_context(hooks(_ToRun()))
            except ModuleNotFoundError as error:
                fault = Fault(what=f"{name} is not installed ({error})", remedy=f"install it, or leave {name} out")
                raise InputError("autolog", [fault]) from error
        yield


class _ToRun:
    """A ``FitListener``: what it hears goes into the run that is under way where it is told, if there is one."""

    def listens(self) -> bool:
        """Tell whether a run is under way."""
        return active_run() is not None

    def fitted(self, what: str, parameters: Mapping[str, Any]) -> None:
        """Log what a fit was given; of a second fit in the run, whose values differ, under the name of what was fitted."""
        run = active_run()
        if run is None:
            return
        said = {
            name: value if len(repr(value)) <= _LONGEST else repr(value)[:_LONGEST] for name, value in parameters.items()
        }
        run.set_tags({f"fitted {what}": "yes"})
        for number in count(1):
            told = {(name if number == 1 else f"{what} {number}: {name}"): value for name, value in said.items()}
            if not any(
                name in run.parameters and run.parameters[name] != as_setting(name, value) for name, value in told.items()
            ):
                run.log_parameters(told)
                return

    def value(self, name: str, value: float, step: int | None = None) -> None:
        """Log a metric."""
        run = active_run()
        if run is not None:
            run.log_metric(name, value, step)
