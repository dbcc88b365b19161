"""The laws of ``FitHooks``; each takes the hooks of a library and two fits of it: one that works, and one that raises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from trimaran.core.ports import FitHooks
from trimaran.testing.laws import holds

Fit = Callable[[], Any]
"""Fits a model and returns what can be compared: its answers to some rows."""


class Heard:
    """A ``FitListener`` that keeps what it hears; ``awake`` says whether it listens."""

    def __init__(self, *, awake: bool = True) -> None:
        self.awake = awake
        self.told: list[tuple[str, object]] = []

    def listens(self) -> bool:
        """Tell whether it does."""
        return self.awake

    def fitted(self, what: str, parameters: Mapping[str, Any]) -> None:
        """Keep what a fit was given."""
        self.told.append((what, dict(parameters)))

    def value(self, name: str, value: float, step: int | None = None) -> None:
        """Keep a value."""
        self.told.append((name, (value, step)))


def every_fit_of_the_block_is_heard_and_comes_out_as_without(hooks: FitHooks, fit: Fit, broken: Fit) -> None:  # noqa: ARG001
    """Tell of each fit within the block, and let its model answer as one that nobody heard of."""
    listener, plain = Heard(), fit()
    with hooks(listener):
        holds(fit() == plain, "a fit comes out as without")
        first = len(listener.told)
        holds(first > 0, "it is heard")
        fit()
        holds(len(listener.told) > first, "so is the next")


def the_library_is_afterwards_as_it_was(hooks: FitHooks, fit: Fit, broken: Fit) -> None:
    """Tell nothing after the block, also where it was left by an error."""
    listener = Heard()
    for act in (fit, broken):
        with suppress(Exception), hooks(listener):
            act()
    before = len(listener.told)
    fit()
    holds(len(listener.told) == before, "after the block nothing is told")


def nothing_is_heard_where_nobody_listens(hooks: FitHooks, fit: Fit, broken: Fit) -> None:  # noqa: ARG001
    """Tell no fit to who does not listen, and the next one to who begins to."""
    listener = Heard(awake=False)
    with hooks(listener):
        fit()
        holds(not any(isinstance(said, dict) for _, said in listener.told), "no fit is told to who does not listen")
        listener.awake = True
        fit()
        holds(bool(listener.told), "who begins to listen hears the next")


def an_error_of_a_fit_comes_out_as_it_is(hooks: FitHooks, fit: Fit, broken: Fit) -> None:
    """Raise what the library raises, and tell the next fit."""
    listener = Heard()
    with hooks(listener):
        raised = _raised(broken)
        before = len(listener.told)
        fit()
    holds(raised is not None and raised is _raised(broken), "its error comes out as it is")
    holds(len(listener.told) > before, "the next fit is heard")


def _raised(act: Fit) -> type[Exception] | None:
    try:
        act()
    except Exception as error:  # noqa: BLE001  whatever the library raises
        return type(error)
    return None


LAWS: tuple[Callable[[FitHooks, Fit, Fit], None], ...] = (
    every_fit_of_the_block_is_heard_and_comes_out_as_without,
    the_library_is_afterwards_as_it_was,
    nothing_is_heard_where_nobody_listens,
    an_error_of_a_fit_comes_out_as_it_is,
)
