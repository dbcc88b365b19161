"""Records of data: what came in, what was refused, and totals that must balance."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec

from trimaran.core.nouns.record import Record


class Quarantine(msgspec.Struct, frozen=True, kw_only=True):
    """Rows a contract refused: how many for each reason, and the object that holds them with every reason."""

    reasons: dict[str, int]
    rows: str


class Ingest(Record, frozen=True, kw_only=True, tag="ingest"):
    """One delivery into a versioned table; rows in = rows kept + rows refused. Subject: product/table.

    ``profile`` is the object with the profile of the kept rows, by column and day; None where none was kept.
    """

    form: ClassVar[int] = 2

    table: str
    version: int
    source: str
    rows_in: int
    kept: int
    refused: int
    repeated: int = 0
    quarantine: Quarantine | None = None
    first: datetime | None = None
    last: datetime | None = None
    expectations: list[str] = []
    profile: str | None = None


class Balance(Record, frozen=True, kw_only=True, tag="balance"):
    """Control totals of one hand-over: what entered must equal the sum of where it went. Subject: product/handover.

    The window is (``since``, ``until``]; without ``since`` everything up to ``until`` counts. ``held`` is the object with a
    fingerprint of each thing counted, so that one that is gone, new or changed is found later and no person is named.
    ``nulls`` counts, by feature, the rows that have none.
    """

    form: ClassVar[int] = 2

    handover: str
    since: datetime | None
    until: datetime
    entered: int
    left: dict[str, int]
    held: str | None = None
    nulls: dict[str, int] = {}

    @property
    def missing(self) -> int:
        """How many things entered and are nowhere; 0 when the hand-over balances."""
        return self.entered - sum(self.left.values())
