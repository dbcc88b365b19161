"""The pages: portfolio, product, version, story, features and one feature."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath, FromQuery
from litestar.response import Redirect, Template
from litestar.status_codes import HTTP_303_SEE_OTHER

from trimaran.app.signing import decide
from trimaran.core.errors import TrimaranError
from trimaran.doors.dashboard.access import ACCESS, Access
from trimaran.doors.dashboard.faults import code_of
from trimaran.doors.dashboard.shelf import Shelf

READ = {ACCESS: Access.READ}


class DecisionForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the approval form sends."""

    decision: Literal["approve", "refuse"]
    role: str
    person: str
    note: str = ""
    token: str = msgspec.field(name="_csrf_token", default="")


@get("/", opt=READ, sync_to_thread=True, name="portfolio")
def portfolio_page(shelf: NamedDependency[Shelf]) -> Template:
    """Show all products, a card each."""
    return Template("portfolio.html", context={"cards": shelf.portfolio(), "workspace": shelf.workspace.root})


@get("/products/{product:str}", opt=READ, sync_to_thread=True, name="product")
def product_page(shelf: NamedDependency[Shelf], product: FromPath[str]) -> Template:
    """Show one product."""
    return _product(shelf, product)


@get("/products/{product:str}/versions/{version:str}", opt=READ, sync_to_thread=True, name="version")
def version_page(shelf: NamedDependency[Shelf], product: FromPath[str], version: FromPath[str]) -> Template:
    """Show one version: what the gate found, on what evidence, who approved, and where it went."""
    view = shelf.version(product, version)
    return Template("version.html", context={"view": view, "charts": shelf.version_charts(product, version)})


@get("/products/{product:str}/versions/{version:str}/card", opt=READ, sync_to_thread=True, name="card")
def card_page(shelf: NamedDependency[Shelf], product: FromPath[str], version: FromPath[str]) -> Template:
    """Show the model card of a version."""
    return Template("card.html", context={"card": shelf.card(product, version)})


@get("/products/{product:str}/story", opt=READ, sync_to_thread=True, name="story")
def story_page(shelf: NamedDependency[Shelf], product: FromPath[str], *, everything: FromQuery[bool] = False) -> Template:
    """Show a product's life as a table of dated events."""
    events = shelf.story(product, quiet=not everything)
    return Template("story.html", context={"product": product, "events": events, "everything": everything})


@get("/features", opt=READ, sync_to_thread=True, name="features")
def features_page(
    shelf: NamedDependency[Shelf],
    *,
    search: FromQuery[str] = "",
    sort: FromQuery[str] = "name",
    unused: FromQuery[bool] = False,
) -> Template:
    """Show the features of all products: searched, sorted, or only the unused ones."""
    catalogue = shelf.catalogue()
    asked = {"search": search, "sort": sort, "unused": unused}
    rows = catalogue.rows(search=search, sort=sort, unused=unused)
    whole = len(catalogue.rows())
    return Template("features.html", context={"rows": rows, "whole": whole, "asked": asked, "faults": catalogue.faults})


@get("/features/{name:str}", opt=READ, sync_to_thread=True, name="feature")
def feature_page(shelf: NamedDependency[Shelf], name: FromPath[str]) -> Template:
    """Show a feature: definition, lineage, who uses it, how its values look and how fresh they are."""
    views = list(zip(shelf.features(name), shelf.feature_charts(name), strict=True))
    return Template("feature.html", context={"name": name, "views": views})


@post("/products/{product:str}/versions/{version:str}/decision", opt={ACCESS: Access.DECIDE}, sync_to_thread=True)
def decision(
    shelf: NamedDependency[Shelf],
    product: FromPath[str],
    version: FromPath[str],
    data: Annotated[DecisionForm, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> Response[Any]:
    """Write a person's yes or no; show the product again, with what stood in the way if anything did."""
    try:
        decide(shelf.workspace, product, version, data.decision, role=data.role, person=data.person, note=data.note)
    except TrimaranError as error:
        return _product(shelf, product, said=str(error), code=code_of(error))
    return Redirect(f"/products/{product}#approvals", status_code=HTTP_303_SEE_OTHER)


def _product(shelf: Shelf, product: str, *, said: str = "", code: int = 200) -> Template:
    context = {"view": shelf.product(product), "charts": shelf.product_charts(product), "said": said}
    return Template("product.html", context=context, status_code=code)
