"""Loads a product file: the author's own code, run once, in a module of its own."""

from __future__ import annotations

import linecache
import traceback
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import polars as pl

from trimaran.app.beside import Beside, bind, unbind
from trimaran.app.beside import __file__ as beside_file
from trimaran.core.canon import digest
from trimaran.core.errors import DefinitionError, Fault, NotFound, TrimaranError, UserCodeError
from trimaran.data.declaration import Declaration, Definition

Schemas = Mapping[str, pl.Schema]
"""The columns of tables, by name."""

Held = Callable[[str], Schemas | None]
"""Return the columns that the tables of a product hold already."""

OURS = (__file__, beside_file)
"""The files whose lines an author's traceback leaves out."""

MODULE = "product_"
"""What the names of the modules begin with that product texts are run in."""


class Origin(NamedTuple):
    """The commit that a product was packed at, and what was not committed then, where that is known."""

    commit: str | None = None
    uncommitted: bytes | None = None


@dataclass(frozen=True)
class Loaded:
    """A product file as it was loaded: its declaration, its checked definition and its text, with the modules beside it.

    ``origin`` is what an artifact says of where it was packed.
    """

    declaration: Declaration
    definition: Definition
    text: str
    origin: Origin | None = None


def load_file(path: Path, *, root: Path | None = None, held: Held | None = None) -> Loaded:
    """Return the product that a file declares, checked; raises ``DefinitionError`` with all its faults.

    ``root`` is the folder its sources are looked up in, the file's own folder by default. A table that ``held`` names the
    columns of keeps them, whatever its source has by now; new ones come behind where it may evolve.
    """
    if not path.is_file():
        message = f"there is no product file {path}"
        raise NotFound(message)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        fault = Fault(what=f"not text: {error}", where=path.name, remedy="name a Python file, in UTF-8")
        raise DefinitionError(path.name, [fault]) from error
    return _load(Source(text, path.name, path.parent), root or path.parent, held)


def load_product(
    text: str,
    *,
    root: Path,
    name: str = "product.py",
    schemas: Schemas | None = None,
    evolve: bool = False,
    folder: Path | None = None,
) -> Loaded:
    """Return the product that a text declares, checked, as ``load_file`` does for a file.

    With ``evolve`` tables that say so have the new columns of their sources too. Modules that the text imports are those
    kept with it; where none are, those in ``folder``.
    """
    return _load(Source(text, name, folder), root, schemas, evolve=evolve)


def load_text(text: str, *, root: Path, extra: str = "", schemas: Schemas | None = None) -> Definition:
    """Return the definition that a product's text declares; ``extra`` is more text run after it, in the same module.

    Where ``schemas`` says what columns a table has, its source is not opened: it may be gone.
    """
    return _load(Source(text, "product.py", extra=extra), root, schemas).definition


class Source(NamedTuple):
    """What is loaded: a text, the name of its file, the folder of the modules beside it, and more text run after it."""

    text: str
    name: str
    folder: Path | None = None
    extra: str = ""


def _load(source: Source, root: Path, schemas: Schemas | Held | None = None, *, evolve: bool = False) -> Loaded:
    (text, modules), name, extra = unbind(source.text), source.name, source.extra
    module = types.ModuleType(f"{MODULE}{digest((source.text + extra).encode())[:12]}")
    beside = Beside(modules, source.folder)
    vars(module)["__builtins__"] = beside.builtins
    _run(text, name, module)
    declaration = _only_product(module, name)
    vars(module)["product"] = declaration
    _run(extra, f"suggested for {name}", module)
    known = schemas(declaration.name) if callable(schemas) else schemas
    definition = declaration.freeze(root, known, evolve=evolve or callable(schemas))
    beside.reach(text)
    return Loaded(declaration, definition, bind(text, beside.texts))


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
        fault = Fault(
            what=f"not Python: {error.msg}", where=f"{error.filename or name}:{error.lineno}", remedy="mend the syntax"
        )
        raise DefinitionError(name, [fault]) from error
    except Exception as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename not in OURS]
        shown = "".join(traceback.format_list(frames) + traceback.format_exception_only(error))
        message = f"{name} raised {type(error).__name__} while it was loaded:\n{shown}"
        raise UserCodeError(message) from error
