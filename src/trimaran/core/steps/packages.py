"""Which code is the project's own, and which version of a package holds the rest."""

from __future__ import annotations

import re
import site
import sys
import sysconfig
from functools import cache
from importlib import metadata
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

_HOUSE = str(Path(__file__).parents[2])
_OF_A_TEXT = re.compile(r"product_[0-9a-f]{12}")
_SHELVES = ("/site-packages/", "/dist-packages/")
_INSTALLED = tuple(
    dict.fromkeys(
        path.rstrip("/") + "/"
        for path in (
            *site.getsitepackages(),
            site.getusersitepackages(),
            sysconfig.get_path("stdlib"),
            sysconfig.get_path("platstdlib"),
        )
    )
)


def is_own(module: str, file: str | None = None) -> bool:
    """Tell whether a module belongs to the project: neither to Python, nor installed, nor trimaran's.

    ``file`` is where its code says that it comes from, where that is known. What has no file, like a notebook's cell, is the
    project's.

    >>> is_own("json"), is_own("numpy.linalg"), is_own("__main__")
    (False, False, True)
    """
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top == "builtins":
        return False
    if top == "__main__":
        return True
    found = sys.modules.get(module)
    place = getattr(found, "__file__", None) or file
    if place is None:
        return found is None or not hasattr(found, "__path__")
    return not place.startswith((*_INSTALLED, _HOUSE + "/")) and not any(one in place for one in _SHELVES)


def module_of(value: Any) -> str:
    """Return the name of the module that a function or class says it is from, empty where it does not say."""
    if isinstance(value, FunctionType):  # a wrapper says that it is from where the wrapped is
        name = value.__globals__.get("__name__")
    else:
        name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    return name if isinstance(name, str) else ""


def shown(module: str) -> str:
    """Return a module's name as it is the same in every process: a script's own, not ``__main__``.

    A product's text is run in a module that is named after its digest; what it is called must not change with a comment.

    >>> shown("json"), shown("product_0123456789ab")
    ('json', 'product')
    """
    if _OF_A_TEXT.fullmatch(module):
        return module.partition("_")[0]
    file = getattr(sys.modules.get("__main__"), "__file__", None) if module == "__main__" else None
    return Path(file).stem if isinstance(file, str) else module


@cache
def package_of(module: str) -> tuple[str, str] | None:
    """Return the installed package that a module comes from, with its version; None for Python's own.

    >>> package_of("json") is None, package_of("sklearn.tree")[0]
    (True, 'sklearn')
    """
    top = module.partition(".")[0]
    if not top or top in sys.stdlib_module_names or top == "builtins":
        return None
    try:
        return top, metadata.version(top)
    except metadata.PackageNotFoundError:
        said = getattr(sys.modules.get(top), "__version__", None)
    if isinstance(said, str):
        return top, said
    holders = metadata.packages_distributions().get(top, [])
    return top, ", ".join(f"{name} {metadata.version(name)}" for name in sorted(set(holders))) or "unknown"
