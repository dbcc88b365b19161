"""Which version answers a prediction: a stable split by the hash of its id, or of the group that it is ranked in."""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from trimaran.core.errors import Unavailable
from trimaran.core.nouns import Role, Traffic

_WHOLE = float(1 << 64)


class Route(msgspec.Struct, frozen=True):
    """Who answers one id, in which role, and which versions score it without being heard."""

    number: int
    role: Role
    shadows: tuple[int, ...] = ()


def share_of(id: str, canary: int) -> float:  # noqa: A002  the id is what the whole system calls it
    """Return where an id lies in [0, 100) for one canary: the same for ever, and evenly spread over ids.

    >>> 0 <= share_of("2013-07-01-UA-1545-EWR", 4) < 100
    True
    """
    # The canary's number salts the hash, so that the same ids are not the first to meet every new version.
    digest = blake2b(id.encode(), digest_size=8, salt=canary.to_bytes(8, "big")).digest()
    return 100 * (int.from_bytes(digest, "big") / _WHOLE)


def route(traffic: Traffic, id: str) -> Route:  # noqa: A002  the id is what the whole system calls it
    """Return the route of an id; raising the percentage only moves ids from the live version to the canary.

    While a canary runs, whichever of the two does not answer scores in the shadow: both are then compared on the same
    ids at every percentage. Raises ``Unavailable`` when nothing is live to answer the id.

    >>> route(Traffic(live=3, shadow=4), "a")
    Route(number=3, role='live', shadows=(4,))
    >>> route(Traffic(live=3, canary=4, percent=100.0), "a")
    Route(number=4, role='canary', shadows=(3,))
    """
    live, canary, shadow = traffic.live, traffic.canary, traffic.shadow
    silent = () if shadow is None else (shadow,)
    if canary is not None and share_of(id, canary) < traffic.percent:
        return Route(canary, "canary", silent if live is None else (live, *silent))
    if live is None:
        message = "no version is live, so nothing can answer; release one with `trimaran run`"
        raise Unavailable(message)
    return Route(live, "live", silent if canary is None else (canary, *silent))
