"""The dashboard as an ASGI application over one workspace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

from litestar import Litestar, Response, Router, get
from litestar.config.csrf import CSRFConfig
from litestar.datastructures import MutableScopeHeaders
from litestar.di import NamedDependency, Provide
from litestar.enums import ScopeType
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.params import FromPath
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template.config import TemplateConfig
from litestar.types import Message, Scope

from trimaran.app.workspace import Workspace
from trimaran.core.canon import digest
from trimaran.core.errors import NotFound
from trimaran.doors.dashboard import api, pages, pipeline_pages, run_pages, segment_pages
from trimaran.doors.dashboard.access import ACCESS, Access, check_policies, guard
from trimaran.doors.dashboard.assets import FOR_EVER, Asset, load_assets
from trimaran.doors.dashboard.faults import told
from trimaran.doors.dashboard.rendering import environment
from trimaran.doors.dashboard.shelf import Shelf

# Plotly sets style attributes on the text it draws, so styles may be inline; scripts may not, from nobody.
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_MOST_BYTES = 16 * 1024

ROUTES = (
    pages.portfolio_page,
    pages.product_page,
    pages.version_page,
    pages.card_page,
    pages.story_page,
    segment_pages.segments_page,
    segment_pages.segments_of,
    pages.features_page,
    pages.feature_page,
    pages.decision,
    api.products,
    api.product_of,
    api.summary_of,
    api.version_of,
    api.card_of,
    api.aliases_of,
    api.story_of,
    api.standing_of,
    api.features,
    api.features_of,
    run_pages.runs_page,
    run_pages.compare_page,
    run_pages.run_page,
    run_pages.runs,
    run_pages.runs_compared,
    run_pages.run_of,
    pipeline_pages.pipelines_page,
    pipeline_pages.pipeline_page,
    pipeline_pages.pipelines,
    pipeline_pages.pipeline_of,
)
"""The pages, and the same as JSON."""


def make_app(workspace: Workspace, *, secret: str) -> Litestar:
    """Return the dashboard of a workspace; ``secret`` signs its forms.

    Raises ``Refused`` when a route has no access policy.
    """
    assets = load_assets()
    cookie = f"trimaran-{digest(secret.encode())[:8]}"  # another start's cookie would fail for ever under one name
    app = Litestar(
        route_handlers=[*ROUTES, health, asset],
        dependencies={
            "shelf": Provide(_always(Shelf(workspace)), use_cache=True, sync_to_thread=False),
            "assets": Provide(_always(assets), use_cache=True, sync_to_thread=False),
        },
        guards=[guard],
        template_config=_templates(assets),
        csrf_config=CSRFConfig(secret=secret, cookie_name=cookie, cookie_httponly=True, cookie_samesite="strict"),
        openapi_config=OpenAPIConfig(
            title="trimaran",
            version=version("trimaran"),
            use_handler_docstrings=True,
            render_plugins=[JsonRenderPlugin(path="/openapi.json")],
            openapi_router=Router("/api/v1", route_handlers=[], opt={ACCESS: Access.OPEN}),
        ),
        exception_handlers={Exception: told},
        before_send=[protect],
        request_max_body_size=_MOST_BYTES,
        debug=False,
    )
    check_policies(app)
    return app


@get("/health", opt={ACCESS: Access.OPEN}, sync_to_thread=True)
def health(shelf: NamedDependency[Shelf]) -> dict[str, Any]:
    """Say that the ledger can be read, and how long it is."""
    return {"status": "ok", "entries": shelf.workspace.ledger.store.head()}


@get("/assets/{print_:str}/{name:str}", opt={ACCESS: Access.OPEN}, sync_to_thread=False)
def asset(assets: NamedDependency[Mapping[str, Asset]], print_: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """Return one of the assets that were read at the start."""
    found = assets.get(name)
    if found is None or found.path != f"/assets/{print_}/{name}":
        raise NotFound(f"there is no asset {name!r}; reload the page")
    return Response(found.body, media_type=found.kind, headers={"cache-control": FOR_EVER})


async def protect(message: Message, scope: Scope) -> None:
    """Set the strict headers on every answer, errors among them."""
    if message["type"] == "http.response.start" and scope["type"] == ScopeType.HTTP:
        headers = MutableScopeHeaders.from_message(message)
        for name, value in HEADERS.items():
            headers[name] = value


def _templates(assets: Mapping[str, Asset]) -> TemplateConfig[JinjaTemplateEngine]:
    pages_of = environment()
    pages_of.globals["assets"] = {name: found.path for name, found in assets.items()}
    return TemplateConfig(instance=JinjaTemplateEngine.from_environment(pages_of))


def _always(value: Any) -> Callable[[], Any]:
    def provide() -> Any:
        return value

    return provide
