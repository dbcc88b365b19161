"""Contracts outside of a run: proposed from a file or a table, and held against a file that nobody takes in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from trimaran.app.workspace import Workspace, only_product
from trimaran.core.clock import Clock
from trimaran.core.errors import NotFound
from trimaran.core.nouns import Finding
from trimaran.data.contracts import REASONS, Contract, Surroundings, infer_contract, judge, read_contract, unfit
from trimaran.data.sources import PLACE, Reading, Shape, as_source, columns, files, guessed, read

MOST_ROWS = 1_000_000
"""The most rows a proposal looks at; of more, every n-th."""


_SHOWN = 40  # characters of a value


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a contract says of a file: rows = kept + refused; ``faults`` are what made columns or places unjudgeable.

    Columns that are missing or of another type leave no row. ``reasons`` counts the rows each reason refuses, ``places``
    says where the first of them is or what it holds; ``stopped`` names the checks that would stop the line.
    """

    contract: str
    data: str
    rows: int
    kept: int
    refused: int
    reasons: dict[str, int]
    places: dict[str, str]
    faults: list[str]
    stopped: list[str]
    findings: list[Finding]

    @property
    def holds(self) -> bool:
        """Whether a delivery of this file would be taken in whole."""
        return not (self.faults or self.refused or any(finding.outcome == "fail" for finding in self.findings))


def propose(
    place: str,
    *,
    name: str | None = None,
    workspace: Path | None = None,
    product: str | None = None,
    nulls: Sequence[str] = (),
) -> str:
    """Return the contract proposed for a file, or for a table of a product in a workspace, as YAML.

    Fields of CSV that say one of ``nulls`` are empty. Raises ``NotFound`` for what is neither, and what reading the file raises.
    """
    path = Path(place)
    if path.exists() or path.suffix or "://" in place or "*" in place:
        rows = _rows(place, nulls).rows
        return infer_contract(_sample(rows), name or as_source(place).name or "table")
    if workspace is None:
        raise NotFound(f"there is no file {place}; to name a table, give its workspace: --workspace FOLDER")
    opened = Workspace.existing(workspace)
    address = f"{only_product(opened, product)}/{place}"
    version = opened.tables.version(address)
    if version is None:
        raise NotFound(f"there is neither a file nor a table {place} in {workspace}: run the product first, or name a file")
    return infer_contract(_sample(opened.tables.read(address, version).collect()), name or place)


def check_file(
    contract: Path,
    data: str,
    clock: Clock,
    others: Mapping[str, str] | None = None,
    *,
    at: datetime | None = None,
    nulls: Sequence[str] = (),
) -> Checked:
    """Hold a file against a contract; ``others`` names the files of tables that it refers to. Nothing is written.

    Fields of CSV that say one of ``nulls`` are empty.
    """
    agreed = read_contract(contract)
    found = _rows(data, nulls, agreed)
    rows, unreadable = found.rows, found.unreadable
    faults, stated = _judgeable(agreed, rows)
    held = {table: _rows(file, nulls).rows for table, file in (others or {}).items()}
    judged = judge(stated.checks, rows, Surroundings(at or clock.now(), others=held))
    broken = rows.filter(judged.refused).with_columns(judged.reasons.alias(REASONS))
    reasons = pl.concat([broken[REASONS].explode(), unreadable[REASONS].explode()]).drop_nulls()
    total = rows.height + unreadable.height
    refused = total if faults else broken.height + unreadable.height
    return Checked(
        contract=str(contract),
        data=data,
        rows=total,
        kept=total - refused,
        refused=refused,
        reasons=dict(reasons.rename("reason").value_counts(sort=True).iter_rows()),
        places=_first(unreadable, lambda row, _: row[PLACE]) | _first(broken, partial(_values, stated)),
        faults=[*map(str, found.faults), *faults],
        stopped=judged.stopped,
        findings=judged.findings,
    )


def _rows(place: str, nulls: Sequence[str], agreed: Contract | None = None) -> Reading:
    """Return what can be read of a file, text as a contract promises its columns."""
    agreed = agreed or Contract()
    moments = {name for name, kind in agreed.types.items() if kind in {"timestamp", "date", "time"}}
    as_source(place)  # raises for what is no place of files
    source = files(place, nulls=nulls)
    schema = columns(source, moments)
    schema = agreed.settles(schema) if guessed(source) else schema
    return read(source, Shape(source.name or "table", schema, frozenset(moments & set(schema))))


def _first(refused: pl.DataFrame, told: Callable[[dict[str, Any], str], str]) -> dict[str, str]:
    """Return what there is to tell of the first row that each reason refused."""
    if refused.is_empty():
        return {}
    each = refused.explode(REASONS).unique(REASONS, keep="first", maintain_order=True)
    return {row[REASONS]: told(row, row[REASONS]) for row in each.to_dicts()}


def _values(contract: Contract, row: dict[str, Any], reason: str) -> str:
    """Return the values that a check looked at in a row."""
    names = next((check.columns for check in contract.checks if check.name == reason), ())
    return ", ".join(f"{name} {str(row[name])[:_SHOWN]!r}" for name in names)


def _judgeable(contract: Contract, rows: pl.DataFrame) -> tuple[list[str], Contract]:
    """Return what is wrong with the columns, and the contract with the checks that can be made all the same."""
    faults = contract.faults(rows.schema)
    able = [check for check in contract.checks if not unfit([check], rows.schema)]
    odd = [fault for check in contract.checks if check not in able for fault in unfit([check], rows.schema)]
    told = [*faults, *(fault for fault in odd if not faults)]
    return [str(fault) for fault in told], Contract(contract.name, contract.types, tuple(able))


def _sample(rows: pl.DataFrame) -> pl.DataFrame:
    return rows if rows.height <= MOST_ROWS else rows.gather_every(-(-rows.height // MOST_ROWS))
