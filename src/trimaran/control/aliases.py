"""Aliases: names that people give to versions, what such a name may be, and where each points."""

from __future__ import annotations

import re
from datetime import datetime

import msgspec

from trimaran.control.custody import Custody
from trimaran.core.errors import Fault, InputError, NotFound, Refused
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Alias, Entry, ModelVersion, Ref, Release

PARTS = ("live", "canary", "shadow")
"""The words for what has a part in the traffic now; each stands for a version as an alias does, and moves by proof alone."""

RESERVED = frozenset(
    {
        *PARTS,
        "staging",
        "retired",
        "refused",
        "rolled-back",
        "trained",
        "candidate",
        "latest",
        "newest",
        "now",
        "none",
        "all",
    }
)
"""Words that mean something else, here or to whoever comes from another registry."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_VERSION = re.compile(r"[vV]\d+")
_DIGEST = re.compile(r"[0-9a-fA-F]{8,64}")


class Pointer(msgspec.Struct, frozen=True, kw_only=True):
    """Where an alias points: to a version of a ``line`` (a product, or product[segment]), since when, by whom, and why."""

    name: str
    line: str
    version: str
    since: datetime
    by: str
    reason: str
    entry: int


def check_name(name: str) -> None:
    """Raise ``InputError`` for a name that is no alias, with what it would be taken for.

    >>> check_name("champion")
    """
    why = _fault(name)
    if why:
        remedy = "choose another name, like champion: a letter, then letters, digits, dots, dashes and underscores"
        raise InputError("alias", [Fault(what=f"{name!r} {why}", remedy=remedy)])


def point(ledger: Ledger, version: Entry, name: str, reason: str = "") -> Ref:
    """Let a name point to a version and return the entry that says so; the same again is no new entry.

    Raises ``InputError`` for a name that could be something else, ``Refused`` for a version in the trash and ``Conflict``
    when somebody else moved the name since this one looked.
    """
    check_name(name)
    made = ledger.read(version, ModelVersion)
    if version.seq in Custody.read(ledger).hidden:
        raise Refused(f"{version.subject} is in the trash or purged, so {name!r} cannot point to it; restore it first")
    return _write(ledger, Alias(product=made.product, name=name, number=made.number, segment=made.segment, reason=reason))


def unpoint(ledger: Ledger, line: str, name: str, reason: str = "") -> Ref:
    """Take a name away and return the entry that says so; raises ``NotFound`` where it points to nothing."""
    found = ledger.latest(Alias, f"{line}/{name}")
    if found is None or found[1].number is None:
        raise NotFound(unknown(ledger, line, name))
    return _write(ledger, msgspec.structs.replace(found[1], number=None, reason=reason))


def meant(ledger: Ledger, line: str, word: str) -> Entry | None:
    """Return the version that an alias of a line, or the word for a part in its traffic, stands for; None for any other."""
    found = ledger.latest(Alias, f"{line}/{word}") if word not in PARTS else None
    move = ledger.latest(Release, line) if word in PARTS else None
    number = found[1].number if found is not None else getattr(move[1].traffic, word) if move is not None else None
    return ledger.store.latest("version", f"{line}/v{number}") if number is not None else None


def pointers(ledger: Ledger, product: str) -> list[Pointer]:
    """Return where each alias of a product and of its segments points now, by name."""
    newest: dict[str, tuple[Entry, Alias]] = {
        entry.subject: (entry, alias) for entry, alias in ledger.history([Alias]) if alias.product == product
    }
    found = [
        Pointer(
            name=alias.name,
            line=line_of(alias),
            version=f"v{alias.number}",
            since=entry.at,
            by=entry.actor,
            reason=alias.reason,
            entry=entry.seq,
        )
        for entry, alias in newest.values()
        if alias.number is not None
    ]
    return sorted(found, key=lambda one: (one.line, one.name))


def unknown(ledger: Ledger, line: str, name: str) -> str:
    """Return the words for an alias that is not there, with those that are."""
    known = ", ".join(one.name for one in pointers(ledger, line.partition("[")[0]) if one.line == line) or "none"
    return f"{line} has no alias {name!r}; it has {known}: set one with `trimaran alias NAME vN`"


def line_of(alias: Alias) -> str:
    """Return the line that an alias belongs to: the product, or product[segment]."""
    return f"{alias.product}[{alias.segment}]" if alias.segment is not None else alias.product


def _write(ledger: Ledger, alias: Alias) -> Ref:
    subject = f"{line_of(alias)}/{alias.name}"
    found = ledger.latest(Alias, subject)
    if found is not None and found[1].number == alias.number:
        return found[0]
    newest = found[0].seq if found is not None else 0
    return ledger.append(alias, subject, key=f"alias:{subject}:{newest}", after=newest)


def _fault(name: str) -> str:
    if not _NAME.fullmatch(name):
        return "is no name"
    if _VERSION.fullmatch(name):
        return "is how versions are called"
    if name.lower() in RESERVED:
        return "is a word that means something already"
    if name.lower().startswith("run-"):
        return "is how runs are called"
    return "could be the beginning of a digest" if _DIGEST.fullmatch(name) else ""
