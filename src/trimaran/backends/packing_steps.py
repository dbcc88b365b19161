"""Packs what a worker needs of the project by value, so that it needs none of the project's files."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import cloudpickle


def packed(what: Any, modules: Sequence[str]) -> bytes:
    """Return a value as bytes, the functions and classes of some modules with all their code."""
    with _by_value(modules):
        data: bytes = cloudpickle.dumps(what)
    return data


@contextmanager
def _by_value(names: Sequence[str]) -> Iterator[None]:
    known = cloudpickle.list_registry_pickle_by_value()
    modules = [sys.modules[name] for name in names if name in sys.modules and name not in known and name != "__main__"]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)
