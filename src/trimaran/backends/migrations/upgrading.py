"""From any older layout of a ledger to today's; imported only where there is something to do, since Alembic takes its time."""

from __future__ import annotations

from importlib import import_module

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext


def upgrade(connection: sa.Connection, *, form: int, to: int) -> None:
    """Turn layout ``form`` (0: nothing there) into layout ``to``, inside the transaction that the connection is in.

    The transaction is the caller's, and so is the lock that keeps other writers away: whatever happens before its commit,
    the old layout stands. Each layout's file ends by writing its number into ``meta``, the one place that tells it.
    """
    with Operations.context(MigrationContext.configure(connection)):
        for number in range(form + 1, to + 1):
            import_module(f"trimaran.backends.migrations.form_{number}").upgrade()
