"""trimaran: three hulls, Build, Deploy and Monitor, joined by one frame, Control.

>>> import trimaran as tm
>>> product = tm.Product("flight-delay", owner="ops-ml", predict_at="sched_dep - 2h")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trimaran.app.pipelines import pipeline
    from trimaran.app.product import Product
    from trimaran.app.runs import active_run, autolog, runs, start_run
    from trimaran.core.checks import rule
    from trimaran.core.errors import DefinitionError, TrimaranError
    from trimaran.core.steps import step
    from trimaran.data.declaration import Features, integer, log, target_encoding, uniform
    from trimaran.data.sources import delta, files, frame, iceberg, rows, sql

__version__ = "0.1.0"
__all__ = [
    "DefinitionError",
    "Features",
    "Product",
    "TrimaranError",
    "active_run",
    "autolog",
    "delta",
    "files",
    "frame",
    "iceberg",
    "integer",
    "log",
    "pipeline",
    "rows",
    "rule",
    "runs",
    "sql",
    "start_run",
    "step",
    "target_encoding",
    "uniform",
]

_HOMES = {
    "DefinitionError": "trimaran.core.errors",
    "Features": "trimaran.data.declaration",
    "Product": "trimaran.app.product",
    "TrimaranError": "trimaran.core.errors",
    "active_run": "trimaran.app.runs",
    "autolog": "trimaran.app.runs",
    "delta": "trimaran.data.sources",
    "files": "trimaran.data.sources",
    "frame": "trimaran.data.sources",
    "iceberg": "trimaran.data.sources",
    "integer": "trimaran.data.declaration",
    "log": "trimaran.data.declaration",
    "pipeline": "trimaran.app.pipelines",
    "rows": "trimaran.data.sources",
    "rule": "trimaran.core.checks",
    "runs": "trimaran.app.runs",
    "sql": "trimaran.data.sources",
    "start_run": "trimaran.app.runs",
    "step": "trimaran.core.steps",
    "target_encoding": "trimaran.data.declaration",
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
