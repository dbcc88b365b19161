"""The product as a person holds it: what it declares, and the acts that make it live."""

from __future__ import annotations

import importlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trimaran.app.manuscript import Birth
from trimaran.data.declaration import Declaration, Definition

if TYPE_CHECKING:
    from trimaran.app.launch import Up
    from trimaran.app.shown import ShownProduct, ShownStanding, ShownStory, ShownVersion


class Product(Declaration):
    """A predictive product: its declaration, and the acts on it.

    ``workspace`` is a folder, ``TRIMARAN_WORKSPACE`` or ``.trimaran`` by default; ``data`` is the folder its sources are
    looked up in, by default that of its file, in a notebook the current one. What is run is the product's own text, which
    the ledger keeps: that of its file, of the cells it was declared in, or of the function that made it.

    >>> product = Product("churn", owner="crm", predict_at="asked - 1d")
    >>> product.name
    'churn'
    """

    def __init__(self, name: str, *, owner: str, predict_at: str) -> None:
        super().__init__(name, owner=owner, predict_at=predict_at)
        self._birth = Birth.here()

    def check(self, data: str | Path | None = None) -> Definition:
        """Return the checked definition; raises ``DefinitionError`` with every fault at once."""
        return self.freeze(self._birth.root if data is None else Path(data))

    def run(self, workspace: str | Path | None = None, data: str | Path | None = None) -> ShownVersion:
        """Take in what there is, train a version, judge it at the gate, and return it."""
        version: ShownVersion = _acts().run(self, self._birth, workspace, data)
        return version

    def up(
        self,
        workspace: str | Path | None = None,
        data: str | Path | None = None,
        *,
        port: int = 0,
        dashboard_port: int = 0,
        every: timedelta | None = None,
    ) -> Up:
        """Serve predictions and the dashboard and look after the product, a round each minute, until ``stop`` is called.

        Ports that are 0 are chosen: the handle that is returned says the URLs.
        """
        running: Up = _acts().up(self, self._birth, workspace, data, port=port, dashboard_port=dashboard_port, every=every)
        return running

    def at(self, moment: str | datetime, workspace: str | Path | None = None) -> ShownStanding:
        """Return what was live at a moment (a text without a zone is UTC), and everything it stood on."""
        standing: ShownStanding = _acts().at(self.name, moment, workspace)
        return standing

    def story(self, workspace: str | Path | None = None, *, everything: bool = False) -> ShownStory:
        """Return the product's life as dated events; ``everything`` adds what happens every day."""
        events: ShownStory = _acts().story(self.name, workspace, everything=everything)
        return events

    def view(self, workspace: str | Path | None = None) -> ShownProduct:
        """Return everything that the dashboard shows of the product, with its charts."""
        view: ShownProduct = _acts().view(self.name, workspace)
        return view


def _acts() -> Any:
    """Import the acts when the first is called: a product file that is only read, or unit-tested, needs no workspace."""
    return importlib.import_module("trimaran.app.acts")
