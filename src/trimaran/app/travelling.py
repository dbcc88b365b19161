"""The modules beside a product on their way: a function that is sent elsewhere finds there what it imports when it is called."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType
from typing import Any, TypeVar

from trimaran.core.ports import Executor

Task = TypeVar("Task")
Made = TypeVar("Made")


class Accompanied:
    """An ``Executor`` that sends the texts of modules along with each act; they can be imported there while it lasts.

    What a function imports at its top travels with it by value; what it imports within is asked for by name, in a process that
    has no such file.
    """

    def __init__(self, executor: Executor, texts: Mapping[str, str]) -> None:
        self.executor = executor
        self.texts = dict(texts)

    def map(self, act: Callable[[Task], Made], tasks: Iterable[tuple[str, Task]]) -> Iterator[Made]:
        """Yield what an act makes of named tasks."""
        return self.executor.map(_Act(act, self.texts), tasks)


@dataclass(frozen=True)
class _Act:
    act: Callable[[Any], Any]
    texts: dict[str, str]

    def __call__(self, task: Any) -> Any:
        finder = _Finder(self.texts)
        sys.meta_path.insert(0, finder)
        try:
            return self.act(task)
        finally:
            sys.meta_path.remove(finder)
            for name in finder.found:  # the next act in this process may be of another product
                sys.modules.pop(name, None)


class _Finder(MetaPathFinder):
    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self.found: list[str] = []

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:  # noqa: ARG002  the signature is Python's
        """Return how a module among the texts is loaded."""
        place = fullname.replace(".", "/")
        name = next((one for one in (f"{place}.py", f"{place}/__init__.py") if one in self._texts), None)
        if name is None:
            return None
        self.found.append(fullname)
        loader = _Loader(self._texts[name], name)
        return spec_from_loader(fullname, loader, origin=name, is_package=name.endswith("/__init__.py"))


class _Loader(InspectLoader):
    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name

    def get_source(self, fullname: str) -> str:  # noqa: ARG002  the signature is Python's
        """Return the text."""
        return self._text

    def get_code(self, fullname: str) -> Any:  # noqa: ARG002  likewise
        """Return the text's code, named by its file, so that a traceback names it too."""
        return compile(self._text, self._name, "exec")

    def is_package(self, fullname: str) -> bool:  # noqa: ARG002  likewise
        """Tell whether the text is that of a package."""
        return self._name.endswith("/__init__.py")
