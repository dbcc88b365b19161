"""Where a notice goes, as a product file says it: a mail address, a webhook or a service; its secrets are named, never said."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Literal
from urllib.parse import quote, unquote

import msgspec

from trimaran.core.errors import Fault, InputError, Unavailable

SERVICES = {
    "slack": "Slack",
    "workflows": "Microsoft Teams",
    "pagerduty": "PagerDuty",
    "opsgenie": "Opsgenie",
    "discord": "Discord",
    "gchat": "Google Chat",
    "tgram": "Telegram",
    "webex": "Webex",
    "pover": "Pushover",
    "zulip": "Zulip",
    "mmost": "Mattermost",
    "mmosts": "Mattermost",
    "rocket": "Rocket.Chat",
    "rockets": "Rocket.Chat",
    "ntfy": "ntfy",
    "ntfys": "ntfy",
    "matrix": "Matrix",
    "matrixs": "Matrix",
}
"""The services that a notice may go to, by the scheme that the library apprise knows them by."""

HOUSED = frozenset({"mmost", "mmosts", "rocket", "rockets", "ntfy", "ntfys", "matrix", "matrixs"})
"""Services that people run themselves: their host is no secret."""

Sort = Literal["mail", "webhook", "service"]

_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`|~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?")
_VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PLAIN = re.compile(r"[A-Za-z0-9._~!$'()*+,;=%-]*")
_ROOM = re.compile(r"[#@+][A-Za-z0-9._-]+")
_LIKE_A_TOKEN = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9_-]{20,}")
_LEAST = 4
"""Characters: a shorter part of a secret tells nothing, and to blot it out would blot out words."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where a notice goes. ``rest`` is what follows the scheme, with ``{VARIABLE}`` where the environment has a secret."""

    scheme: str
    rest: str

    @property
    def sort(self) -> Sort:
        """Who brings a notice there."""
        if self.scheme == "mailto":
            return "mail"
        return "webhook" if self.scheme in {"http", "https"} else "service"

    def filled(self, variable: Callable[[str], str | None]) -> tuple[str, list[str]]:
        """Return the whole URL, and the secrets in it; raises ``Unavailable`` that lists the variables that are not set."""
        names = _VARIABLE.findall(self.rest)
        found = {name: variable(name) for name in names}
        lacking = sorted(name for name, value in found.items() if not value)
        if lacking:
            raise Unavailable(f"{', '.join(lacking)} is not set in the environment of the process that sends")
        rest = _VARIABLE.sub(lambda match: (found[match[1]] or "").strip(), self.rest)
        # A variable may hold the whole URL, as the service shows it to copy.
        whole = rest if re.match(r"[a-z]+://", rest) else f"{self.scheme}://{rest}"
        return whole, [value.strip() for value in found.values() if value]

    def __str__(self) -> str:
        return f"{self.scheme}:{self.rest}" if self.sort == "mail" else f"{self.scheme}://{self.rest}"


def parse_target(text: str) -> Target:
    """Return the target that a text names; raises ``InputError`` whose words hold nothing that may be a secret.

    >>> str(parse_target("mailto:ops@example.com")), parse_target("slack://{OPS_SLACK}/#ops").sort
    ('mailto:ops@example.com', 'service')
    >>> parse_target("slack://T1/B2/abc")
    Traceback (most recent call last):
    trimaran.core.errors.InputError: tell: 1 fault
      a slack:// target holds what may be a secret; put all of it into a variable of the environment: slack://{OPS_SLACK}
    """
    scheme, _, rest = text.partition(":")
    if _MAIL.fullmatch(text):
        raise _fault("a mail address has no mailto: before it", f"write mailto:{text}")
    if not re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme) or not rest:
        raise _fault("it is no target", "write mailto:ops@example.com, https://example.com/hook or slack://{OPS_SLACK}")
    if scheme == "mailto":
        if not _MAIL.fullmatch(rest):
            raise _fault(
                "what follows mailto: is not one mail address", "write mailto:ops@example.com, each in its own text"
            )
        return Target(scheme=scheme, rest=rest)
    if scheme not in SERVICES and scheme not in {"http", "https"}:
        known = ", ".join(["mailto", "http", "https", *SERVICES])
        raise _fault(f"nothing is known to bring notices to {scheme}:", f"choose from: {known}")
    if not rest.startswith("//") or len(rest) == len("//"):
        raise _fault(f"nothing follows {scheme}://", f"write {_example(scheme)}")
    target = Target(scheme=scheme, rest=rest.removeprefix("//"))
    _require_open(target)
    return target


def masked(text: str) -> str:
    """Return a target as pages may show it; of one that would be refused today only its scheme.

    >>> masked("slack://{OPS_SLACK}"), masked("json://me:secret@example.com")
    ('slack://{OPS_SLACK}', 'json:…')
    """
    try:
        return str(parse_target(text))
    except InputError:
        scheme = re.match(r"[a-z][a-z0-9+.-]{0,20}:", text)
        return f"{scheme[0]}…" if scheme else "…"


def blotted(text: str, secrets: Iterable[str]) -> str:
    """Return a text without secrets or parts of them, as they are and as URLs write them.

    >>> blotted("no route to /hooks/abcd-1234?x", ["hooks.example.com/hooks/abcd-1234"])
    'no route to /***/***?x'
    """
    parts = set()
    for secret in secrets:
        for part in (secret, *re.split(r"[/?#&=:@\s]+", secret)):
            parts |= {part, quote(part), quote(part, safe=""), unquote(part)}
    for part in sorted(parts, key=len, reverse=True):
        if len(part) >= _LEAST:
            text = text.replace(part, "***")
    return text


def _require_open(target: Target) -> None:
    """Raise ``InputError`` where a target holds what may be a secret: it would be in the ledger for good."""
    host, *path = target.rest.split("/")
    web = target.sort == "webhook"
    secret = _fault(
        f"a {target.scheme}:// target holds what may be a secret",
        f"put all of it into a variable of the environment: {_example(target.scheme)}",
    )
    if not _VARIABLE.fullmatch(host) and not ((web or target.scheme in HOUSED) and _HOST.fullmatch(host)):
        raise secret
    for piece in path:
        bare = _VARIABLE.sub("", piece)
        if web and _PLAIN.fullmatch(bare) and not _LIKE_A_TOKEN.search(bare):
            continue
        if not web and (not bare or _ROOM.fullmatch(piece)):
            continue
        raise secret
    if not web and "{" not in target.rest and target.scheme not in {"ntfy", "ntfys"}:
        raise secret


def _example(scheme: str) -> str:
    return f"{scheme}://{{OPS_{'HOOK' if scheme in {'http', 'https'} else scheme.upper()}}}"


def _fault(what: str, remedy: str) -> InputError:
    return InputError("tell", [Fault(what=what, remedy=remedy)])
