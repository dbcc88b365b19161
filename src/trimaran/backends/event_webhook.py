"""Messages to a webhook: one POST of a CloudEvent.

CloudEvents 1.0 in structured mode, delivered as "HTTP 1.1 Web Hooks for Event Delivery" (CNCF) has it: no redirect is
followed, 410 and 415 end it, 429 and 503 may say when to come again.
"""

from __future__ import annotations

import base64
import http.client
import ssl
from datetime import timedelta
from urllib.parse import unquote, urlsplit

from trimaran.core.canon import canonical
from trimaran.core.errors import Refused, Unavailable
from trimaran.core.ports import Busy, Message
from trimaran.core.targets import blotted

TYPE = "io.github.trimaran-ml.notice"

_TIMEOUT = 10.0
_READ = 65_536
_LONGEST_WAIT = timedelta(days=1)


class EventWebhook:
    """Posts messages to one URL, which may hold secrets: user and password go along as Basic, over TLS or to this machine."""

    def __init__(self, url: str, secrets: list[str]) -> None:
        self._secrets = secrets
        try:
            parts = urlsplit(url)
            self._host, self._port = parts.hostname or "", parts.port
        except ValueError as error:
            raise Unavailable("the webhook's variables make no URL") from error
        if parts.scheme not in {"http", "https"} or not self._host:
            raise Unavailable("the webhook's variables make no URL of http or https")
        self._tls = parts.scheme == "https"
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers = {"Content-Type": "application/cloudevents+json; charset=utf-8", "User-Agent": "trimaran"}
        if parts.username is not None:
            if not self._tls and self._host not in {"127.0.0.1", "::1", "localhost"}:
                raise Unavailable("a password is not sent without TLS: name the webhook by https://")
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"

    def send(self, message: Message) -> str:
        """Post one event; returns the status it was taken with."""
        connection = self._connection()
        try:
            connection.request("POST", self._path, body=canonical(event(message)), headers=self._headers)
            answer = connection.getresponse()
            status, wait = answer.status, answer.getheader("Retry-After")
            answer.read(_READ)
        except (OSError, http.client.HTTPException, ValueError) as error:
            words = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            raise Unavailable(
                blotted(f"{self._where} cannot be reached or did not answer: {words}", self._secrets)
            ) from None
        finally:
            connection.close()
        return self._judged(status, wait)

    @property
    def _where(self) -> str:
        return blotted(f"the webhook at {self._host}", self._secrets)

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=_TIMEOUT, context=context)
        return http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT)

    def _judged(self, status: int, wait: str | None) -> str:
        said = f"{self._where} answered {status}"
        if http.HTTPStatus.OK <= status < http.HTTPStatus.MULTIPLE_CHOICES:
            return said
        if status in {http.HTTPStatus.GONE, http.HTTPStatus.UNSUPPORTED_MEDIA_TYPE}:
            raise Refused(said)
        if http.HTTPStatus.MULTIPLE_CHOICES <= status < http.HTTPStatus.BAD_REQUEST:
            raise Unavailable(f"{said}, and a redirect is not followed")
        seconds = timedelta(seconds=int(wait)) if wait is not None and wait.isdecimal() and len(wait) < 8 else None  # noqa: PLR2004
        raise Busy(said, min(seconds, _LONGEST_WAIT) if seconds is not None else None)


def event(message: Message) -> dict[str, object]:
    """Return a message as a CloudEvent.

    >>> from datetime import UTC, datetime
    >>> sent = Message(id="ab" * 32, seq=7, at=datetime(2013, 7, 1, tzinfo=UTC), product="p", subject="s", text="t")
    >>> event(sent)["source"], event(sent)["time"]
    ('/trimaran/p', '2013-07-01T00:00:00+00:00')
    """
    return {
        "specversion": "1.0",
        "id": message.id,
        "source": f"/trimaran/{message.product}",
        "type": TYPE,
        "time": message.at.isoformat(),
        "subject": message.product,
        "datacontenttype": "application/json",
        "data": {"notice": message.seq, "subject": message.subject, "text": message.text, "about": message.about},
    }
