"""Which messenger brings a notice to a target: the workspace's mail server, a POST, or the library apprise."""

from __future__ import annotations

from importlib import import_module
from urllib.parse import unquote, urlsplit

from trimaran.app.settings import SETTINGS, NoticesSettings
from trimaran.core.config import mail_password, secret
from trimaran.core.errors import Unavailable
from trimaran.core.ports import Messenger
from trimaran.core.targets import SERVICES, Target

_PORTS = {"smtp": 587, "smtps": 465}


def hindrance(target: Target, settings: NoticesSettings) -> str | None:
    """Return what the workspace lacks to send to a target, in words; None where it lacks nothing."""
    if target.sort == "mail" and not settings.smtp:
        return f"no mail server is named: write smtp and sender under [notices] into {SETTINGS}"
    return None


def messenger(target: Target, settings: NoticesSettings) -> Messenger:
    """Return what sends to a target; raises ``Unavailable`` where the workspace, its environment or a library lacks for it."""
    lacking = hindrance(target, settings)
    if lacking is not None:
        raise Unavailable(lacking)
    if target.sort == "mail":
        return _mail(target, settings)
    url, secrets = target.filled(secret)
    if target.sort == "webhook":
        webhook: Messenger = import_module("trimaran.backends.event_webhook").EventWebhook(url, secrets)
        return webhook
    try:
        backend = import_module("trimaran.backends.apprise_services")
    except ModuleNotFoundError as error:
        message = f"{target.scheme}:// needs a library that is not installed: run `pip install 'trimaran[apprise]'`"
        raise Unavailable(message) from error
    service: Messenger = backend.AppriseService(SERVICES[target.scheme], url, secrets)
    return service


def _mail(target: Target, settings: NoticesSettings) -> Messenger:
    backend, parts = import_module("trimaran.backends.smtp_mail"), urlsplit(settings.smtp)
    server = backend.MailServer(
        host=parts.hostname,
        port=parts.port or _PORTS[parts.scheme],
        sender=settings.sender,
        user=unquote(parts.username) if parts.username else None,
        password=mail_password(),
        tls=parts.scheme == "smtps",
    )
    found: Messenger = backend.SmtpMail(server, target.rest)
    return found
