"""What goes wrong, in words: one table from errors to HTTP codes, a page for people and one shape of JSON for programs."""

from __future__ import annotations

import logging
from typing import Any

from litestar import Request, Response
from litestar.enums import MediaType
from litestar.exceptions import HTTPException
from litestar.response import Template

from trimaran.core.errors import Conflict, FaultyError, NotFound, Refused, TrimaranError, Unavailable
from trimaran.doors.naming import ErrorBody, Problem, body_of, name_of

LOG = logging.getLogger(__name__)
INTERNAL = 500
CODES: dict[type[Exception], int] = {NotFound: 404, Refused: 403, Conflict: 409, FaultyError: 422, Unavailable: 503}
"""The code of each error, the first that fits; every other one is a mistake of ours."""


def code_of(error: Exception) -> int:
    """Return the HTTP code of an error."""
    if isinstance(error, HTTPException):
        return error.status_code
    return next((code for kind, code in CODES.items() if isinstance(error, kind)), INTERNAL)


def told(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Answer with an error: JSON under /api, a page elsewhere; an error nobody foresaw keeps its inside to the log."""
    code = code_of(error)
    known = isinstance(error, TrimaranError | HTTPException)
    if not known:
        LOG.error("dashboard failed on %s", request.url.path, exc_info=error)
    message = _words(error) if known else "the dashboard failed; its log says where"
    if request.url.path.startswith("/api/"):
        body = body_of(error) if isinstance(error, TrimaranError) else ErrorBody(Problem(_kind(error), message))
        return Response(body, status_code=code, media_type=MediaType.JSON)
    return Template("error.html", context={"code": code, "message": message}, status_code=code)


def _kind(error: Exception) -> str:
    return type(error).__name__.removesuffix("Exception").lower() if isinstance(error, HTTPException) else name_of(error)


def _words(error: Exception) -> str:
    return error.detail if isinstance(error, HTTPException) else str(error)
