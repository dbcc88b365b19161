"""What boosting libraries have in common: a ``train`` that takes callbacks, and modules that each keep it by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from types import ModuleType
from typing import Any

from trimaran.core.ports import FitListener


@contextmanager
def one_more_callback(
    library: str, homes: Sequence[ModuleType], callback: Callable[[], Any], listener: FitListener
) -> Iterator[None]:
    """Give every ``train`` of a library one more callback; what it takes and returns stays as it is."""
    plain = homes[0].train

    @wraps(plain)
    def train(*given: Any, **named: Any) -> Any:
        if not listener.listens():
            return plain(*given, **named)
        named["callbacks"] = [*(named.get("callbacks") or ()), callback()]
        parameters: Mapping[str, Any] = given[0] if given else named.get("params", {})
        listener.fitted(library, parameters)
        return plain(*given, **named)

    before = [(home, home.train) for home in homes if hasattr(home, "train")]
    for home, _ in before:
        home.train = train  # type: ignore[attr-defined]  # put back below
    try:
        yield
    finally:
        for home, kept in before:
            home.train = kept  # type: ignore[attr-defined]  # as it was
