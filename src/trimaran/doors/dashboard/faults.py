"""What goes wrong, in words: one table from errors to HTTP codes, a page for people and one shape of JSON for programs."""

from __future__ import annotations

import logging
from typing import Any

from litestar import Request, Response
from litestar.enums import MediaType
from litestar.exceptions import HTTPException
from litestar.response import Template

from trimaran.core.errors import Conflict, Corrupt, FaultyError, NotFound, Refused, TrimaranError, Unavailable

LOG = logging.getLogger(__name__)
INTERNAL = 500
KINDS: dict[type[Exception], tuple[int, str]] = {
    NotFound: (404, "not found"),
    Refused: (403, "refused"),
    Conflict: (409, "conflict"),
    FaultyError: (422, "faults"),
    Unavailable: (503, "unavailable"),
    Corrupt: (INTERNAL, "corrupt"),
    TrimaranError: (INTERNAL, "internal"),
}
"""The code and the name of each error, the first that fits."""


def code_of(error: Exception) -> int:
    """Return the HTTP code of an error."""
    return _placed(error)[0]


def told(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Answer with an error: JSON under /api, a page elsewhere; an error nobody foresaw keeps its inside to the log."""
    code, kind = _placed(error)
    known = isinstance(error, TrimaranError | HTTPException)
    if not known:
        LOG.error("dashboard failed on %s", request.url.path, exc_info=error)
    message = _words(error) if known else "the dashboard failed; its log says where"
    if request.url.path.startswith("/api/"):
        faults = error.faults if isinstance(error, FaultyError) else ()
        body = {"error": {"type": kind, "message": message, "faults": list(faults)}}
        return Response(body, status_code=code, media_type=MediaType.JSON)
    return Template("error.html", context={"code": code, "message": message}, status_code=code)


def _placed(error: Exception) -> tuple[int, str]:
    if isinstance(error, HTTPException):
        return error.status_code, error.__class__.__name__.removesuffix("Exception").lower()
    return next((placed for kind, placed in KINDS.items() if isinstance(error, kind)), (INTERNAL, "internal"))


def _words(error: Exception) -> str:
    return error.detail if isinstance(error, HTTPException) else str(error)
