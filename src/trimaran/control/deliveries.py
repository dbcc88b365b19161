"""The deliveries that a table's version came from, found among any number of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import msgspec

from trimaran.control.rewinding import backwards
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Entry, Ingest

MOST = 400
"""How many deliveries are added up for one version of a table; of those before them only the number is told."""

_TRIES = 30

Delivery = tuple[Entry, Ingest]


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What a version of a table came from: ``deliveries`` is how many it holds, the totals are of the newest ``counted``.

    ``newest`` are the last of them, ``quarantined`` those of which rows were refused, both newest first.
    """

    deliveries: int
    counted: int
    kept: int
    refused: int
    newest: list[Delivery]
    quarantined: list[Delivery]


def delivery_of(ledger: Ledger, subject: str, version: int) -> Delivery | None:
    """Return the delivery that made a version of the table ``product/table``, None when there is no such version.

    Versions grow with the ledger, so the place is guessed from how far along it is, which takes two or three looks.
    """
    newest = ledger.latest(Ingest, subject)
    if newest is None or not 0 <= version <= newest[1].version:
        return None
    low, low_version, high, high_version = 0, -1, newest[0].seq, newest[1].version
    for look in range(_TRIES):
        # A page begins where it is asked to: half of one early, so that the version lies in its middle.
        share = (version - low_version - MOST / 2) / max(1, high_version - low_version) if look % 3 < 2 else 0.5  # noqa: PLR2004
        start = min(max(low, int(low + (high - low) * share)), high - 1)
        page = _page(ledger, subject, start)
        if start > low and page[0][1].version >= version:
            high, high_version = page[0][0].seq, page[0][1].version
        elif page[-1][1].version < version:
            low, low_version = page[-1][0].seq, page[-1][1].version
        else:
            return next(each for each in page if each[1].version >= version)
    return next((each for each in ledger.history((Ingest,), subject, after=low) if each[1].version >= version), None)


def origin(ledger: Ledger, subject: str, version: int, few: int) -> Origin | None:
    """Return what a version of the table ``product/table`` came from, None when there is no such version."""
    made = delivery_of(ledger, subject, version)
    if made is None:
        return None
    found = list(islice(backwards(ledger, Ingest, subject, until=made[0].seq), MOST))
    return Origin(
        deliveries=version + 1,
        counted=len(found),
        kept=sum(record.kept for _, record in found),
        refused=sum(record.refused for _, record in found),
        newest=found[:few],
        quarantined=[each for each in found if each[1].refused][:few],
    )


def between(ledger: Ledger, subject: str, after: int, until: int) -> Iterator[Delivery]:
    """Yield the deliveries that made the versions past ``after`` up to ``until`` of the table ``product/table``."""
    first = delivery_of(ledger, subject, after + 1)
    if first is None:
        return
    for entry, record in ledger.history((Ingest,), subject, after=first[0].seq - 1):
        if record.version > until:
            return
        yield entry, record


def _page(ledger: Ledger, subject: str, after: int) -> list[Delivery]:
    return list(islice(ledger.history((Ingest,), subject, after=after), MOST))
