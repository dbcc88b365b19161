"""Compiled code as a digest that comments, layout, docstrings and line numbers do not change, and the names that it reads."""

from __future__ import annotations

import ast
import copy
import dis
import linecache
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType
from typing import Any, NamedTuple

from trimaran.core.steps.hashing import hashed

_SILENT = {"NOP", "EXTENDED_ARG", "CACHE", "RESUME"}
_NAMES = {
    "LOAD_GLOBAL",
    "LOAD_NAME",
    "LOAD_CLASSDEREF",
    "LOAD_FROM_DICT_OR_GLOBALS",
    "LOAD_FROM_DICT_OR_DEREF",
    "LOAD_DEREF",
}
_ATTRIBUTES = {"LOAD_ATTR", "LOAD_METHOD"}
_LOCALS = {"LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_FAST_CHECK"}
_STORES = {"STORE_FAST", "STORE_NAME", "STORE_DEREF"}
_QUIET = {"PRECALL", "PUSH_NULL", "KW_NAMES"}


class Read(NamedTuple):
    """A name that code reads, with the attributes asked of it in turn: ``helpers.rates.low`` is (helpers, rates, low).

    ``imported`` is the (module, names, level) of an import inside the code that binds it; ``called`` how many arguments it
    is called with on the spot, None where it is not; ``line`` where.
    """

    name: str
    attributes: tuple[str, ...]
    line: int
    imported: tuple[str, tuple[str, ...], int] | None = None
    called: int | None = None


def code_digest(code: CodeType) -> str:
    """Return the digest of what a piece of code does.

    Where the source at hand compiles to exactly this code, its syntax tree is taken, which layout does not change; else the
    instructions: a file that was edited since it was imported does not say what runs.

    >>> def one(x): return x + 1  # a comment
    >>> def two(x):
    ...     "A docstring."
    ...     return (x +
    ...             1)
    >>> code_digest(one.__code__) == code_digest(two.__code__)
    True
    """
    node = _source_of(code)
    return _instructions(code) if node is None else _tree(node)


@lru_cache(maxsize=4096)
def reads(code: CodeType) -> tuple[Read, ...]:
    """Return the names that code reads, that of functions inside it too."""
    own = list(_reads(code))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            own += reads(constant)
    return tuple(own)


@lru_cache(maxsize=4096)
def texts(code: CodeType) -> tuple[str, ...]:
    """Return the texts that stand in code, but for docstrings."""
    found: list[str] = []
    for one in dis.get_instructions(code):
        if one.opname in {"LOAD_CONST", "RETURN_CONST"}:
            found += _texts_in(one.argval)
    return tuple(dict.fromkeys(found))


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple | frozenset):
        for each in value:
            yield from _texts_in(each)
    elif isinstance(value, CodeType):
        yield from texts(value)


def _reads(code: CodeType) -> Iterator[Read]:
    bound: dict[str, tuple[str, tuple[str, ...], int]] = {}
    steps = [one for one in dis.get_instructions(code) if one.opname not in _SILENT]
    for place, one in enumerate(steps):
        line = (one.positions.lineno if one.positions else None) or code.co_firstlineno
        if one.opname == "IMPORT_NAME":
            wanted, level = steps[place - 1].argval or (), steps[place - 2].argval
            imported = (str(one.argval), tuple(wanted), int(level))
            yield from (Read(name, (), line, imported) for name in (wanted or (str(one.argval).partition(".")[0],)))
            bound |= dict.fromkeys(_bound(steps[place + 1 :]), imported)
        elif one.opname in _NAMES or (one.opname in _LOCALS and one.argval in bound):
            attributes, after = _chain(steps[place + 1 :])
            imported_as = bound.get(one.argval) if one.opname != "LOAD_GLOBAL" else None
            yield Read(one.argval, attributes, line, imported_as, _called(steps[place + 1 + after :]))


def _bound(following: list[dis.Instruction]) -> Iterator[str]:
    """Yield the local name that a plain import binds, whose attributes are then asked for."""
    if following and following[0].opname in _STORES:
        yield following[0].argval


def _chain(following: list[dis.Instruction]) -> tuple[tuple[str, ...], int]:
    found: list[str] = []
    for one in following:
        if one.opname not in _ATTRIBUTES:
            break
        found.append(one.argval)
    return tuple(found), len(found)


def _called(following: list[dis.Instruction]) -> int | None:
    for one in following:
        if one.opname in {"CALL", "CALL_FUNCTION"}:
            return one.arg
        if one.opname not in _QUIET:
            return None
    return None


@lru_cache(maxsize=4096)
def _instructions(code: CodeType) -> str:
    steps = [one for one in dis.get_instructions(code) if one.opname not in _SILENT]
    offsets = sorted(one.offset for one in steps)
    places = {offset: place for place, offset in enumerate(offsets)}
    said: list[Any] = [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & 0x2AC]
    said += [code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + 2]]
    documents = False
    for one in steps:
        if documents and one.opname.startswith("STORE") and one.argval == "__doc__":
            said.pop()
        documents = one.opname == "LOAD_CONST" and isinstance(one.argval, str)
        if one.opcode in dis.hasjrel or one.opcode in dis.hasjabs:
            target = next((offset for offset in offsets if offset >= one.argval), None)
            said.append((one.opname, places.get(target, -1) if target is not None else -1))
        elif one.opname == "KW_NAMES":  # dis shows the number of the constant only
            said.append((one.opname, _constant(code.co_consts[one.arg or 0])))
        elif one.opcode in dis.hasconst:
            said.append((one.opname, _constant(one.argval)))
        else:
            said.append((one.opname, repr(one.argval)))
    return hashed("instructions", *map(repr, said))


def _constant(value: Any) -> str:
    if isinstance(value, CodeType):
        return _instructions(value)
    if isinstance(value, tuple | frozenset):
        inner = [_constant(each) for each in value]
        return hashed(type(value).__name__, *(sorted(inner) if isinstance(value, frozenset) else inner))
    return hashed(type(value).__name__, repr(value))


class _Source(NamedTuple):
    codes: dict[CodeType, int]
    nodes: dict[int, ast.AST]


_KINDS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def _source_of(code: CodeType) -> ast.AST | None:
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename)
    if not lines:
        return None
    found = _parsed("".join(lines), code.co_filename)
    if found is None or code not in found.codes:
        return None
    return found.nodes.get(code.co_firstlineno)


@lru_cache(maxsize=256)
def _parsed(text: str, name: str) -> _Source | None:
    """Return every function of a source: its code, and by its first line its tree, where a line holds one function only."""
    try:
        tree = ast.parse(text)
        whole = compile(text, name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    nodes: dict[int, ast.AST] = {}
    several: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, _KINDS):
            decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
            first = min(node.lineno, *(one.lineno for one in decorators)) if decorators else node.lineno
            several |= {first} if first in nodes else set()
            nodes[first] = node
    for line in several:
        del nodes[line]
    return _Source({code: code.co_firstlineno for code in _codes(whole)}, nodes)


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


@lru_cache(maxsize=4096)
def _tree(node: ast.AST) -> str:
    """Return the digest of a function's tree without its decorators, defaults and docstrings: these are looked at as values."""
    outer = copy.deepcopy(node)
    if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef):
        outer.decorator_list = []
    if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        outer.args.defaults = []
        outer.args.kw_defaults = []
    for one in ast.walk(outer):
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and ast.get_docstring(one) is not None:
            one.body = one.body[1:] or [ast.Pass()]
    return hashed("tree", ast.dump(outer))
