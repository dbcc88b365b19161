"""The port of whoever listens to fits: what a library's own hooks tell goes there."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol


class FitListener(Protocol):
    """Hears what fits are given and how they go.

    Law: a fit comes out as if nobody listened, whatever is heard; ``listens`` says whether anybody does in this context, and
    what is told while nobody does is heard by nobody. Any number of threads may tell at once.
    """

    def listens(self) -> bool: ...

    def fitted(self, what: str, parameters: Mapping[str, Any]) -> None: ...

    def value(self, name: str, value: float, step: int | None = None) -> None: ...


class FitHooks(Protocol):
    """Switches the hooks of one library on.

    Law: while the block lasts the listener hears of every fit of the library; before and after, and where nobody listens, the
    library is as it was. A fit takes, returns and raises what it does without.
    """

    def __call__(self, listener: FitListener) -> AbstractContextManager[None]: ...
