"""The rows that were refused, as they came, each with every reason and its place."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import polars as pl

from trimaran.app.workspace import Workspace
from trimaran.core.errors import NotFound
from trimaran.core.nouns import Ingest
from trimaran.data.sources import PLACE, REASONS
from trimaran.data.tables import quarantined

ENTRY = "refused_in"
"""The column that says which delivery refused a row: the number of its ledger entry."""


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """What one delivery refused: how many rows for each reason; ``gone`` where its rows were purged or erased since."""

    entry: int
    at: datetime
    source: str
    version: int
    rows: int
    reasons: dict[str, int]
    gone: bool = False


def refusals(workspace: Workspace, product: str, table: str, entry: int | None = None) -> list[Refused]:
    """Return the deliveries to a table that refused rows, the newest first; only that of one ``entry``, where it is given.

    Raises ``NotFound`` for a table that had no delivery, and for an entry that is none that refused rows.
    """
    made = list(workspace.ledger.history([Ingest], f"{product}/{table}"))
    if not made:
        every = {one.subject for one in workspace.ledger.store.scan(kinds=["ingest"])}
        known = sorted(subject.removeprefix(f"{product}/") for subject in every if subject.startswith(f"{product}/"))
        raise NotFound(f"nothing was delivered to a table {table!r} of {product}; there is {', '.join(known) or 'none'}")
    found = [
        Refused(
            entry=one.seq,
            at=one.at,
            source=record.source,
            version=record.version,
            rows=record.refused,
            reasons=record.quarantine.reasons,
            gone=_rows(workspace, record) is None,
        )
        for one, record in reversed(made)
        if record.quarantine is not None and entry in {None, one.seq}
    ]
    if entry is not None and not found:
        raise NotFound(
            f"entry {entry} is no delivery to {table} that refused rows: `trimaran quarantine {table}` lists them"
        )
    return found


def refused_rows(workspace: Workspace, product: str, table: str, entry: int | None = None) -> pl.DataFrame:
    """Return the refused rows of a table, of the newest delivery first, or of one delivery.

    ``refused_because`` lists the reasons, ``refused_at`` says where a row stood that could not be read, ``refused_in`` names
    the delivery; then come the row's own columns. Raises as ``refusals`` does.
    """
    parts = []
    for one in refusals(workspace, product, table, entry):
        rows = _rows(workspace, workspace.ledger.read(workspace.ledger.store.get(one.entry), Ingest))
        if rows is not None:
            parts.append(rows.with_columns(pl.lit(one.entry, pl.Int64).alias(ENTRY)))
    if not parts:
        return pl.DataFrame(schema={ENTRY: pl.Int64, REASONS: pl.List(pl.String), PLACE: pl.String})
    whole = pl.concat(parts, how="diagonal_relaxed")
    if PLACE not in whole.columns:
        whole = whole.with_columns(pl.lit(None, pl.String).alias(PLACE))
    return whole.select(ENTRY, REASONS, PLACE, pl.exclude(ENTRY, REASONS, PLACE))


def told(row: dict[str, Any], most: int) -> str:
    """Return a row in words, cut where it gets long."""
    said = ", ".join(
        f"{name} {value}" for name, value in row.items() if name not in {ENTRY, REASONS, PLACE} and value is not None
    )
    return said if len(said) <= most else said[: most - 2] + " …"


def _rows(workspace: Workspace, record: Ingest) -> pl.DataFrame | None:
    try:
        return quarantined(workspace.objects, record)
    except NotFound:
        return None
