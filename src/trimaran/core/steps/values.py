"""Values of steps as bytes and back: each type in a form of its own, and a value that is loaded is the one that was stored."""

from __future__ import annotations

import pickle
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import msgspec

from trimaran.core.canon import digest as digest_of
from trimaran.core.errors import Fault, InputError
from trimaran.core.nouns import Value
from trimaran.core.steps.forms import FORMS

PICKLE = "pickle"
_JSON = "json"
_TAG = "!"
_LEAST, _MOST = -(2**63), 2**63 - 1
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_SHOWN = 60
_SHORT = 1024
_TEXTS: Mapping[type, tuple[Callable[[Any], str], Callable[[str], Any]]] = {
    datetime: (datetime.isoformat, datetime.fromisoformat),
    date: (date.isoformat, date.fromisoformat),
    time: (time.isoformat, time.fromisoformat),
    Decimal: (str, Decimal),
    UUID: (str, UUID),
    complex: (repr, complex),
    bytes: (lambda data: b64encode(data).decode(), b64decode),
}
_NAMED = {kind.__name__: kind for kind in _TEXTS}


class Form(Protocol):
    """A way to keep values of some types as bytes.

    Law: ``load(dump(value))`` is the value again; bytes that it does not know raise without running any of them.
    """

    name: str

    def takes(self, value: Any) -> bool:
        """Tell whether a value is kept in this form."""
        ...

    def dump(self, value: Any) -> bytes:
        """Return a value's bytes."""
        ...

    def load(self, data: bytes) -> Any:
        """Return the value that bytes hold."""
        ...


class Stored(NamedTuple):
    """A value as it is kept: what it is, the bytes by digest, and what should be said about it."""

    value: Value
    data: dict[str, bytes]
    warnings: tuple[str, ...] = ()


class Values:
    """Stores values in the forms it knows, each leaf of a container in its own; a pickle is the last resort, and is warned of."""

    def __init__(self, more: Sequence[Form] = ()) -> None:
        self._forms: tuple[Form, ...] = (*FORMS, *more)
        self._by_name = {form.name: form for form in self._forms}

    def store(self, value: Any) -> Stored:
        """Return a value as bytes; raises ``InputError`` for one that no form takes."""
        storing = _Storing(self._forms)
        made = storing.store(value)
        return Stored(made, storing.data, tuple(dict.fromkeys(storing.warnings)))

    def load(self, value: Value, read: Callable[[str], bytes], folder: Callable[[], Path]) -> Any:
        """Return a stored value; ``read`` gives bytes by digest, files and folders are laid out in what ``folder`` returns."""
        if value.form == _JSON:
            return self._built(_decode(read(value.digest)), value.leaves, read, folder)
        if value.form == PICKLE:
            return pickle.loads(read(value.digest))  # noqa: S301  whoever hands the bytes out has checked their seal
        return self._by_name[value.form].load(read(value.digest))

    def _built(  # noqa: PLR0911  one line a tag
        self, said: Any, leaves: Sequence[Value], read: Callable[[str], bytes], folder: Callable[[], Path]
    ) -> Any:
        if isinstance(said, list):
            return [self._built(each, leaves, read, folder) for each in said]
        if not isinstance(said, dict):
            return said
        kind = said.get(_TAG)
        if kind is None:
            return {name: self._built(each, leaves, read, folder) for name, each in said.items()}
        if kind == "leaf":
            return self.load(leaves[said["of"]], read, folder)
        if kind in {"file", "folder"}:
            return _laid_out(said, leaves, read, folder)
        if kind in _NAMED:
            return _TEXTS[_NAMED[kind]][1](said["of"])
        if kind == "timedelta":
            return timedelta(*said["of"])
        inner = said["of"] if isinstance(said["of"], str) else self._built(said["of"], leaves, read, folder)
        return _MAKERS[kind](inner)


_MAKERS: Mapping[str, Callable[[Any], Any]] = {
    "tuple": tuple, "set": set, "frozenset": frozenset, "dict": dict, "int": int, "float": float, "bytearray": bytearray,
}  # fmt: skip


