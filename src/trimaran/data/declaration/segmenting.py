"""What can be wrong with a declaration of one model a segment."""

from __future__ import annotations

from trimaran.core.errors import Fault
from trimaran.data.declaration.parts import Replicating, Suggestion, Table

FEATURES = ("shared", "own")
"""Whose features the model of a segment has: the product's, or those suggested for the segment."""

_EVERYTHING = 100.0


def segment_faults(policy: Replicating, asked: Table, suggestion: Suggestion | None, where: str) -> list[Fault]:
    """Return everything that is wrong with how a product is replicated over the values of a column of the asked table."""
    found = []
    if policy.by in asked.late:
        what = f"replicate goes by {policy.by!r}, which is not known when the answer is due"
        found.append(Fault(what=what, where=where, remedy="go by a column that a request can have"))
    waves = list(policy.waves)
    if not waves or waves[-1] != _EVERYTHING or waves != sorted(set(waves)) or waves[0] <= 0:
        found.append(Fault(what=f"waves {waves} do not rise to 100", where=where, remedy="write them like [5, 25, 100]"))
    for name, rows in (("minimum", policy.minimum), ("tested", policy.tested)):
        if rows < 1:
            found.append(Fault(what=f"replicate has {name}={rows} rows", where=where, remedy="ask for 1 or more"))
    if policy.own and suggestion is None:
        what = 'replicate has features="own", and nothing says which tables they may be suggested from'
        found.append(Fault(what=what, where=where, remedy="add product.suggest(…), or leave features out"))
    return found
