"""Writes entries that come from another ledger as they must read in this one: Refs, the product's name, the file's text."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from trimaran.core.canon import canonical, digest
from trimaran.core.errors import Fault, InputError
from trimaran.core.ledger import Codec, Tip, prepared
from trimaran.core.nouns import Draft, Entry

_REF = {"kind", "subject", "seq", "digest"}
_LONG = 1000
"""Characters of a key that are kept as they are; of a longer one its digest is."""

_MAKERS = ("Product", "Declaration")


class Rewriting:
    """Links entries of another ledger to the end of this one, each Ref to where its entry stands now.

    ``named`` and ``name`` are the product there and here; ``texts`` maps the digest of each product file that names it to
    that of the same file with the new name. All Refs point backwards, so one pass in order is enough.
    """

    def __init__(self, tip: Tip, prefix: str, *, named: str, name: str, texts: Mapping[str, str]) -> None:
        self.places: list[tuple[int, int]] = []
        self.drafts: list[Draft] = []
        self._tip, self._prefix = tip, prefix
        self._named, self._name, self._texts = named, name, texts
        self._moved: dict[str, Entry] = {}
        self._codec = Codec()

    def move(self, entries: Iterable[Entry], *, onto: str | None) -> None:
        """Link entries, oldest first; the first must follow the entry with the digest ``onto``."""
        for entry in entries:
            body = canonical(self._rewritten(msgspec.json.decode(entry.body)))
            self._codec.decode(entry.kind, body)
            key = entry.key if len(entry.key) <= _LONG else digest(entry.key.encode())
            draft = Draft(
                at=entry.at,
                actor=entry.actor,
                kind=entry.kind,
                subject=self._name + entry.subject.removeprefix(self._named),
                body=body,
                key=f"{self._prefix}:{key}",
                after=None if self._moved or entry.kind != "declared" else 0,
                onto=None if self.drafts else onto,
            )
            linked = self.add(draft)
            self._moved[entry.digest] = linked
            self.places.append((entry.seq, linked.seq))

    def add(self, draft: Draft) -> Entry:
        """Link one more entry."""
        (linked,) = self._tip.link(prepared([draft]))
        self.drafts.append(draft)
        return linked

    def _rewritten(self, value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            if value.keys() == _REF and value["digest"] in self._moved:
                return msgspec.to_builtins(self._moved[value["digest"]].ref)
            return {key: self._rewritten(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [self._rewritten(item) for item in value]
        if isinstance(value, str) and value in self._texts:
            return self._texts[value]
        return self._name if name == "product" and value == self._named else value


def renamed(text: str, named: str, name: str) -> str:
    """Return a product file's text with the product's name replaced where it is given; nothing of it is run.

    >>> renamed("p = tm.Product('flights', owner='ops')  # flights", "flights", "flights-2")
    "p = tm.Product('flights-2', owner='ops')  # flights"
    """
    found = [
        argument
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and _called(node.func) in _MAKERS
        for argument in [*node.args[:1], *(word.value for word in node.keywords if word.arg == "name")]
        if isinstance(argument, ast.Constant) and argument.value == named
    ]
    if len(found) != 1:
        what = f"its file gives the name {named!r} in {len(found)} places, so that it cannot be given another"
        raise InputError("--as", [Fault(what=what, remedy="import it under its own name, into a workspace without it")])
    lines = text.encode().splitlines(keepends=True)
    (at,) = found
    first, last = at.lineno - 1, (at.end_lineno or at.lineno) - 1
    head, tail = lines[first][: at.col_offset], lines[last][at.end_col_offset or 0 :]
    return b"".join([*lines[:first], head, repr(name).encode(), tail, *lines[last + 1 :]]).decode()


def texts_of(entries: Sequence[Entry]) -> set[str]:
    """Return the digests of the product files that entries name."""
    found = set()
    for entry in entries:
        fields = msgspec.json.decode(entry.body)
        if entry.kind == "declared":
            found.add(fields["source"])
        elif entry.kind == "version":
            found.add(fields["code"])
        elif entry.kind == "run":
            found.add(fields["code"]["source"])
    return found


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
