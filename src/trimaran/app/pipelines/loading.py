"""Loads a file of steps: the author's own module, imported by its name, with the modules beside it."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from trimaran.app.pipelines.pipeline import Pipeline
from trimaran.core.author import user_code_error
from trimaran.core.errors import DefinitionError, Fault, InputError, NotFound, TrimaranError
from trimaran.core.steps import Step

_MARK = "__steps__"
"""Stands in modules that were loaded here: they make way for another file of the same name."""


def load_pipeline(path: Path, name: str | None = None) -> Pipeline:
    """Return the pipeline that a file declares, or one of all its steps where it declares none.

    Raises ``DefinitionError`` where several could be meant, and ``UserCodeError`` with what the file raised.
    """
    module = _module(path.resolve())
    declared = {one.name: one for one in vars(module).values() if isinstance(one, Pipeline)}
    if name is not None and name not in declared:
        raise NotFound(f"{path} declares no pipeline {name!r}; it has: {', '.join(declared) or 'none'}")
    if len(declared) > 1 and name is None:
        remedy = f"name one with --pipeline: {', '.join(declared)}"
        raise DefinitionError(path.name, [Fault(what=f"{len(declared)} pipelines are declared", remedy=remedy)])
    if declared:
        return declared[name] if name is not None else next(iter(declared.values()))
    steps = [one for one in vars(module).values() if isinstance(one, Step)]
    if not steps:
        raise DefinitionError(path.name, [Fault(what="it has no step", remedy="write @tm.step over a function")])
    return Pipeline(*steps, name=path.stem)


def read_parameters(pipeline: Pipeline, said: Sequence[str]) -> dict[str, Any]:
    """Return parameters that are written as name=value; a value is JSON where it can be read as such, else a text.

    A parameter whose default or type is a text or a path stays one. Raises ``InputError`` with every fault.
    """
    faults, found = [], {}
    for one in said:
        name, is_one, text = one.partition("=")
        if not is_one or name not in pipeline.graph.parameters:
            known = ", ".join(pipeline.graph.parameters) or "none"
            faults.append(Fault(where=one, what="it is not name=value of a parameter", remedy=f"choose from: {known}"))
            continue
        found[name] = _read(text, pipeline.graph.parameters[name], _hints(pipeline, name))
    if faults:
        raise InputError(f"pipeline {pipeline.name}", faults)
    return found


def _hints(pipeline: Pipeline, name: str) -> Any:
    hints: Mapping[str, Any] = {}
    for one in pipeline.graph.steps.values():
        if name in one.parameters:
            hints = one.hints
    return hints.get(name)


def _read(text: str, default: Any, hint: Any) -> Any:
    if isinstance(default, Path) or hint is Path:
        return Path(text)
    if isinstance(default, str) or hint is str:
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _module(path: Path) -> ModuleType:
    if not path.is_file():
        raise NotFound(f"there is no file {path}")
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)  # the modules beside it, now and when a step imports them
    known = sys.modules.get(path.stem)
    if known is not None and _MARK in vars(known):
        del sys.modules[path.stem]
    name = path.stem if path.stem not in sys.modules else f"{path.stem}_steps"
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise DefinitionError(path.name, [Fault(what="it is not Python", remedy="name a file that ends in .py")])
    module = importlib.util.module_from_spec(found)
    vars(module)[_MARK] = True
    sys.modules[name] = module
    try:
        found.loader.exec_module(module)
    except TrimaranError:
        raise
    except SyntaxError as error:
        fault = Fault(what=f"not Python: {error.msg}", where=f"{path.name}:{error.lineno}", remedy="mend the syntax")
        raise DefinitionError(path.name, [fault]) from error
    except Exception as error:
        raise user_code_error(path.name, error) from error
    return module
