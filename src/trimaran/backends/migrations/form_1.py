"""Layout 1: entries that can be neither changed nor removed, and the newest of each kind and subject."""

from __future__ import annotations

from alembic import op

_SQLITE = (
    """CREATE TABLE entries (
        seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
        body BLOB NOT NULL, key TEXT NOT NULL UNIQUE, previous TEXT NOT NULL, digest TEXT NOT NULL)""",
    """CREATE TRIGGER entries_stay_as_written BEFORE UPDATE ON entries
        BEGIN SELECT RAISE(ABORT, 'an entry of the ledger is never changed'); END""",
    """CREATE TRIGGER entries_stay BEFORE DELETE ON entries
        BEGIN SELECT RAISE(ABORT, 'an entry of the ledger is never removed'); END""",
    """CREATE TABLE latest (
        kind TEXT NOT NULL, subject TEXT NOT NULL, seq INTEGER NOT NULL REFERENCES entries (seq),
        PRIMARY KEY (kind, subject)) WITHOUT ROWID""",
)
_POSTGRESQL = (
    """CREATE TABLE entries (
        seq BIGINT PRIMARY KEY, at BIGINT NOT NULL, actor TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
        body BYTEA NOT NULL, key TEXT NOT NULL UNIQUE, previous TEXT NOT NULL, digest TEXT NOT NULL)""",
    """CREATE FUNCTION entries_stay() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'an entry of the ledger is never changed or removed'; END $$""",
    """CREATE TRIGGER entries_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
        FOR EACH STATEMENT EXECUTE FUNCTION entries_stay()""",
    """CREATE TABLE latest (
        kind TEXT NOT NULL, subject TEXT NOT NULL, seq BIGINT NOT NULL, PRIMARY KEY (kind, subject))""",
)
_BOTH = (
    "CREATE INDEX entries_of_kind ON entries (kind, seq)",
    "CREATE INDEX entries_of_subject ON entries (subject, seq)",
    "CREATE TABLE meta (form INTEGER NOT NULL)",
    "INSERT INTO meta (form) VALUES (1)",
)


def upgrade() -> None:
    """Make an empty ledger."""
    for statement in (*(_SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL), *_BOTH):
        op.execute(statement)
