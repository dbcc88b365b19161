"""What a function stands on: every function, class and constant of the project that it reaches, and the packages it uses."""

from __future__ import annotations

import builtins
import copyreg
import functools
import importlib
import importlib.util
import sys
import types
from collections import deque
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import PurePath
from typing import Any

from trimaran.core.config import ENVIRONMENT, is_environment
from trimaran.core.nouns import Part
from trimaran.core.steps.codes import Read, code_digest, reads, texts
from trimaran.core.steps.contents import data_digest, is_plain, plainly
from trimaran.core.steps.hashing import hashed
from trimaran.core.steps.packages import is_own, module_of, package_of, shown

_IMPORTERS = {"import_module", "__import__"}
_BARE = {"eval", "exec", "globals", "vars", "locals"}
_BOOKKEEPING = {
    "__dict__", "__weakref__", "__doc__", "__module__", "__firstlineno__", "__static_attributes__", "__abstractmethods__",
    "_abc_impl", "__annotate__", "__annotations_cache__", "__annotate_func__",
}  # fmt: skip
_SHOWN = 60
_NAMED = types.FunctionType | types.BuiltinFunctionType | type
_SECRET = ("key", "token", "secret", "password", "passwd", "credential")

Wrapped = Callable[[Any], Any]


class Reach:
    """Walks from a function to all that it stands on; ``parts`` name each with its digest.

    ``used`` are the qualified names of what it takes from Python and packages, each with the place; ``texts`` the texts that
    stand in its code and constants; ``modules`` the project's modules on the way; ``opaque`` what cannot be compared.
    ``unwrap`` returns the function inside a value of ours that stands for one, None for any other value.
    """

    def __init__(self, unwrap: Wrapped = lambda _: None) -> None:
        self.parts: dict[str, Part] = {}
        self.used: dict[str, str] = {}
        self.called: dict[str, int | None] = {}
        self.texts: dict[str, None] = {}
        self.modules: dict[str, None] = {}
        self.opaque: list[str] = []
        self._unwrap = unwrap
        self._root: Any = None
        self._heavy: dict[int, str] = {}
        self._names: dict[int, str] = {}
        self._taken: dict[str, int] = {}
        self._alive: list[Any] = []
        self._open: list[int] = []
        self._waiting: deque[tuple[str, Any]] = deque()

    def follow(self, function: Any) -> None:
        """Walk from one function, whose own defaults are parameters and do not count."""
        self._root = function
        self.describe(function)
        while self._waiting:
            name, value = self._waiting.popleft()
            digest = self._function(value) if isinstance(value, types.FunctionType) else self._class(value)
            self.parts[name] = Part(digest=digest)

    def describe(self, value: Any) -> str:
        """Return a digest of a value; what is the project's own is named in it, and followed in its turn."""
        if is_plain(value):
            if isinstance(value, str):
                self.texts[value] = None
            return plainly(value)
        if id(value) in self._open:
            return hashed("again", str(len(self._open) - self._open.index(id(value))))
        self._open.append(id(value))
        try:
            return self._described(value)
        except RecursionError:
            return self._opaque(value, "it is nested too deep")
        finally:
            self._open.pop()

    def _described(self, value: Any) -> str:  # noqa: C901, PLR0911  one line a kind of value
        ours = self._unwrap(value)
        if ours is not None:
            return hashed("step", *(self.describe(each) for each in ours))
        match value:
            case types.FunctionType() | type():
                return self._named(value)
            case types.ModuleType():
                return self._module(value)
            case types.MethodType():
                return hashed("method", self.describe(value.__func__), self.describe(value.__self__))
            case functools.partial():
                return hashed("partial", *map(self.describe, (value.func, value.args, value.keywords)))
            case staticmethod() | classmethod():
                return hashed(type(value).__name__, self.describe(value.__func__))
            case property():
                return hashed("property", *map(self.describe, (value.fget, value.fset, value.fdel)))
            case functools.cached_property():
                return hashed("property", self.describe(value.func))
            case types.BuiltinFunctionType() | types.MethodWrapperType() | types.WrapperDescriptorType():
                return self._builtin(value)
            case PurePath():
                self.texts[str(value)] = None
                return hashed("path", str(value))
            case Enum():
                return hashed("member", self.describe(type(value)), value.name)
        return self._content(value)

    def _content(self, value: Any) -> str:  # noqa: PLR0911  likewise
        kind = type(value)
        if is_environment(value):
            return hashed("environment")
        if kind in {list, tuple, deque}:
            return hashed(kind.__name__, *map(self.describe, value))
        if kind in {set, frozenset}:
            return hashed(kind.__name__, *sorted(map(self.describe, value)))
        if kind is dict:
            return hashed("dict", *(self.describe(each) for pair in value.items() for each in pair))
        if isinstance(value, types.MappingProxyType):
            return hashed("mapping", self.describe(dict(value)))
        found = self._heavy.get(id(value)) or data_digest(value)
        if found is not None:
            self._heavy[id(value)] = found
            self._alive.append(value)
            self._package(module_of(kind))
            return found
        if hasattr(value, "__wrapped__"):
            return hashed("wrapper", self.describe(kind), self.describe(value.__wrapped__))
        return self._instance(value)

    def _instance(self, value: Any) -> str:
        reducer = copyreg.dispatch_table.get(type(value))
        try:
            made = reducer(value) if reducer is not None else value.__reduce_ex__(4)
        except Exception as error:  # noqa: BLE001  whatever its class does when asked what it is made of
            if type(value).__module__ in {"_thread", "types", "weakref", "typing"} or type(value).__name__.endswith(
                "_descriptor"
            ):
                return hashed("bare", type(value).__qualname__)
            return self._opaque(value, str(error))
        if isinstance(made, str):
            return hashed("global", self.describe(type(value)), made)
        maker, arguments, *rest = made
        if maker is getattr(copyreg, "__newobj__", None):
            maker, arguments = arguments[0], arguments[1:]
        state = [list(one) if isinstance(one, Iterator) else one for one in rest]
        return hashed("made", self.describe(type(value)), *map(self.describe, (maker, arguments, *state)))

    def _opaque(self, value: Any, why: str) -> str:
        kind = type(value)
        self.opaque.append(f"a {module_of(kind)}.{kind.__qualname__} cannot be compared ({why})")
        return hashed("opaque")

    def _named(self, value: Any) -> str:
        module = module_of(value)
        file = value.__code__.co_filename if isinstance(value, types.FunctionType) else None
        if not is_own(module, file):
            self._package(module)
            wrapped = [self.describe(each) for each in _inside(value)]
            return hashed("installed", module, value.__qualname__, *wrapped)
        if id(value) not in self._names:
            kind = "class" if isinstance(value, type) else "function"
            name = f"{kind} {shown(module)}.{value.__qualname__}".replace(".<locals>", "")
            count = self._taken[name] = self._taken.get(name, 0) + 1
            self._names[id(value)] = name if count == 1 else f"{name} ({count})"
            self._alive.append(value)
            self.modules[module] = None
            self._waiting.append((self._names[id(value)], value))
        return hashed("own", self._names[id(value)])

    def _function(self, function: types.FunctionType) -> str:
        code = function.__code__
        said = [code_digest(code)]
        if function is not self._root:
            said += [self.describe(function.__defaults__), self.describe(function.__kwdefaults__)]
        cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=False))
        for name, cell in cells.items():
            held = _held(cell)
            said += [name, hashed("module", held.__name__) if isinstance(held, types.ModuleType) else self.describe(held)]
        rest = {name: value for name, value in vars(function).items() if name != "__wrapped__"}
        said += [self.describe(rest), self.describe(getattr(function, "__wrapped__", None))]
        self.texts |= dict.fromkeys(texts(code))
        for read in reads(code):
            if read.name in _BARE and read.name not in function.__globals__:
                self._whole(function.__globals__)
            elif (read.name, *read.attributes)[-1] in _IMPORTERS:
                found = _named_modules(code)
                for name in found:
                    self._whole(vars(importlib.import_module(name)))
                if not found:
                    self.opaque.append("it imports a module by a name that only running tells: import it by its name")
            elif read.name not in cells or read.imported:
                said += [".".join((read.name, *read.attributes)), self._read(read, function)]
            elif isinstance(held := _held(cells[read.name]), types.ModuleType):
                said.append(self._through(held, read, function))
        return hashed("function", *said)

    def _read(self, read: Read, function: types.FunctionType) -> str:
        around = function.__globals__
        if read.imported is not None:
            found = self._import(read, around)
            return hashed("missing") if found is None else self._through(found, read, function)
        if read.name not in around:
            known = hasattr(builtins, read.name)
            if known:
                self._use(f"builtins.{read.name}", read, function)
            return hashed("builtin" if known else "missing", read.name)
        found = around[read.name]
        if isinstance(found, types.ModuleType):
            return self._through(found, read, function)
        return self._global(read.name, found, read, function)

    def _global(self, name: str, value: Any, read: Read, function: types.FunctionType) -> str:
        if is_environment(value):
            self._use(ENVIRONMENT[0], read, function)
        digest = self.describe(value)
        if isinstance(value, _NAMED) or self._unwrap(value) is not None:
            self._use(".".join((module_of(value), getattr(value, "__qualname__", name), *read.attributes)), read, function)
            return digest
        return self._constant(f"{shown(function.__module__ or '')}.{name}", value, digest)

    def _constant(self, name: str, value: Any, digest: str) -> str:
        """Make a constant a part of its own, and return what stands for it where it is read: its name."""
        self.parts[f"constant {name}"] = Part(digest=digest, said=_said(name, value))
        return hashed("constant", name)

    def _through(self, found: Any, read: Read, function: types.FunctionType) -> str:
        """Return the digest of what attributes of a module lead to."""
        names, path = list(read.attributes), read.name
        while isinstance(found, types.ModuleType) and names and hasattr(found, names[0]):
            home, name = found, names.pop(0)
            found, path = getattr(home, name), f"{home.__name__}.{name}"
            if is_own(home.__name__) and not isinstance(found, types.ModuleType | types.FunctionType | type):
                return self._constant(f"{shown(home.__name__)}.{name}", found, self.describe(found))
            if not is_own(home.__name__):
                self._package(home.__name__)
                self._use(".".join((path, *names)), read, function)
                if not isinstance(found, types.ModuleType | _NAMED):
                    return hashed("installed", path)  # a value of the package: its version stands for it
        if isinstance(found, types.ModuleType):
            self._use(".".join((found.__name__, *names)), read, function)
        else:
            self._use(".".join((module_of(found), getattr(found, "__qualname__", ""), *names)), read, function)
        return self.describe(found)

    def _use(self, name: str, read: Read, function: types.FunctionType) -> None:
        module, file = name.partition(".")[0], function.__code__.co_filename
        if not is_own(module):
            place = f"{file.rpartition('/')[2]}:{read.line}"
            self.used.setdefault(name, place)
            if read.called is not None:
                self.called[name] = min(read.called, self.called.get(name) or read.called)

    def _import(self, read: Read, around: dict[str, Any]) -> Any:
        """Return what an import inside a function binds; what is the project's own is imported, as running would."""
        module, wanted, level = read.imported or ("", (), 0)
        package = around.get("__package__") or ""
        whole = importlib.util.resolve_name("." * level + module, package) if level else module
        if whole not in sys.modules and not _is_there(whole, around):
            self.parts[f"module {whole}"] = Part(digest=hashed("missing"), said="not installed")
            return None
        if whole in sys.modules or is_own(whole, _file_of(whole)):
            importer = _importer(around)
            found = importer(module, around, None, wanted, level)
            return getattr(found, read.name, None) if read.name in wanted else found
        self._package(whole)
        self.used.setdefault(
            ".".join((whole, *((read.name,) if read.name in wanted else ()), *read.attributes)), f"line {read.line}"
        )
        return None

    def _module(self, module: types.ModuleType) -> str:
        if not is_own(module.__name__):
            self._package(module.__name__)
            return hashed("module", module.__name__)
        if module.__name__ not in self.modules or id(module) not in self._names:
            self._names[id(module)] = module.__name__
            self._alive.append(module)
            self._whole(vars(module))
        return hashed("module", shown(module.__name__))

    def _whole(self, around: dict[str, Any]) -> None:
        """Take everything in a module: it was asked for as a whole, or by names that only running it tells."""
        home = str(around.get("__name__") or "")
        self.modules[home] = None
        for name, value in list(around.items()):
            if not name.startswith("__"):
                digest = self.describe(value)
                if not isinstance(value, types.ModuleType | types.FunctionType | type):
                    self._constant(f"{shown(home)}.{name}", value, digest)

    def _builtin(self, value: Any) -> str:
        module = module_of(value)
        self._package(module)
        bound = getattr(value, "__self__", None)
        inside = [] if bound is None or isinstance(bound, types.ModuleType) else [self.describe(bound)]
        return hashed("builtin", module, value.__qualname__, *inside)

    def _class(self, cls: type) -> str:
        said = [cls.__qualname__, *map(self.describe, cls.__bases__), self.describe(type(cls))]
        said.append(self.describe(getattr(cls, "__struct_defaults__", None)))  # msgspec keeps them out of the class's names
        for name, value in vars(cls).items():
            if name not in _BOOKKEEPING and not isinstance(value, types.MemberDescriptorType | types.GetSetDescriptorType):
                said += [name, self.describe(value)]
        return hashed("class", *said)

    def _package(self, module: str) -> None:
        found = package_of(module)
        if found is not None:
            self.parts[f"package {found[0]}"] = Part(digest=hashed(found[1]), said=found[1])


