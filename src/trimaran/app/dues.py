"""What a retention rule would take, as a person is told before it does."""

from __future__ import annotations

from datetime import datetime

import msgspec

from trimaran.app.vacuuming import Vacuum
from trimaran.core.nouns import Ref


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule would take now, of one product, or of what belongs to none (an empty ``product``).

    ``things`` go into the trash, or from there for good; of a table they are versions that can be read no more. ``rows`` of
    a store go for good, those before ``before``; ``spared`` says what stands against it, by thing. ``freed`` is in bytes: of
    files and of purged objects on the disk, of rows in their file, which has room for as many new ones then. ``breaks`` says
    in words what ends.
    """

    product: str
    store: str
    rule: str
    things: list[str] = []
    rows: dict[str, int] = {}
    before: datetime | None = None
    spared: dict[str, list[str]] = {}
    refs: list[Ref] = []
    freed: int = 0
    breaks: list[str] = []
    vacuum: Vacuum | None = None
