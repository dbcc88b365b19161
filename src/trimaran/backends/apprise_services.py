"""Messages to chat and paging services, through the library apprise."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

from apprise import Apprise, AppriseAsset, NotifyType

from trimaran.core.errors import Unavailable
from trimaran.core.ports import Message
from trimaran.core.targets import blotted

LOUD = ("apprise", "urllib3.connectionpool", "urllib3.util.retry", "requests_oauthlib.oauth1_session")
"""The loggers that write down URLs and payloads, on their level of debugging at least."""

_NO_PICTURES: dict[str, Any] = {"image_url_mask": "", "image_url_logo": ""}
"""apprise would have whoever reads a message load its icons from GitHub."""

_MOST = 300


class AppriseService:
    """Sends messages to one service, which knows no ids: a repetition can be told by the last line of the text.

    apprise says whether it was taken, not why not; the reason is what it warned of, without secrets. Nothing that it, or the
    HTTP library below it, logs while it sends reaches the log of the process. Raises ``Unavailable`` for a URL it cannot read.
    """

    def __init__(self, name: str, url: str, secrets: list[str]) -> None:
        self._name, self._url, self._secrets = name, url, secrets

    def send(self, message: Message) -> str:
        """Hand one message to the service."""
        said: list[str] = []
        body = f"{message.text}\n\nnotice {message.seq} of {message.product} · {message.id[:12]}"
        with _heard(said):
            try:
                # A text is a text: braces in it are no template.
                asset = AppriseAsset(
                    app_id="trimaran", app_desc="trimaran", app_url="", allow_templates=False, **_NO_PICTURES
                )
                plugin = Apprise.instantiate(self._url, asset=asset, suppress_exceptions=True)
                taken = plugin is not None and plugin.notify(
                    body=body, title=" ".join(message.subject.split()), notify_type=NotifyType.WARNING
                )
            except Exception as error:  # noqa: BLE001  hundreds of plugins, each with its own
                # A plugin's own errors may quote the URL: their kind is all that is told.
                raise Unavailable(f"{self._name} was not reached: {type(error).__name__}") from None
        if plugin is None:
            raise Unavailable(f"{self._name} cannot be reached by what the environment's variables hold")
        if not taken:
            words = blotted("; ".join(said), [*self._secrets, self._url])[:_MOST]
            raise Unavailable(f"{self._name} did not take it{f': {words}' if words else ''}")
        return f"taken by {self._name}"


@contextmanager
def _heard(said: list[str]) -> Iterator[None]:
    """Collect what this thread's libraries warn of, and keep all they log from any log."""
    thread = get_ident()

    def caught(record: logging.LogRecord) -> bool:
        if record.thread != thread:
            return True
        if record.levelno >= logging.WARNING and record.name == "apprise":
            said.append(record.getMessage())
        return False

    for name in LOUD:
        logging.getLogger(name).addFilter(caught)
    try:
        yield
    finally:
        for name in LOUD:
            logging.getLogger(name).removeFilter(caught)