class _Storing:
    def __init__(self, forms: Sequence[Form]) -> None:
        self._forms = forms
        self.data: dict[str, bytes] = {}
        self.warnings: list[str] = []

    def store(self, value: Any) -> Value:
        leaves: list[Value] = []
        said = self._said(value, leaves, ())
        if isinstance(said, dict) and said.get(_TAG) == "leaf":
            return leaves[0]
        note = "" if leaves else _short(value)
        return self._kept(_JSON, _encode(said), note or f"{type(value).__name__} of {_length(value)}", leaves)

    def _said(self, value: Any, leaves: list[Value], outer: tuple[int, ...]) -> Any:  # noqa: PLR0911  one line a type
        """Return a value as JSON has it, with a tag where JSON has no such type, and its leaves put aside."""
        kind = type(value)
        if value is None or kind in {bool, str}:
            return value
        if kind is int:
            return value if _LEAST <= value <= _MOST else {_TAG: "int", "of": str(value)}
        if kind is float:
            return value if value - value == 0 else {_TAG: "float", "of": repr(value)}
        if kind in _TEXTS and not (kind is bytes and len(value) > _SHORT):
            return {_TAG: kind.__name__, "of": _TEXTS[kind][0](value)}
        if kind is timedelta:
            return {_TAG: "timedelta", "of": [value.days, value.seconds, value.microseconds]}
        if isinstance(value, Path):
            return self._path(value, leaves)
        if kind in {list, tuple, set, frozenset, dict}:
            if id(value) in outer:
                raise _unkept(value, "it holds itself")
            return self._container(value, leaves, (*outer, id(value)))
        return self._leaf(value, leaves)

    def _container(self, value: Any, leaves: list[Value], outer: tuple[int, ...]) -> Any:
        kind = type(value)
        if kind is dict:
            if all(type(name) is str for name in value) and _TAG not in value:
                return {name: self._said(each, leaves, outer) for name, each in value.items()}
            pairs: Iterable[Any] = ([self._said(one, leaves, outer) for one in pair] for pair in value.items())
            return {_TAG: "dict", "of": list(pairs)}
        inner = [self._said(each, leaves, outer) for each in value]
        if kind is list:
            return inner
        return {_TAG: kind.__name__, "of": inner if kind is tuple else sorted(inner, key=_encode)}

    def _leaf(self, value: Any, leaves: list[Value]) -> Any:
        for form in self._forms:
            if form.takes(value):
                data = form.dump(value)
                leaves.append(self._kept(form.name, data, _note(value), ()))
                break
        else:
            leaves.append(self._pickled(value))
        return {_TAG: "leaf", "of": len(leaves) - 1}

    def _pickled(self, value: Any) -> Value:
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        try:
            data = pickle.dumps(value, protocol=5)
        except Exception as error:
            raise _unkept(value, f"it cannot be pickled either: {error}") from error
        self.warnings.append(
            f"a {kind} is kept as a pickle, which only this workspace will read: give back frames, arrays or plain values"
        )
        return self._kept(PICKLE, data, kind, ())

    def _path(self, path: Path, leaves: list[Value]) -> Any:
        if not path.exists():
            raise _unkept(path, "there is no such file or folder")
        files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        if any(one.is_symlink() for one in files):
            raise _unkept(path, "a symbolic link is in it")
        names = [one.relative_to(path).as_posix() for one in files] if path.is_dir() else [path.name]
        first = len(leaves)
        leaves += [self._kept("bytes", one.read_bytes(), one.name, ()) for one in files]
        kind = "folder" if path.is_dir() else "file"
        return {_TAG: kind, "name": path.name, "of": [[name, first + place] for place, name in enumerate(names)]}

    def _kept(self, form: str, data: bytes, note: str, leaves: Sequence[Value]) -> Value:
        digest = digest_of(data)
        self.data[digest] = data
        return Value(form=form, digest=digest, size=len(data), note=note, leaves=tuple(leaves))


def listed(values: Sequence[Value]) -> tuple[Value, bytes]:
    """Return the list of some stored values as a stored value, and its bytes."""
    data = _encode([{_TAG: "leaf", "of": place} for place in range(len(values))])
    made = Value(form=_JSON, digest=digest_of(data), size=len(data), note=f"list of {len(values)}", leaves=tuple(values))
    return made, data


def digests_in(value: Value) -> Iterable[str]:
    """Yield the digests of all bytes that a value is made of."""
    yield value.digest
    for leaf in value.leaves:
        yield from digests_in(leaf)


def _laid_out(
    said: Mapping[str, Any], leaves: Sequence[Value], read: Callable[[str], bytes], folder: Callable[[], Path]
) -> Path:
    home = folder() / digest_of(_encode([said["of"], [leaves[place].digest for _, place in said["of"]]]))[:16]
    place = home / Path(said["name"]).name if said["name"] else home / "folder"
    for name, leaf in said["of"]:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise InputError("value", [Fault(what=f"the file name {name!r} leads outside", remedy="make the value again")])
        target = place if said[_TAG] == "file" else place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(read(leaves[leaf].digest))
    place.mkdir(parents=True, exist_ok=True) if said[_TAG] == "folder" else None
    return place


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else ""


def _length(value: Any) -> str:
    return f"{len(value)}" if hasattr(value, "__len__") else "1"


def _note(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return f"{type(value).__name__}{f' {shape}' if isinstance(shape, tuple) else ''}"


def _unkept(value: Any, why: str) -> InputError:
    remedy = "give back a frame, an array, a model, a path, or plain values in lists and dicts"
    return InputError("output", [Fault(what=f"a {type(value).__name__} cannot be kept: {why}", remedy=remedy)])
