"""Who was erased stays out: erased people are known by a keyed digest alone, and what a source still says of them is left out."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from trimaran.app.workspace import Workspace
from trimaran.core.canon import digest
from trimaran.core.errors import NotFound
from trimaran.core.nouns import Erasing

SALT = "erasure-salt"
_BYTES = 32


def person_digest(salt: bytes, column: str, value: str) -> str:
    """Return what stands for a person in certificates: an HMAC-SHA256 of column and value, keyed with the workspace's salt.

    >>> person_digest(b"salt", "tailnum", "N14228") == person_digest(b"other salt", "tailnum", "N14228")
    False
    """
    return hmac.new(salt, f"{column}\0{value}".encode(), hashlib.sha256).hexdigest()


def salt_of(workspace: Workspace) -> bytes:
    """Return the workspace's salt, made at first use; who throws the file away makes all certificates anonymous."""
    path = workspace.root / SALT
    if not path.exists():
        aside = path.with_name(f".{SALT}-{secrets.token_hex(8)}")
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(_BYTES))
            file.flush()
            os.fsync(file.fileno())
        _name(aside, path)
    return bytes.fromhex(path.read_text(encoding="ascii"))


class Barred:
    """The people who were erased from a product, as the ledger has them now."""

    def __init__(self, workspace: Workspace, product: str) -> None:
        erased = [record for _, record in workspace.ledger.history([Erasing], product)]
        self.count = len(erased)
        self._people: dict[str, set[str]] = {}
        self._salt = b""
        if not erased:
            return
        if not (workspace.root / SALT).exists():
            message = (
                f"{workspace.root / SALT} is not there, so that people who were erased from {product} cannot be told in what is "
                "delivered; bring the file back from a copy, or write 64 other hexadecimal digits into it to take them in again"
            )
            raise NotFound(message)
        self._salt = salt_of(workspace)
        for record in erased:
            if record.salt == digest(self._salt):
                self._people.setdefault(record.column, set()).add(record.person)

    def without(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rows without those of people who were erased."""
        for column, people in self._people.items():
            if column in rows.columns:
                texts = rows[column].cast(pl.String)
                known = [text for text in texts.unique().drop_nulls() if person_digest(self._salt, column, text) in people]
                if known:
                    rows = rows.filter(~texts.is_in(known).fill_null(value=False))
        return rows

    def without_all(self, frames: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
        """Return the rows of each table without those of people who were erased."""
        return {name: self.without(rows) for name, rows in frames.items()}


def _name(aside: Path, path: Path) -> None:
    try:
        os.link(aside, path)  # of two who make one at once, the first wins
    except FileExistsError:
        return
    finally:
        aside.unlink()
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
