"""The parts of a step's key that do not depend on its inputs: its code and all that it reaches, files, variables, versions."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimaran.core.config import ENVIRONMENT, variable
from trimaran.core.nouns import Part, Value
from trimaran.core.steps.attempting import file_digest
from trimaran.core.steps.hashing import hashed
from trimaran.core.steps.packages import package_of
from trimaran.core.steps.reach import Reach
from trimaran.core.steps.step import Conduct, Step
from trimaran.core.steps.unsteady import unsteady

_PATH = re.compile(r"[^\0\n]{1,255}")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")


@dataclass(frozen=True)
class Fingerprint:
    """What a step stands on besides its inputs: parts by name, the project's modules, and why it may not be served again."""

    parts: Mapping[str, Part]
    modules: tuple[str, ...]
    uncached: tuple[str, ...]


def fingerprint(step: Step) -> Fingerprint:
    """Return what a step stands on, as the code is now in this process."""
    reach = Reach(_inside)
    reach.follow(step.function)
    return _stands(reach, step.conduct)


def standing(values: Mapping[str, Any]) -> Fingerprint:
    """Return what some values stand on: a part each, by its name, and the code and constants that functions in them reach.

    >>> standing({"limit": 3}).parts["limit"] == standing({"limit": 4}).parts["limit"]
    False
    """
    reach = Reach(_inside)
    parts = {name: Part(digest=reach.describe(value)) for name, value in values.items()}
    reach.follow(None)
    found = _stands(reach, Conduct())
    return Fingerprint({**found.parts, **parts}, found.modules, found.uncached)


def _stands(reach: Reach, conduct: Conduct) -> Fingerprint:
    version = ".".join(platform.python_version_tuple()[:2])
    parts = dict(reach.parts)
    parts["python"] = Part(digest=hashed(version), said=version)
    ours = package_of("trimaran") or ("", "")
    parts["package trimaran"] = Part(digest=hashed(ours[1]), said=ours[1])
    parts |= _files(conduct, reach) | _environment(conduct, reach)
    reasons = [] if conduct.steady else list(unsteady(reach.used, reach.called))
    return Fingerprint(parts, tuple(reach.modules), (*reach.opaque, *reasons))


def input_parts(inputs: Mapping[str, Value], sources: Mapping[str, str]) -> dict[str, Part]:
    """Return the parts of a key for stored inputs: ``sources`` names the step that each comes from; others are parameters."""
    found: dict[str, Part] = {}
    for name, value in inputs.items():
        kind = f"input {name}" if name in sources else f"parameter {name}"
        found[kind] = Part(digest=content(value), said=value.note)
    return found


def content(value: Value) -> str:
    """Return the digest of a stored value with all its leaves."""
    return hashed(value.form, value.digest, *map(content, value.leaves))


def path_parts(given: Mapping[str, Any]) -> dict[str, Part]:
    """Return the parts for parameters that name files: their content counts."""
    found: dict[str, Part] = {}
    for value in given.values():
        for text in _paths_in(value):
            found |= _file(text)
    return found


def key_of(name: str, parts: Mapping[str, Part]) -> str:
    """Return the key of a step's result: the digest of the parts, in the order of their names."""
    return hashed("key", name, *(text for part in sorted(parts) for text in (part, parts[part].digest)))


def same_files(read: Mapping[str, str]) -> bool:
    """Tell whether files that a step was seen to read have the content that they had."""
    return all(file_digest(path) == digest for path, digest in read.items())


def _inside(value: Any) -> tuple[Any, ...] | None:
    return (value.function,) if isinstance(value, Step) else None


def _files(conduct: Conduct, reach: Reach) -> dict[str, Part]:
    found: dict[str, Part] = {}
    for text in conduct.files:
        path = Path(text)
        inside = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        digests = [file_digest(str(one)) for one in inside]
        said = "" if all(digests) else "not there"
        found[f"file {text}"] = Part(digest=hashed(*map(str, inside), *digests), said=said)
    for text in reach.texts:
        if ("/" in text or "." in text) and f"file {text}" not in found:
            found |= _file(text)
    return found


def _file(text: str) -> dict[str, Part]:
    if not _PATH.fullmatch(text) or not os.path.isfile(text):  # noqa: PTH113  a text that is no path raises nothing here
        return {}
    return {f"file {text}": Part(digest=hashed(file_digest(text)))}


def _environment(conduct: Conduct, reach: Reach) -> dict[str, Part]:
    names = dict.fromkeys(conduct.environment)
    if any(name.startswith(ENVIRONMENT) for name in reach.used):
        names |= dict.fromkeys(text for text in reach.texts if _VARIABLE.fullmatch(text))
    return {
        f"environment {name}": Part(digest=hashed(name, variable(name) or ""), said="" if variable(name) else "not set")
        for name in names
    }


def _paths_in(value: Any) -> list[str]:
    if isinstance(value, str | Path):
        return [str(value)]
    return [text for each in value for text in _paths_in(each)] if isinstance(value, list | tuple) else []
