"""Sends rows to a scoring server as callers do: over HTTP, a few at once, on connections that are kept."""

from __future__ import annotations

import http.client
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from trimaran.core.errors import Unavailable

OK = 200
CLIENT_FAULT = range(400, 500)


@dataclass(frozen=True)
class Reply:
    """What came back for one row: the HTTP status and the decoded body."""

    status: int
    body: dict[str, Any]

    @property
    def answered(self) -> bool:
        """Whether the row got a prediction."""
        return self.status == OK

    @property
    def refused(self) -> bool:
        """Whether the server found fault with the request."""
        return self.status in CLIENT_FAULT


class Callers:
    """A few callers of one product, each with its own connection.

    ``journal`` is a file to which the id of every answer is written as soon as the answer is there: what was
    acknowledged can be held against what was captured, whenever and however either side ended.
    """

    def __init__(
        self, url: str, product: str, *, journal: Path | None = None, count: int = 16, timeout: float = 30.0
    ) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._path = f"/predict/{product}"
        self._timeout = timeout
        self._journal = os.open(journal, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644) if journal is not None else None
        self._local = threading.local()
        self._made: list[http.client.HTTPConnection] = []
        self._count = count
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="caller")

    def ask(self, bodies: Sequence[bytes]) -> list[Reply]:
        """Send one request a body and return the replies in the same order.

        Raises ``Unavailable`` when the server cannot be reached; what was answered before stands in the captures.
        """
        share = -(-len(bodies) // self._count) or 1
        parts = [bodies[start : start + share] for start in range(0, len(bodies), share)]
        return [reply for replies in self._pool.map(self._ask_each, parts) for reply in replies]

    def close(self) -> None:
        """Let the callers go."""
        self._pool.shutdown()
        for connection in self._made:
            connection.close()
        if self._journal is not None:
            os.close(self._journal)

    def _ask_each(self, bodies: Sequence[bytes]) -> list[Reply]:
        return [self._ask(body) for body in bodies]

    def _ask(self, body: bytes) -> Reply:
        kept: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        try:
            try:
                reply = self._sent(kept or self._connected(), body)
            except (ConnectionError, http.client.BadStatusLine):
                if kept is None:
                    raise
                kept.close()
                # A server may close what was idle for long; a row that it did take meanwhile is answered from its captures.
                reply = self._sent(self._connected(), body)
        except (OSError, http.client.HTTPException) as error:
            self._local.connection = None
            host, port = self._address
            raise Unavailable(
                f"the scoring server at {host}:{port} did not answer: {error or type(error).__name__}"
            ) from error
        if self._journal is not None and reply.answered:
            os.write(self._journal, f"{reply.body['id']}\n".encode())
        return reply

    def _connected(self) -> http.client.HTTPConnection:
        connection = self._local.connection = http.client.HTTPConnection(*self._address, timeout=self._timeout)
        self._made.append(connection)
        return connection

    def _sent(self, connection: http.client.HTTPConnection, body: bytes) -> Reply:
        connection.request("POST", self._path, body, {"content-type": "application/json"})
        response = connection.getresponse()
        return Reply(response.status, msgspec.json.decode(response.read()))
