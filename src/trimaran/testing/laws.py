"""How a conformance kit states a law, without a test framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class BrokenLaw(AssertionError):
    """A backend does not do what its port promises."""


def holds(condition: object, law: str) -> None:
    """Raise ``BrokenLaw`` unless the condition is true.

    >>> holds(1 < 2, "one is less than two")
    """
    if not condition:
        raise BrokenLaw(law)


def refuses(error: type[Exception], act: Callable[[], Any], law: str) -> None:
    """Raise ``BrokenLaw`` unless the act raises the error.

    >>> refuses(KeyError, lambda: {}["a"], "an empty mapping has no keys")
    """
    try:
        act()
    except error:
        return
    raise BrokenLaw(law)