def _inside(value: Any) -> Iterator[Any]:
    """Yield what an installed function wraps: a decorator's wrapper runs the project's code."""
    if isinstance(value, types.FunctionType):
        held = [*(_held(cell) for cell in value.__closure__ or ()), *vars(value).values()]
        for one in held:
            inner = list(one.values()) if isinstance(one, dict | types.MappingProxyType) else []
            if callable(one) or is_plain(one):
                yield one
            elif any(map(callable, inner)):
                yield dict(one)
        if hasattr(value, "__wrapped__"):
            yield value.__wrapped__


def _held(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None  # a name that is bound later


def _said(name: str, value: Any) -> str:
    if any(word in name.lower() for word in _SECRET):
        return ""
    if is_plain(value) or type(value) in {list, tuple, dict, set, frozenset}:
        text = repr(value)
        return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
    return ""


def _importer(around: dict[str, Any]) -> Callable[..., Any]:
    inside = around.get("__builtins__", builtins)
    found: Callable[..., Any] = inside["__import__"] if isinstance(inside, dict) else inside.__import__
    return found


def _is_there(module: str, around: dict[str, Any]) -> bool:
    if _importer(around) is not builtins.__import__:
        return True
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _file_of(module: str) -> str | None:
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return found.origin if found is not None else None


def _named_modules(code: types.CodeType) -> list[str]:
    """Return the project's modules whose names stand in code that imports by name."""
    names = [name for name in texts(code) if all(map(str.isidentifier, name.split(".")))]
    return [name for name in names if (name in sys.modules or _file_of(name)) and is_own(name, _file_of(name))]
