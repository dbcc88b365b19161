"""The JSON API: the same views that the pages show."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from trimaran.app.catalogue import FeatureRow, FeatureView
from trimaran.app.registry.cards import ModelCard
from trimaran.app.views import Card, ProductView, Summary, VersionView
from trimaran.control.aliases import Pointer, pointers
from trimaran.control.standing import Standing, standing
from trimaran.control.story import Event
from trimaran.core.clock import parse_moment
from trimaran.doors.dashboard.access import ACCESS, Access
from trimaran.doors.dashboard.shelf import Shelf

READ = {ACCESS: Access.READ}


@get("/api/v1/products", opt=READ, sync_to_thread=True)
def products(shelf: NamedDependency[Shelf]) -> list[Card]:
    """Return a card for every product."""
    return shelf.portfolio()


@get("/api/v1/products/{product:str}", opt=READ, sync_to_thread=True)
def product_of(shelf: NamedDependency[Shelf], product: FromPath[str]) -> ProductView:
    """Return everything a product's page shows."""
    return shelf.product(product)


@get("/api/v1/products/{product:str}/summary", opt=READ, sync_to_thread=True)
def summary_of(shelf: NamedDependency[Shelf], product: FromPath[str]) -> Summary:
    """Return a product's life in numbers."""
    return shelf.summary(product)


@get("/api/v1/products/{product:str}/versions/{version:str}", opt=READ, sync_to_thread=True)
def version_of(shelf: NamedDependency[Shelf], product: FromPath[str], version: FromPath[str]) -> VersionView:
    """Return everything about one version."""
    return shelf.version(product, version)


@get("/api/v1/products/{product:str}/versions/{version:str}/card", opt=READ, sync_to_thread=True)
def card_of(shelf: NamedDependency[Shelf], product: FromPath[str], version: FromPath[str]) -> ModelCard:
    """Return the model card of a version."""
    return shelf.card(product, version)


@get("/api/v1/products/{product:str}/aliases", opt=READ, sync_to_thread=True)
def aliases_of(shelf: NamedDependency[Shelf], product: FromPath[str]) -> list[Pointer]:
    """Return the names that point to versions of a product."""
    shelf.product(product)
    return pointers(shelf.workspace.ledger, product)


@get("/api/v1/products/{product:str}/story", opt=READ, sync_to_thread=True)
def story_of(shelf: NamedDependency[Shelf], product: FromPath[str], *, everything: FromQuery[bool] = False) -> list[Event]:
    """Return what happened to a product, oldest first; ``everything`` tells the uneventful days too."""
    return shelf.story(product, quiet=not everything)


@get("/api/v1/products/{product:str}/at/{moment:str}", opt=READ, sync_to_thread=True)
def standing_of(shelf: NamedDependency[Shelf], product: FromPath[str], moment: FromPath[str]) -> Standing:
    """Return what was live at a moment, like 2013-07-01T12:00, and why."""
    when = parse_moment(moment)
    shelf.product(product)
    return standing(shelf.workspace.ledger, product, when, shelf.workspace.objects)


@get("/api/v1/features", opt=READ, sync_to_thread=True)
def features(
    shelf: NamedDependency[Shelf],
    *,
    search: FromQuery[str] = "",
    sort: FromQuery[str] = "name",
    unused: FromQuery[bool] = False,
) -> list[FeatureRow]:
    """Return a line for each feature of all products; the same one in several products is one line."""
    return shelf.catalogue().rows(search=search, sort=sort, unused=unused)


@get("/api/v1/features/{name:str}", opt=READ, sync_to_thread=True)
def features_of(shelf: NamedDependency[Shelf], name: FromPath[str]) -> list[FeatureView]:
    """Return everything about the feature of a name, about each where several products mean different ones by it."""
    return shelf.features(name)
