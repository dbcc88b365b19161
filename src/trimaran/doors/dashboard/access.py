"""Who may call which route: every route names its policy, and one without any stops the start."""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import urlsplit

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.enums import HttpMethod
from litestar.exceptions import PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.handlers.http_handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from trimaran.core.errors import Fault, InputError, Refused
from trimaran.doors.addresses import is_loopback

ACCESS = "access"


class Access(StrEnum):
    """What a route asks of its caller.

    ``open``: nothing, it says nothing about products. ``read``: that it asks for this machine by its own name. ``decide``: that, and a form
    that this dashboard itself handed out: of the same origin, with its token.
    """

    OPEN = "open"
    READ = "read"
    DECIDE = "decide"


def guard(connection: ASGIConnection, handler: BaseRouteHandler) -> None:  # type: ignore[type-arg]  # any user, any state
    """Let a caller through or raise, as the route's policy says."""
    policy = Access(handler.opt[ACCESS])
    if policy is Access.OPEN:
        return
    # A page of another site may get its own name to point here (DNS rebinding): it then asks in that name.
    if not is_loopback(urlsplit(f"//{connection.headers.get('host', '')}").hostname or ""):
        raise PermissionDeniedException("ask for the dashboard as http://127.0.0.1 or http://localhost")
    if policy is Access.DECIDE:
        _same_origin(connection)


def check_policies(app: Litestar) -> None:
    """Raise ``Refused`` that names every route without a policy."""
    bare = [
        f"{method} {route.path}"
        for route in app.routes
        for method, handler in _handlers(route)
        if handler.opt.get(ACCESS) not in set(Access)
    ]
    if bare:
        policies = ", ".join(Access)
        raise Refused(
            f"the dashboard does not start: no access policy on {', '.join(sorted(bare))}; give opt access: {policies}"
        )


def check_address(host: str) -> str:
    """Return the address to listen on; any but the machine's own raises ``InputError``."""
    if not is_loopback(host):
        fault = Fault(
            what=f"{host!r} can be reached from other machines, and this dashboard has neither log-in nor TLS",
            remedy="listen on 127.0.0.1 and put a server with both in front of it, or tunnel to it with ssh -L",
        )
        raise InputError("address", [fault])
    return host


def _handlers(route: object) -> list[tuple[str, BaseRouteHandler]]:
    if not isinstance(route, HTTPRoute):
        # A websocket or a mounted application would be a way in that nothing guards.
        return [
            (type(route).__name__, handler) for handler in [getattr(route, "route_handler", None)] if handler is not None
        ]
    return [
        (method, handler)
        for handler in route.route_handlers
        if isinstance(handler, HTTPRouteHandler)
        for method in sorted(handler.http_methods)
        if method != HttpMethod.OPTIONS
    ]


def _same_origin(connection: ASGIConnection) -> None:  # type: ignore[type-arg]  # any user, any state
    origin, host = connection.headers.get("origin"), connection.headers.get("host", "")
    site = connection.headers.get("sec-fetch-site", "same-origin")
    if origin is None or urlsplit(origin).netloc != host or site != "same-origin":
        raise PermissionDeniedException(
            "the form did not come from this dashboard; open the product's page and decide there"
        )
