"""The contract of a declared table: as it was given, and as it is once its table's columns are known."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from trimaran.core.errors import Fault, FaultyError, InputError, NotFound
from trimaran.data.contracts.contract import Contract
from trimaran.data.contracts.judging import unfit
from trimaran.data.contracts.odcs import read_contract
from trimaran.data.contracts.pandera_schemas import from_pandera, is_pandera
from trimaran.data.contracts.tables import Reference


def as_contract(given: Any) -> Contract | None:
    """Return what was given as a contract; a file's is read by ``settled``, once it is known where to look for it.

    Raises ``InputError`` for what is neither a contract, nor a path, nor a pandera schema that can be converted.
    """
    if given is None or isinstance(given, Contract):
        return given
    if isinstance(given, str | Path):
        return Contract(absent=str(given))
    if is_pandera(given):
        return from_pandera(given)
    fault = Fault(
        what=f"contract= is {type(given).__name__}",
        remedy="give a path, a trimaran.data.contracts.Contract or a pandera schema",
    )
    raise InputError("contract", [fault])


def settles(contract: Contract, table: str, root: Path, guessed: pl.Schema) -> pl.Schema:
    """Return columns whose types are guesses from text as a table's contract promises them; what cannot be read promises nothing."""
    if contract.absent:
        try:
            contract = read_contract(root / contract.absent, table)
        except (FaultyError, NotFound):  # ``settled`` says it
            return guessed
    return contract.settles(guessed)


def settled(
    contract: Contract, table: str, root: Path, schema: Mapping[str, pl.DataType], others: Collection[str]
) -> tuple[Contract, list[Fault]]:
    """Return a table's contract, read from its file where it is in one, and all that is wrong with it for these columns."""
    if contract.absent:
        try:
            contract = read_contract(root / contract.absent, table)
        except FaultyError as error:
            return contract, list(error.faults)
        except NotFound as error:
            return contract, [Fault(what=str(error), remedy="check the path")]
    faults = [*contract.faults(schema), *unfit(contract.checks, schema)]
    for check in contract.checks:
        if isinstance(check, Reference) and check.table not in others:
            what = f"{check.name}: there is no table {check.table!r}"
            faults.append(Fault(what=what, where=check.where, remedy=f"choose from: {', '.join(others)}"))
    return contract, faults


def recorded(contract: Contract, table: str, root: Path, schema: Mapping[str, pl.DataType]) -> Contract:
    """Return a table's contract for a definition from the record, whose file may be gone or may not fit any more.

    Only deliveries need it: they are refused then, by what ``absent`` says; everything else goes on without.
    """
    path = contract.absent
    found, faults = settled(
        contract, table, root, schema, [one.table for one in contract.checks if isinstance(one, Reference)]
    )
    if not path or found.absent:
        return found
    faults = [fault for fault in faults if "there is no table" not in fault.what]
    return replace(found, absent=f"{path} does not fit the table: {faults[0]}") if faults else found
