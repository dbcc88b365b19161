"""Messages by mail, through one SMTP server."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from ipaddress import ip_address

import msgspec

from trimaran.core.errors import Refused, Unavailable
from trimaran.core.ports import Message
from trimaran.core.targets import blotted

_TIMEOUT = 10.0
"""Seconds that one answer of the server is waited for."""

_POLICY = SMTP.clone(cte_type="7bit")
"""Any server takes it, also one that does not offer 8BITMIME."""

_ID = 40
"""Characters of the id: with all of them the header would not fit into one line."""

_FOR_GOOD = 500
"""From here on a reply of SMTP says that the same will not be taken later either (RFC 5321, 4.2.1)."""


class MailServer(msgspec.Struct, frozen=True, kw_only=True):
    """The server that takes mail: ``tls`` from the first byte on, or else STARTTLS where it is offered."""

    host: str
    port: int
    sender: str
    user: str | None = None
    password: str | None = None
    tls: bool = False


class SmtpMail:
    """Sends mail to one address.

    A password is sent over TLS only, or to this machine. The id is the Message-ID, by which mail programs tell a repetition.
    """

    def __init__(self, server: MailServer, to: str) -> None:
        self._server = server
        self._to = to
        self._secrets = [server.password] if server.password else []

    def send(self, message: Message) -> str:
        """Send one mail; returns the server's last reply."""
        mail = self._written(message)
        server: smtplib.SMTP | None = None
        try:
            server = self._connected()
            server.sendmail(self._server.sender, [self._to], mail.as_bytes())
        # A server may quote what it was sent: its words are told without the password, and its error is not kept as the cause.
        except smtplib.SMTPRecipientsRefused as error:
            ((code, words),) = error.recipients.values()
            raise self._answered(code, words, "refused the address") from None
        except smtplib.SMTPAuthenticationError as error:
            raise Unavailable(self._said(f"{self._where} refused the log-in: {error.smtp_code}")) from None
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            raise self._answered(error.smtp_code, error.smtp_error, "refused the mail") from None
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable(self._said(f"{self._where} cannot be reached or did not answer: {_kind(error)}")) from None
        finally:
            if server is not None:
                # It has the mail, or not: how the conversation ends changes nothing.
                with suppress(OSError, smtplib.SMTPException):
                    server.quit()
        return f"taken by {self._where}"

    @property
    def _where(self) -> str:
        return f"the mail server {self._server.host}:{self._server.port}"

    def _connected(self) -> smtplib.SMTP:
        host, port = self._server.host, self._server.port
        if self._server.tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT, context=ssl.create_default_context())
        else:
            server = smtplib.SMTP(host, port, timeout=_TIMEOUT)
        try:
            self._greet(server)
        except BaseException:
            server.close()
            raise
        return server

    def _greet(self, server: smtplib.SMTP) -> None:
        """Make the connection safe, where it is not, and log in."""
        server.ehlo()
        if not self._server.tls and server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
            server.ehlo()
        elif not self._server.tls and self._server.user and not _is_here(self._server.host):
            raise Unavailable(f"{self._where} offers no TLS, and a password is not sent without: name it by smtps://")
        if self._server.user:
            server.login(self._server.user, self._server.password or "")

    def _written(self, message: Message) -> EmailMessage:
        mail = EmailMessage(policy=_POLICY)
        mail["From"] = Address(display_name="trimaran", addr_spec=self._server.sender)
        mail["To"] = Address(addr_spec=self._to)
        mail["Subject"] = " ".join(message.subject.split())
        mail["Date"] = format_datetime(message.at)
        mail["Message-ID"] = f"<{message.id[:_ID]}@trimaran>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence is to answer
        about = f", about {message.about}" if message.about else ""
        mail.set_content(f"{message.text}\n\n-- \nnotice {message.seq} of {message.product}{about}\n")
        return mail

    def _answered(self, code: int, words: bytes | str, what: str) -> Refused | Unavailable:
        reply = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
        kind = Refused if code >= _FOR_GOOD else Unavailable
        return kind(self._said(f"{self._where} {what}: {code} {' '.join(reply.split())}"))

    def _said(self, words: str) -> str:
        return blotted(words, self._secrets)


def _is_here(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _kind(error: Exception) -> str:
    """Return what an error says of the connection; texts of servers stay out."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
