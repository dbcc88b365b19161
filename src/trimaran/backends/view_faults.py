"""What stores of features by key say when they cannot do what was asked."""

from __future__ import annotations

from trimaran.core.errors import Conflict, NotFound


def never(product: str, view: str) -> NotFound:
    """Return the error of a view that was never refreshed."""
    return NotFound(f"{product} has no view {view!r} that was materialised; run `trimaran materialise --product {product}`")


def overtaken(product: str, view: str) -> Conflict:
    """Return the error of a refresh that must not be switched to."""
    return Conflict(f"view {view!r} of {product} was written meanwhile, or is of a later moment: materialise it again")


def redefined(product: str, view: str) -> Conflict:
    """Return the error of an advance that meets another generation than the one it was made for."""
    return Conflict(f"view {view!r} of {product} was refreshed since, or is of another definition: materialise it again")
