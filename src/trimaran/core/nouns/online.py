"""Records of features kept by key: what a view is, what it keeps of each key, and what came of writing it."""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class ViewColumn(msgspec.Struct, frozen=True, kw_only=True):
    """One feature of a view.

    ``moment`` is the place, among the moments in a record's body, of the event time of the fact that the value is of; -1
    where the value is of the moment the whole view is of, as a window's is. ``max_age`` is how old that moment may be and
    the value still count, in microseconds; None for as old as may be. ``nothing`` is the value of a key without facts: 0 for
    a count, None for a mean.
    """

    name: str
    moment: int = -1
    max_age: int | None = None
    nothing: float | int | bool | None = None


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The features of a product that are looked up by one tuple of columns, ``keys``.

    ``moments`` is how many event times a body begins with. ``schema`` keeps the types of keys and features, and
    ``definition`` is a digest of everything that the values depend on besides the facts: another one calls for a refresh.
    """

    product: str
    name: str
    keys: tuple[str, ...]
    columns: tuple[ViewColumn, ...]
    moments: int
    schema: str
    definition: str


class Kept(NamedTuple):
    """What a view keeps of one key.

    ``event`` is when its newest fact happened and ``computed`` the moment its values are of, both in microseconds since
    1970; ``body`` is a msgpack array of event times, then values.
    """

    key: bytes
    event: int
    computed: int
    body: bytes


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a view stands: which generation readers see, the moment it is of (microseconds), and what it was made from."""

    view: View
    generation: int
    as_of: int
    sources: bytes = b""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the keys that were handed to a view: entered = written + unchanged + refused (older than what is kept)."""

    entered: int
    written: int
    unchanged: int = 0
    refused: int = 0
