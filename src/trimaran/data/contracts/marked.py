"""YAML 1.2 read safely, every value with the line it stands on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from trimaran.core.errors import Fault, InputError

MOST = 1_000_000
"""The most characters of a contract."""
_DEEPEST = 20


@dataclass(frozen=True)
class Marked:
    """A value of a YAML text and its line: text, a number, true or false, None, or a list or mapping of such."""

    value: Any
    line: int

    @property
    def plain(self) -> Any:
        """The value without lines."""
        if isinstance(self.value, dict):
            return {name: each.plain for name, each in self.value.items()}
        return [each.plain for each in self.value] if isinstance(self.value, list) else self.value

    def __iter__(self) -> Iterator[Marked]:
        """Yield the items of a list; of anything else none."""
        return iter(self.value if isinstance(self.value, list) else ())


def read_marked(text: str, source: str) -> Marked:
    r"""Return the document of a YAML text; raises ``InputError`` with each fault's line.

    Only plain values are read: no tags, no aliases (a few lines of them can stand for gigabytes), one document, each key
    once. Moments and days stay text; ``NO`` and ``on`` are text too, as YAML 1.2 has it.

    >>> read_marked("a: NO\nb: [1, 2013-01-01]", "x.yaml").plain
    {'a': 'NO', 'b': [1, '2013-01-01']}
    """
    if len(text) > MOST:
        raise InputError(source, [Fault(what=f"the file has {len(text):,} characters", remedy=f"keep it under {MOST:,}")])
    yaml = YAML(typ="safe", pure=True)
    try:
        aliases = [event for event in yaml.parse(text) if isinstance(event, AliasEvent)]
        root = None if aliases else YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        fault = Fault(what=f"not YAML: {error.problem or error.context}", where=f"{source}:{line}", remedy="mend the syntax")
        raise InputError(source, [fault]) from error
    except (YAMLError, RecursionError) as error:
        what = f"not YAML: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        raise InputError(source, [Fault(what=what, where=f"{source}:1", remedy="mend the syntax")]) from error
    faults = [
        Fault(what="an alias", where=f"{source}:{event.start_mark.line + 1}", remedy="write the value out")
        for event in aliases
    ]
    found = _marked(root, source, faults, 0) if root is not None else Marked(None, 1)
    if faults:
        raise InputError(source, faults)
    return found


def _marked(node: Node, source: str, faults: list[Fault], depth: int) -> Marked:
    line = node.start_mark.line + 1
    where = f"{source}:{line}"
    if depth > _DEEPEST:
        faults.append(Fault(what=f"more than {_DEEPEST} levels deep", where=where, remedy="keep it flat"))
        return Marked(None, line)
    if isinstance(node, SequenceNode):
        return Marked([_marked(item, source, faults, depth + 1) for item in node.value], line)
    if isinstance(node, MappingNode):
        found: dict[str, Marked] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, ScalarNode) else "?"
            if name in found or name == "?":
                what = f"{name!r} stands here twice" if name in found else "a key that is no text"
                faults.append(Fault(what=what, where=f"{source}:{key.start_mark.line + 1}", remedy="keep one of them"))
            found[name] = _marked(value, source, faults, depth + 1)
        return Marked(found, line)
    try:
        return Marked(_scalar(node), line)
    except ValueError:
        fault = Fault(
            what=f"{node.value!r} is of a kind that is not read", where=where, remedy="write plain values, no tags"
        )
        faults.append(fault)
        return Marked(None, line)


def _scalar(node: Node) -> bool | int | float | str | None:
    kind, text = str(node.tag).removeprefix("tag:yaml.org,2002:"), str(node.value)
    if kind in {"str", "timestamp"}:
        return text
    if kind == "null":
        return None
    if kind == "bool" and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    number = text.replace("_", "")
    if kind == "int":
        return int(number, 0) if number.lstrip("+-")[:2].lower() in {"0x", "0o", "0b"} else int(number)
    if kind == "float":
        return float(number.lower().replace(".inf", "inf").replace(".nan", "nan"))
    raise ValueError(kind)
