"""What an author wrote for each feature: its text, found in the product's source without running any of it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from trimaran.core.canon import digest
from trimaran.core.ports import ObjectStore


def functions(source: str) -> dict[str, str]:
    r"""Return the text of every function of a source with its decorators, by name; none of a source that is not Python.

    >>> print(functions("@product.feature(flights)\ndef hour(dep):\n    return dep.dt.hour()\n")["hour"])
    @product.feature(flights)
    def hour(dep):
        return dep.dt.hour()
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return {}
    lines = source.splitlines()
    return {
        node.name: "\n".join(lines[_first(node) - 1 : node.end_lineno])
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    }


def definitions(objects: ObjectStore | None, digests: Iterable[str | None]) -> dict[str, str]:
    """Return the functions of some stored sources, by name; a source that is not kept any more has none."""
    found: dict[str, str] = {}
    for name in digests:
        if objects is not None and name is not None and objects.has(name):
            found |= functions(objects.get(name).decode(errors="replace"))
    return found


def digests_of(features: Iterable[str], written: Mapping[str, str]) -> dict[str, str | None]:
    """Return the digest of each feature's text, None for one that no function of its name defines."""
    return {name: digest(written[name].encode()) if name in written else None for name in features}


def _first(node: ast.FunctionDef) -> int:
    return min((one.lineno for one in node.decorator_list), default=node.lineno)
