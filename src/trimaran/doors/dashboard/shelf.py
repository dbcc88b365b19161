"""Views kept as long as the ledger does not move: a page costs a look at its head, not a fold over a year."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import TypeVar, cast

from markupsafe import Markup

from trimaran.app.catalogue import Catalogue, FeatureView
from trimaran.app.pipelines import Runs
from trimaran.app.registry.cards import ModelCard, model_card
from trimaran.app.segments import SegmentsView, segments_view
from trimaran.app.views import Book, Card, ProductView, Summary, VersionView, portfolio, product_view, summary, version_view
from trimaran.app.workspace import Workspace
from trimaran.control.story import Event, story
from trimaran.doors.dashboard.rendering import feature_charts, product_charts, version_charts

T = TypeVar("T")
_MOST = 64


class Shelf:
    """Makes each view once for each state of the ledger; any number of threads may ask."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.pipelines = Runs(workspace)
        self._views: dict[tuple[str, ...], tuple[int, object]] = {}
        self._locks: dict[tuple[str, ...], Lock] = {}
        self._lock = Lock()

    def portfolio(self) -> list[Card]:
        """Return a card for every product."""
        return self._kept(("portfolio",), lambda: portfolio(self.workspace))

    def product(self, product: str) -> ProductView:
        """Return the view of a product; raises ``NotFound``."""
        return self._kept(("product", product), lambda: product_view(Book.open(self.workspace, product)))

    def summary(self, product: str) -> Summary:
        """Return the summary of a product; raises ``NotFound``."""
        return self._kept(("summary", product), lambda: summary(Book.open(self.workspace, product)))

    def version(self, product: str, version: str) -> VersionView:
        """Return the view of a version; raises ``NotFound``."""
        return self._kept(("version", product, version), lambda: version_view(Book.open(self.workspace, product), version))

    def segments(self, product: str) -> SegmentsView:
        """Return the segments of a product; raises ``NotFound``, also where none were trained yet."""
        return self._kept(("segments", product), lambda: segments_view(Book.open(self.workspace, product)))

    def card(self, product: str, version: str) -> ModelCard:
        """Return the model card of a version; raises ``NotFound``."""
        return self._kept(("card", product, version), lambda: model_card(Book.open(self.workspace, product), version))

    def product_charts(self, product: str) -> dict[str, Markup]:
        """Return the charts of a product's page; raises ``NotFound``."""
        return self._kept(("product charts", product), lambda: product_charts(self.product(product)))

    def version_charts(self, product: str, version: str) -> dict[str, Markup]:
        """Return the charts of a version's page; raises ``NotFound``."""
        return self._kept(("version charts", product, version), lambda: version_charts(self.version(product, version)))

    def story(self, product: str, *, quiet: bool = True) -> list[Event]:
        """Return what happened to a product, oldest first; raises ``NotFound``."""

        def told() -> list[Event]:
            Book.open(self.workspace, product)
            return story(self.workspace.ledger, product, quiet=quiet)

        return self._kept(("story", product, str(quiet)), told)

    def catalogue(self) -> Catalogue:
        """Return the features of all products, their lines made."""

        def read() -> Catalogue:
            found = Catalogue.open(self.workspace)
            found.rows()
            return found

        return self._kept(("catalogue",), read)

    def features(self, name: str) -> list[FeatureView]:
        """Return everything about the features of a name; raises ``NotFound``."""
        return self._kept(("feature", name), lambda: self.catalogue().views(name))

    def feature_charts(self, name: str) -> list[dict[str, Markup]]:
        """Return the charts of each feature of a name; raises ``NotFound``."""

        def drawn() -> list[dict[str, Markup]]:
            return [feature_charts(view, str(place)) for place, view in enumerate(self.features(name))]

        return self._kept(("feature charts", name), drawn)

    def _kept(self, name: tuple[str, ...], make: Callable[[], T]) -> T:
        head = self.workspace.ledger.store.head()
        with self._lock:
            lock = self._locks.setdefault(name, Lock())
        # Two readers of one page wait for one making of it.
        with lock:
            before = self._views.get(name)
            if before is not None and before[0] == head:
                return cast("T", before[1])
            made = make()
            with self._lock:
                self._views[name] = (head, made)
                while len(self._views) > _MOST:
                    del self._views[next(iter(self._views))]
        return made
