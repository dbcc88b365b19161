"""Features by key over HTTP: rows of keys in, their materialised features out, what is missing and too old counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from trimaran.core.errors import Fault, InputError
from trimaran.deploy import MAX_KEYS, Looked, Lookups, TooLarge, parse
from trimaran.doors.http.metrics import Count

FEW = 32
"""Up to so many rows are read at once from a file of this machine without another thread, which would take longer."""

Scalar = str | int | float | bool | None


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rows of keys, and the features that are wanted of them: all by default."""

    rows: list[dict[str, Scalar]]
    features: list[str] | None = None


class Answered(msgspec.Struct, frozen=True):
    """What was found for each row, in their order."""

    rows: list[Looked]


_read = msgspec.json.Decoder(Asked).decode


class FeatureDoor:
    """Answers what features some keys have.

    ``find`` opens the views when the first caller asks; it raises ``NotFound`` where nothing was materialised. ``near`` says
    that they lie in a file of this machine.
    """

    def __init__(self, find: Callable[[], Lookups], *, near: bool) -> None:
        self._find = find
        self._near = near
        self._lookups: Lookups | None = None

    async def answer(self, product: str, body: bytes) -> Answered:
        """Return the features of the rows in a body, ``{"rows": [{"origin": "JFK"}], "features": ["crosswind"]}``.

        Raises ``Malformed`` for what is not JSON, ``TooLarge`` for too many rows, ``InputError`` with the faults of what
        cannot be looked up, ``NotFound`` for a product without materialised features.
        """
        asked = _asked(product, body)
        if self._lookups is None:
            self._lookups = await asyncio.to_thread(self._find)
        if self._near and len(asked.rows) <= FEW:
            return Answered(self._lookups.look(product, asked.rows, features=asked.features))
        return Answered(await asyncio.to_thread(self._lookups.look, product, asked.rows, features=asked.features))

    def text(self) -> str:
        """Return what was counted, in Prometheus' text form; nothing before the first caller."""
        if self._lookups is None:
            return ""
        labels = ("product", "view")
        counts = {
            "asked": Count("trimaran_feature_keys_total", "Keys whose features were looked up.", labels),
            "missing": Count("trimaran_feature_keys_missing_total", "Keys of which nothing is known.", labels),
            "stale": Count("trimaran_feature_values_stale_total", "Values that were too old, and null.", labels),
            "aged": Count("trimaran_feature_age_seconds_count", "Keys whose newest fact has a time.", labels),
            "age": Count("trimaran_feature_age_seconds_sum", "Seconds since the newest fact of each of these.", labels),
        }
        for place, tallied in self._lookups.counts.items():
            for what, count in tallied.items():
                counts[what].add(*place, n=round(count))
        return "\n".join(line for each in counts.values() for line in each.lines()) + "\n"


def _asked(product: str, body: bytes) -> Asked:
    try:
        asked = _read(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        parse(product, body)  # raises where it is no JSON
        fault = Fault(what=str(error)[:300], remedy='send {"rows": [{"key": "value"}], "features": ["name"]}')
        raise InputError(f"features of {product[:100]}", [fault]) from error
    if len(asked.rows) > MAX_KEYS or (asked.features is not None and len(asked.features) > MAX_KEYS):
        what = f"{len(asked.rows)} rows and {len(asked.features or ())} features, at most {MAX_KEYS} of each are taken"
        raise TooLarge(f"features of {product[:100]}", [Fault(what=what, remedy="ask for fewer at once")])
    return asked
