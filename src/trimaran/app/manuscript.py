"""The text of a product that is held as an object: the file, the cells or the function it was declared in."""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from trimaran.core.errors import Fault, InputError
from trimaran.data.declaration import Declaration

DECLARING = frozenset(name for name in dir(Declaration) if not name.startswith("_")) - {"freeze"}
_REMEDY = "put it into a file of its own and use `trimaran run PRODUCT.py`"


@dataclass(frozen=True)
class Birth:
    """Where a product was made: the file and line of the author's code, and the names around it."""

    file: str
    line: int
    names: Mapping[str, Any]

    @classmethod
    def here(cls) -> Birth:
        """Return the place in the author's code that called into trimaran."""
        frame = sys._getframe(1)  # noqa: SLF001  as a declaration finds the lines of its parts
        while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("trimaran."):
            frame = frame.f_back
        return cls(frame.f_code.co_filename, frame.f_lineno, frame.f_globals)

    @property
    def path(self) -> Path | None:
        """The author's file, None for a cell or a prompt."""
        path = Path(self.file)
        return path if path.is_file() else None

    @property
    def root(self) -> Path:
        """The folder that relative sources are looked up in: the file's own, the current one for a notebook."""
        return Path() if self.path is None else self.path.parent


@dataclass(frozen=True)
class _Statement:
    """One statement with its text, the names it binds and the names it uses."""

    node: ast.stmt
    text: str

    @cached_property
    def binds(self) -> frozenset[str]:
        return frozenset(_bound(self.node))

    @cached_property
    def uses(self) -> frozenset[str]:
        return frozenset(_used(self.node))

    def declares(self, name: str) -> bool:
        """Return whether the statement declares a part of the product called ``name``, and does no act on it."""
        said = _said_of(self.node, name)
        return bool(said) and said <= DECLARING


def manuscript(name: str, birth: Birth) -> str:
    """Return a product's text: what a file says if it says nothing else, otherwise just the statements it is made of.

    Those are the product's own ones and, before each, the newest ones that bind a name it uses: imports, constants and
    functions of a module, of the cells of a notebook that were run, or of the function that made it. Acts on the product
    (``product.run()``) are no part of its text. Raises ``InputError`` where the text cannot be had.
    """
    source = _source(name, birth)
    around, own, line = _scopes(name, birth, source)
    made = next((one for one in own if one.node.lineno <= line <= (one.node.end_lineno or 0) and _target(one.node)), None)
    if made is None:
        raise _lost(name, "it is not assigned to a name where it is made", "write product = tm.Product(…)")
    variable = _target(made.node)
    if birth.path is not None and not around and _stands_alone(own, variable, birth):
        return source
    cells = _cells(birth)
    if cells is not None:
        own = [one for cell in cells for one in _statements(cell)]
        made = next((one for one in reversed(own) if ast.dump(one.node) == ast.dump(made.node)), made)
    begins = max(index for index, one in enumerate(own) if one is made)
    return "\n\n".join(_parts(around, own, begins, variable)) + "\n"


def _source(name: str, birth: Birth) -> str:
    text = birth.path.read_text(encoding="utf-8") if birth.path is not None else "".join(linecache.getlines(birth.file))
    if not text:
        raise _lost(name, f"it was made in {birth.file}, whose text is kept nowhere", _REMEDY)
    return text


def _scopes(name: str, birth: Birth, source: str) -> tuple[list[_Statement], list[_Statement], int]:
    """Return the statements around the product's own scope, those of that scope, and the line of its making among them."""
    body = _statements(source)
    inside = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.lineno <= birth.line <= (node.end_lineno or 0)
    ]
    if not inside:
        return [], body, birth.line
    maker = max(inside, key=lambda node: node.lineno)
    given = sorted(_arguments(maker))
    own = [_Statement(node, ast.unparse(node)) for node in maker.body if not isinstance(node, ast.Return)]
    needed = sorted({word for one in own for word in one.uses} & set(given))
    if needed:
        raise _lost(name, f"it depends on {', '.join(needed)}, which {maker.name}() is given", _REMEDY)
    return [one for one in body if maker.name not in one.binds], own, birth.line


def _stands_alone(statements: Sequence[_Statement], variable: str, birth: Birth) -> bool:
    """Return whether a file can be run again as it is: it makes one product, and does nothing with it but declare."""
    products = {id(value) for value in birth.names.values() if isinstance(value, Declaration)}
    loose = [one.node for one in statements if not isinstance(one.node, ast.FunctionDef | ast.ClassDef)]
    loose = [node for node in loose if not (isinstance(node, ast.If) and "__name__" in _used(node.test))]
    return len(products) == 1 and all(_said_of(node, variable) <= DECLARING for node in loose)


def _cells(birth: Birth) -> Sequence[str] | None:
    """Return the cells that were run so far, where the product was made in one."""
    cells = birth.names.get("In")
    return cells if birth.path is None and isinstance(cells, list) else None


def _parts(around: Sequence[_Statement], own: Sequence[_Statement], begins: int, variable: str) -> Iterator[str]:
    """Yield the text of each statement that a product is made of, what it needs before it."""
    chosen = [begins, *(index for index in range(begins + 1, len(own)) if own[index].declares(variable))]
    rest = [*around, *(one for index, one in enumerate(own) if index not in chosen)]
    newest = {word: one for one in rest for word in one.binds}
    said: set[int] = set()
    ours: set[str] = set()

    def needed(one: _Statement) -> Iterator[_Statement]:
        if id(one) in said:
            return
        said.add(id(one))
        for word in sorted(one.uses - ours):
            if word in newest:
                yield from needed(newest[word])
        yield one

    for index in chosen:
        yield from (one.text for one in needed(own[index]))
        ours |= own[index].binds


def _statements(text: str) -> list[_Statement]:
    try:
        nodes = ast.parse(text).body
    except SyntaxError:  # a cell that was run and failed
        return []
    lines = text.splitlines()
    return [_Statement(node, _text(node, text, lines)) for node in nodes]


def _text(node: ast.stmt, text: str, lines: Sequence[str]) -> str:
    decorators = getattr(node, "decorator_list", [])
    if decorators:
        return "\n".join(lines[min(one.lineno for one in decorators) - 1 : node.end_lineno])
    return ast.get_source_segment(text, node) or ast.unparse(node)


def _target(node: ast.stmt) -> str:
    """Return the name that a statement gives to what a call returns, nothing for any other statement."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    named = [target.id for target in targets if isinstance(target, ast.Name)]
    return named[0] if named and isinstance(getattr(node, "value", None), ast.Call) else ""


def _said_of(node: ast.AST, name: str) -> frozenset[str]:
    """Return every attribute of ``name`` that a statement speaks of."""
    return frozenset(
        part.attr
        for part in ast.walk(node)
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == name
    )


def _bound(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
        return
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            yield part.id
        elif isinstance(part, ast.alias):
            yield (part.asname or part.name).split(".")[0]
        elif isinstance(part, ast.FunctionDef | ast.ClassDef):
            yield part.name


def _used(node: ast.AST) -> set[str]:
    loads = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return loads
    inner = {name for part in node.body for name in _bound(part)} | set(_arguments(node))
    outside = [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
    return (loads - inner) | {name for part in outside for name in _used(part)}


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for part in ast.walk(node.args):
        if isinstance(part, ast.arg):
            yield part.arg


def _lost(name: str, what: str, remedy: str) -> InputError:
    return InputError(f"the text of product {name!r}", [Fault(what=what, remedy=remedy)])
