"""The product as a person holds it: what it declares, and the acts that make it live."""

from __future__ import annotations

import importlib
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trimaran.app.manuscript import Birth
from trimaran.data.declaration import Declaration, Definition

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

    from trimaran.app.launch import Up
    from trimaran.app.materialising import Materialised
    from trimaran.app.registry.registry import Registry
    from trimaran.app.shown import (
        ShownBalance,
        ShownDifference,
        ShownLineage,
        ShownProduct,
        ShownReproduction,
        ShownStanding,
        ShownStory,
        ShownVersion,
    )
    from trimaran.app.shown_features import ShownFeatures
    from trimaran.app.shown_profile import ShownProfile
    from trimaran.core.nouns import Ingest


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

    def run(
        self,
        workspace: str | Path | None = None,
        data: str | Path | None = None,
        *,
        engine: str | None = None,
        again: bool = False,
    ) -> ShownVersion:
        """Take in what there is, train a version, judge it at the gate, and return it.

        Stages where nothing changed since an earlier training are taken from it, unless all is to be done ``again``.

        ``engine`` says where trials and parts of features are computed: local, processes, processes:4, ray or ray://host:port;
        what the workspace's settings say by default. What comes of it is the same.
        """
        version: ShownVersion = _acts().run(self, self._birth, (workspace, data), engine=engine, again=again)
        return version

    def adopt(
        self,
        model: Any,
        workspace: str | Path | None = None,
        data: str | Path | None = None,
        *,
        trained_until: str | datetime | None = None,
    ) -> ShownVersion:
        """Take up a model that was trained elsewhere: test it, judge it at the gate, and return the version it became.

        ``model`` is an estimator of scikit-learn's kind, a PyTorch module that takes a matrix of all features, or the path of
        an MLflow model directory or of a file (``.onnx``, ``.skops``, XGBoost's ``.json`` and ``.ubj``, LightGBM's ``.lgb``, a
        pickle that was decided on). ``trained_until`` is the newest moment that it was trained on, as its maker says: the rows
        it is tested on must be newer. Raises ``InputError`` with everything in which it does not agree with the product.
        """
        version: ShownVersion = _acts().adopt(self, self._birth, model, (workspace, data), trained_until=trained_until)
        return version

    def take_in(self, workspace: str | Path | None = None, data: str | Path | None = None) -> list[Ingest]:
        """Take in what the sources hold and is known now, train nothing, and return what came of each delivery."""
        taken: list[Ingest] = _acts().deliver(self, self._birth, workspace, data)
        return taken

    def values(self, rows: pl.DataFrame | None = None, workspace: str | Path | None = None) -> pl.DataFrame:
        """Return rows with their features as they could be known at each row's own ``predict_at``: what a model is trained on.

        Rows need the columns of the asked table that features use, keys and the time of ``predict_at`` among them; each comes
        back once, in order, with its features as columns more. Without rows: the key, ``predict_at`` and the features of
        all rows of the asked table. The features are those declared here and now, so that one can be tried before it is kept.
        """
        found: pl.DataFrame = _acts().values(self, rows, workspace)
        return found

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

    def diff(self, a: str | datetime, b: str | datetime, workspace: str | Path | None = None) -> ShownDifference:
        """Return what differs between two runs, versions or moments: ``product.diff("v3", "v4")``."""
        difference: ShownDifference = _acts().diff(self.name, a, b, workspace)
        return difference

    def why(self, ref: str, workspace: str | Path | None = None, *, everything: bool = False) -> ShownLineage:
        """Return where a thing came from and what it led to, for any that has a name on record.

        That is a version, a run, an entry like ``#123``, a table's version like ``flights@12``, a digest, or the id of what
        was predicted. ``everything`` leaves nothing out, however much there is.
        """
        lineage: ShownLineage = _acts().why(self.name, ref, workspace, everything=everything)
        return lineage

    def reproduce(
        self,
        ref: str,
        workspace: str | Path | None = None,
        *,
        rebuild: bool = False,
        repository: str | Path | None = None,
    ) -> ShownReproduction:
        """Train a version or run again from the record, and return what came out the same and what did not.

        ``rebuild`` installs the run's own packages for it; ``repository`` is where its commit is, the current folder by
        default.
        """
        again: ShownReproduction = _acts().reproduce_again(self.name, ref, workspace, rebuild=rebuild, repository=repository)
        return again

    def registry(self, workspace: str | Path | None = None) -> Registry:
        """Return the product's registry: aliases, cards, versions as MLflow directories, and pickles that were decided on."""
        found: Registry = _acts().registry(self.name, workspace)
        return found

    def story(self, workspace: str | Path | None = None, *, everything: bool = False) -> ShownStory:
        """Return the product's life as dated events; ``everything`` adds what happens every day."""
        events: ShownStory = _acts().story(self.name, workspace, everything=everything)
        return events

    def materialise(
        self, workspace: str | Path | None = None, *, at: str | datetime | None = None, whole: bool = False
    ) -> list[Materialised]:
        """Bring the features by key up to now, or to a moment, and return what came of each view; ``whole`` does all anew."""
        done: list[Materialised] = _acts().materialise(self.name, workspace, at, whole=whole)
        return done

    def online(
        self,
        rows: pl.DataFrame | Mapping[str, Sequence[Any]],
        workspace: str | Path | None = None,
        *,
        features: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Return rows of keys, like ``{"origin": ["JFK"]}``, with the features that were materialised for them.

        Those that are too old by now are null, as are those of keys without facts.
        """
        found: pl.DataFrame = _acts().online(self.name, rows, workspace, features)
        return found

    def balance(
        self,
        workspace: str | Path | None = None,
        *,
        since: str | datetime | None = None,
        until: str | datetime | None = None,
    ) -> ShownBalance:
        """Return the control totals of every hand-over closed in (since, until], held against what the stores have."""
        balance: ShownBalance = _acts().balance(self.name, workspace, since, until)
        return balance

    def features(self, workspace: str | Path | None = None, *, search: str = "", unused: bool = False) -> ShownFeatures:
        """Return the product's features as a table; ``product.features()["crosswind"]`` is everything about one.

        ``search`` wants all its words in a feature's name, description, owner, table or inputs; ``unused`` only those that
        no version uses in the traffic or on its way there.
        """
        found: ShownFeatures = _acts().features(self.name, workspace, search=search, unused=unused)
        return found

    def profile(
        self,
        table: str,
        workspace: str | Path | None = None,
        *,
        version: int | None = None,
        since: str | date | None = None,
        until: str | date | None = None,
    ) -> ShownProfile:
        """Return the profile of a table at a version, the newest by default, or of its days in since <= day < until (UTC)."""
        found: ShownProfile = _acts().profile(self.name, table, workspace, version, since=since, until=until)
        return found

    def quarantine(self, table: str, workspace: str | Path | None = None, *, entry: int | None = None) -> pl.DataFrame:
        """Return the rows of a table that were refused, the newest delivery's first, or those of one ledger entry.

        ``refused_because`` lists every reason, ``refused_at`` says where a row stood that could not be read.
        """
        rows: pl.DataFrame = _acts().quarantine(self.name, table, workspace, entry)
        return rows

    def view(self, workspace: str | Path | None = None) -> ShownProduct:
        """Return everything that the dashboard shows of the product, with its charts."""
        view: ShownProduct = _acts().view(self.name, workspace)
        return view


def _acts() -> Any:
    """Import the acts when the first is called: a product file that is only read, or unit-tested, needs no workspace."""
    return importlib.import_module("trimaran.app.acts")
