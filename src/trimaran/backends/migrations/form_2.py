"""Layout 2: which entries name a digest, filled in for the entries that are there."""

from __future__ import annotations

from alembic import op

from trimaran.backends.asking import Asking
from trimaran.backends.ledger_index import fill_mentions

_SQLITE = """CREATE TABLE mentions (
    digest BLOB NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (digest, seq)) WITHOUT ROWID"""
_POSTGRESQL = "CREATE TABLE mentions (digest BYTEA NOT NULL, seq BIGINT NOT NULL, PRIMARY KEY (digest, seq))"


def upgrade() -> None:
    """Add the index of mentions; about ten seconds for a million entries."""
    op.execute(_SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL)
    fill_mentions(Asking(op.get_bind()))
    op.execute("UPDATE meta SET form = 2")
