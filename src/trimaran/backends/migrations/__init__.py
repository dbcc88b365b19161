"""The layouts of a ledger in SQL: each file turns one into the next, for SQLite and for PostgreSQL."""

from trimaran.backends.migrations.upgrading import upgrade, upgrade_sqlite

__all__ = ["upgrade", "upgrade_sqlite"]
