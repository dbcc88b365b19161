"""Sets aliases by the names that people write for versions."""

from __future__ import annotations

from trimaran.app.past import names
from trimaran.app.workspace import Workspace, only_product
from trimaran.control.aliases import check_name, point
from trimaran.control.naming import EntryName
from trimaran.core.errors import Fault, InputError
from trimaran.core.nouns import Ref


def set_alias(workspace: Workspace, name: str, version: str, *, product: str | None = None, reason: str = "") -> Ref:
    """Let a name point to the version that a text names (``v3``, ``product[EWR]/v1``, another alias), and return the entry.

    Raises ``InputError`` for a name that could be something else, ``NotFound`` for a version that is not there, and
    ``Refused`` for one in the trash.
    """
    check_name(name)
    found = names(workspace, product).resolve(version, moments=False)
    if not isinstance(found, EntryName) or found.entry.kind != "version":
        raise InputError(
            "alias", [Fault(what=f"{version!r} names {found}, which is no version", remedy="name one, like v3")]
        )
    return point(workspace.ledger, found.entry, name, reason)


def line_meant(workspace: Workspace, name: str, product: str | None) -> tuple[str, str]:
    """Return the line and the bare name of an alias that is written with or without its line: ``product[EWR]/champion``."""
    line, _, bare = name.rpartition("/")
    return line or only_product(workspace, product), bare
