"""From any older layout of a ledger to today's; imported only where there is something to do, since Alembic takes its time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from importlib import import_module

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from trimaran.backends.ledger_tables import FORM


def upgrade(connection: sa.Connection, *, form: int, to: int = FORM) -> None:
    """Turn layout ``form`` (0: nothing there) into layout ``to``, inside the transaction that the connection is in.

    The transaction is the caller's, and so is the lock that keeps other writers away: whatever happens before its commit,
    the old layout stands. Each layout's file ends by writing its number into ``meta``, the one place that tells it.
    """
    with Operations.context(MigrationContext.configure(connection)):
        for number in range(form + 1, to + 1):
            import_module(f"trimaran.backends.migrations.form_{number}").upgrade()


def upgrade_sqlite(driver: sqlite3.Connection, form_of: Callable[[sqlite3.Connection], int]) -> None:
    """Bring a file to today's layout, in one transaction that holds its write lock; ``form_of`` reads the layout once it is held.

    Raises SQLite's own errors.
    """
    engine = sa.create_engine("sqlite://", creator=lambda: driver, poolclass=StaticPool)  # the connection stays its owner's
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            upgrade(connection, form=form_of(driver))
            connection.commit()
    except DBAPIError as error:
        raise error.orig or error from error
