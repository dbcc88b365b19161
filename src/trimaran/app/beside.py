"""The modules beside a product file that it imports: run for it alone, and kept with its text."""

from __future__ import annotations

import ast
import builtins
import linecache
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from trimaran.core.canon import digest

_MARK = "# kept beside it: {path} of {size} characters, SHA-256 {digest}\n"
_MARKED = re.compile(r"^# kept beside it: (\S+) of (\d+) characters, SHA-256 ([0-9a-f]{64})\n", re.MULTILINE)


class Kept(NamedTuple):
    """A product's own text, and by path the texts of the modules beside it."""

    text: str
    modules: dict[str, str]


def bind(text: str, modules: Mapping[str, str]) -> str:
    r"""Return one text of a product and the modules beside it: Python to read, in which ``unbind`` finds each again.

    >>> whole = bind("import weather\n", {"weather.py": "WIND = 1\n"})
    >>> whole.splitlines()[0], whole.splitlines()[-1], unbind(whole).modules
    ('import weather', 'WIND = 1', {'weather.py': 'WIND = 1\n'})
    """
    parts = [text if text.endswith("\n") or not modules else f"{text}\n"]
    for path, module in modules.items():
        ended = module if module.endswith("\n") else f"{module}\n"
        parts += [_MARK.format(path=path, size=len(ended), digest=digest(ended.encode())), ended]
    return "".join(parts)


def unbind(text: str) -> Kept:
    """Return a product's own text and the modules kept with it; a line that only looks like a mark is the author's."""
    modules: dict[str, str] = {}
    first = end = None
    for mark in _MARKED.finditer(text):
        body = text[mark.end() : mark.end() + int(mark[2])]
        if digest(body.encode()) == mark[3] and (end is None or mark.start() == end):
            first = mark.start() if first is None else first
            modules[mark[1]], end = body, mark.end() + len(body)
    return Kept(text if first is None else text[:first], modules)


class Beside:
    """Imports the modules beside a product for that product alone.

    Nothing of them is put where other products would find it, so that two products, or two versions of one, may each have
    their own. A module is looked for among ``kept`` texts and, where none are, in ``folder``; what Python brings, trimaran
    itself and everything that stands in neither is imported as usual. ``texts`` are those that were run.
    """

    def __init__(self, kept: Mapping[str, str], folder: Path | None) -> None:
        self.texts: dict[str, str] = dict(kept)
        self._kept = bool(kept)
        self._folder = folder
        self._modules: dict[str, ModuleType] = {}
        self.builtins: dict[str, Any] = {**vars(builtins), "__import__": self._import}

    def reach(self, text: str) -> None:
        """Read, without running it, every module beside the product that a text imports anywhere, in its functions too.

        What a function imports when it is called would otherwise not be kept with the product.
        """
        waiting, seen = [(text, "")], set[str]()
        while waiting:
            body, package = waiting.pop()
            for name in _imported(body, package):
                path = self._found(name)
                if path is None or path in seen:
                    continue
                seen.add(path)
                parent = name if path.endswith("/__init__.py") else name.rpartition(".")[0]
                waiting.append((self._text(path), parent))

    def _import(
        self,
        name: str,
        around: Mapping[str, Any] | None = None,
        inside: Mapping[str, Any] | None = None,
        wanted: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        package = str((around or {}).get("__package__") or "")
        whole = resolve_name(f"{'.' * level}{name}", package) if level and package else name
        top = whole.partition(".")[0]
        if self._found(top) is None:
            return builtins.__import__(name, around, inside, wanted or (), level)
        steps = whole.split(".")
        loaded = [self._load(".".join(steps[: place + 1])) for place in range(len(steps))]
        for each in wanted or ():
            if not hasattr(loaded[-1], each) and self._found(f"{whole}.{each}") is not None:
                self._load(f"{whole}.{each}")
        return loaded[-1] if wanted else loaded[0]

    def _load(self, name: str) -> ModuleType:
        if name in self._modules:
            return self._modules[name]
        path = self._found(name)
        if path is None:
            raise ModuleNotFoundError(f"there is no module {name!r} beside the product file", name=name)
        module = ModuleType(name)
        whole = path.endswith("/__init__.py")
        parent, _, last = name.rpartition(".")
        vars(module).update(__file__=path, __package__=name if whole else parent, __builtins__=self.builtins)
        if whole:
            vars(module)["__path__"] = []
        self._modules[name] = module
        text = self._text(path)
        linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
        try:
            exec(compile(text, path, "exec"), vars(module))  # noqa: S102  the author's own module, as the product file is
        except BaseException:
            del self._modules[name]
            raise
        if parent:
            setattr(self._modules[parent], last, module)
        return module

    def _found(self, name: str) -> str | None:
        """Return the path of a module among those beside the product, None where it is none of them."""
        parts = name.split(".")
        if parts[0] in sys.stdlib_module_names or parts[0] == "trimaran" or not all(map(str.isidentifier, parts)):
            return None
        paths = (f"{'/'.join(parts)}.py", f"{'/'.join(parts)}/__init__.py")
        if self._kept or self._folder is None:
            return next((path for path in paths if path in self.texts), None)
        folder = self._folder
        return next((path for path in paths if path in self.texts or (folder / path).is_file()), None)

    def _text(self, path: str) -> str:
        if path not in self.texts and self._folder is not None:
            self.texts[path] = (self._folder / path).read_text(encoding="utf-8")
        return self.texts[path]


def _imported(text: str, package: str) -> list[str]:
    r"""Return the modules that a text names in imports, with the packages they are in; relative ones belong to ``package``.

    >>> _imported("def f():\n    from a.b import c\n    import d", "")
    ['a', 'a.b', 'a.b.c', 'd']
    """
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return []  # running it says so
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level <= len(package.split(".")) * bool(package):
            whole = resolve_name(f"{'.' * node.level}{node.module or ''}", package) if node.level else node.module or ""
            found += [whole, *(f"{whole}.{alias.name}" for alias in node.names)]
    steps = [name.split(".") for name in found]
    return list(dict.fromkeys(".".join(parts[: place + 1]) for parts in steps for place in range(len(parts))))
