"""Loads a product file: the author's own code, run once, in a module of its own."""

from __future__ import annotations

import linecache
import traceback
import types
from dataclasses import dataclass
from pathlib import Path

from trimaran.core.canon import digest
from trimaran.core.errors import DefinitionError, Fault, NotFound, TrimaranError, UserCodeError
from trimaran.data.declaration import Declaration, Definition

MODULE = "product_"
"""What the names of the modules begin with that product texts are run in."""


@dataclass(frozen=True)
class Loaded:
    """A product file as it was loaded: its declaration, its checked definition and its text."""

    declaration: Declaration
    definition: Definition
    text: str


def load_file(path: Path, *, root: Path | None = None) -> Loaded:
    """Return the product that a file declares, checked; raises ``DefinitionError`` with all its faults.

    ``root`` is the folder its sources are looked up in, the file's own folder by default.
    """
    if not path.is_file():
        message = f"there is no product file {path}"
        raise NotFound(message)
    text = path.read_text(encoding="utf-8")
    return _load(text, path.name, root or path.parent, "")


def load_product(text: str, *, root: Path, name: str = "product.py") -> Loaded:
    """Return the product that a text declares, checked, as ``load_file`` does for a file."""
    return _load(text, name, root, "")


def load_text(text: str, *, root: Path, extra: str = "", name: str = "product.py") -> Definition:
    """Return the definition that a product's text declares; ``extra`` is more text run after it, in the same module."""
    return _load(text, name, root, extra).definition


def _load(text: str, name: str, root: Path, extra: str) -> Loaded:
    module = types.ModuleType(f"{MODULE}{digest((text + extra).encode())[:12]}")
    _run(text, name, module)
    declaration = _only_product(module, name)
    vars(module)["product"] = declaration
    _run(extra, f"suggested for {name}", module)
    return Loaded(declaration, declaration.freeze(root), text)


def _only_product(module: types.ModuleType, name: str) -> Declaration:
    found = {id(value): value for value in vars(module).values() if isinstance(value, Declaration)}
    if len(found) != 1:
        names = ", ".join(declaration.name for declaration in found.values()) or "none"
        remedy = "declare one: product = tm.Product('name', owner=…, predict_at=…)"
        raise DefinitionError(name, [Fault(what=f"{len(found)} products are declared: {names}", where=name, remedy=remedy)])
    (declaration,) = found.values()
    return declaration


def _run(text: str, name: str, module: types.ModuleType) -> None:
    # The author's traceback should show the author's lines, also when the text comes from the ledger and not from a file.
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    try:
        exec(compile(text, name, "exec"), vars(module))  # noqa: S102  running the author's file is what loading means
    except TrimaranError:
        raise
    except SyntaxError as error:
        fault = Fault(what=f"not Python: {error.msg}", where=f"{name}:{error.lineno}", remedy="mend the syntax")
        raise DefinitionError(name, [fault]) from error
    except Exception as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
        shown = "".join(traceback.format_list(frames) + traceback.format_exception_only(error))
        message = f"{name} raised {type(error).__name__} while it was loaded:\n{shown}"
        raise UserCodeError(message) from error
