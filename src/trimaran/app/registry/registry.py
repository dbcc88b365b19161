"""The registry of one product, for a person in a notebook: names, cards, models handed out, and pickles that were decided on."""

from __future__ import annotations

from pathlib import Path

from trimaran.app.registry.aliasing import line_meant, set_alias
from trimaran.app.registry.cards import ModelCard, model_card
from trimaran.app.registry.exporting import Exported, export_model
from trimaran.app.views import Book
from trimaran.app.workspace import Workspace
from trimaran.control.aliases import Pointer, pointers, unpoint
from trimaran.control.trust import trust
from trimaran.core.nouns import Ref


class Registry:
    """The versions of one product in one workspace, by any name that they have: ``v3``, an alias, ``live``.

    People act in their own name, which is the actor of the workspace.
    """

    def __init__(self, workspace: Workspace, product: str) -> None:
        self._workspace = workspace
        self._product = product

    def alias(self, name: str, version: str, *, reason: str = "") -> Ref:
        """Let a name point to a version, or move it there; raises ``InputError`` for a name that could be something else."""
        return set_alias(self._workspace, name, version, product=self._product, reason=reason)

    def unalias(self, name: str, *, reason: str = "") -> Ref:
        """Take a name away; raises ``NotFound`` where it points to nothing."""
        line, bare = line_meant(self._workspace, name, self._product)
        return unpoint(self._workspace.ledger, line, bare, reason)

    def aliases(self) -> list[Pointer]:
        """Return where each name points now."""
        return pointers(self._workspace.ledger, self._product)

    def card(self, version: str) -> ModelCard:
        """Return the card of a version, which a notebook shows and ``page()`` makes a page of."""
        return model_card(Book.open(self._workspace, self._product), version)

    def export(self, version: str, out: str | Path) -> Exported:
        """Write a version as an MLflow model directory, which needs nothing of trimaran to be opened and asked."""
        return export_model(self._workspace, version, Path(out), self._product)

    def trust(self, file: str, *, reason: str, revoke: bool = False) -> Ref:
        """Decide that a pickle with this SHA-256 may be loaded, or no more: it runs what its maker wrote, in its own process."""
        ledger = self._workspace.ledger
        return trust(ledger, file, ledger.actor, reason, revoke=revoke)
