"""Which store a workspace's ledger is in: a file of it, or a PostgreSQL database."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from trimaran.app.settings import SETTINGS, LedgerSettings, read_settings
from trimaran.backends.sqlite_ledger import SqliteLedger
from trimaran.core.config import ledger_password
from trimaran.core.errors import Fault, InputError, Unavailable
from trimaran.core.ports import LedgerStore

LEDGER = "ledger.db"


def has_ledger(root: Path) -> bool:
    """Tell whether a folder is a workspace: it has a ledger, or says in its settings where one is."""
    return (root / LEDGER).exists() or bool(read_settings(root).ledger.url)


def open_ledger(root: Path, settings: LedgerSettings) -> LedgerStore:
    """Return the store that the settings of a workspace's folder name; raises ``Unavailable`` without the extra ``postgres``.

    A folder that has a ledger of its own besides is an ``InputError``: which of the two is meant is nothing to guess.
    """
    if not settings.url:
        return SqliteLedger(root / LEDGER)
    if (root / LEDGER).exists():
        remedy = "name the PostgreSQL in the settings of a new folder, or take [ledger] out of this one's"
        fault = Fault(where="ledger.url", what=f"the folder has a ledger of its own, {LEDGER}", remedy=remedy)
        raise InputError(str(root / SETTINGS), [fault])
    try:
        backend = import_module("trimaran.backends.postgres_ledger")
    except ModuleNotFoundError as error:
        message = "a ledger on PostgreSQL needs a library that is not installed: run `pip install 'trimaran[postgres]'`"
        raise Unavailable(message) from error
    store: LedgerStore = backend.PostgresLedger(settings.url, password=ledger_password())
    return store
