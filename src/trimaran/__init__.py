"""trimaran: three hulls, Build, Deploy and Monitor, joined by one frame, Control.

>>> import trimaran as tm
>>> product = tm.Product("flight-delay", owner="ops-ml", predict_at="sched_dep - 2h")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trimaran.app.product import Product
    from trimaran.core.checks import rule
    from trimaran.core.errors import DefinitionError, TrimaranError
    from trimaran.data.declaration import integer, log, uniform

__version__ = "0.1.0"
__all__ = ["DefinitionError", "Product", "TrimaranError", "integer", "log", "rule", "uniform"]

_HOMES = {
    "DefinitionError": "trimaran.core.errors",
    "Product": "trimaran.app.product",
    "TrimaranError": "trimaran.core.errors",
    "integer": "trimaran.data.declaration",
    "log": "trimaran.data.declaration",
    "rule": "trimaran.core.checks",
    "uniform": "trimaran.data.declaration",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562), so that ``import trimaran`` itself costs nothing."""
    if name not in _HOMES:
        message = f"module 'trimaran' has no {name!r}; it has: {', '.join(__all__)}"
        raise AttributeError(message)
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
