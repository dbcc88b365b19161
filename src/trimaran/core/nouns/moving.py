"""Records of moving house: what came from another workspace, and how its entries are found again."""

from __future__ import annotations

from trimaran.core.nouns.record import Record


class Imported(Record, frozen=True, kw_only=True, tag="imported"):
    """A product that came from another workspace; written in one batch with its entries, as the last. Subject: product.

    ``named`` is the product's name there. The ledger of ``origin`` had ``size`` entries, the digest ``head`` of the last
    and the Merkle ``root``, as ``key`` signed. ``manifest`` and ``note`` are the objects that hold what was signed, and the
    signature; ``entries`` holds the product's entries as they were there, and ``places`` a list of their seq there with
    their seq here. ``count`` entries came.
    """

    product: str
    named: str
    origin: str
    key: str
    size: int
    head: str
    root: str
    manifest: str
    note: str
    entries: str
    places: str
    count: int
