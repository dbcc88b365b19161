"""The index tables of a ledger: built from its entries, and asked whether they say what the entries say."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import sqlalchemy as sa

from trimaran.backends.ledger_tables import BODIES, FOLDED, PAGE, entries, latest, mention_rows, mentions
from trimaran.core.ledger import mentioned

_TOLD = 20
"""How many disagreements are told one by one: the remedy is the same for one as for a million."""


def build_index(connection: sa.Connection) -> None:
    """Throw the index away and build it again, in the connection's transaction."""
    connection.execute(sa.delete(latest))
    connection.execute(sa.insert(latest).from_select(["kind", "subject", "seq"], FOLDED))
    connection.execute(sa.delete(mentions))
    fill_mentions(connection)


def fill_mentions(connection: sa.Connection) -> None:
    """Write which entries name a digest into the empty table, a page of entries at a time."""
    for page in _bodies(connection):
        rows = [{"digest": digest, "seq": seq} for digest, seq in mention_rows(page)]
        if rows:
            connection.execute(sa.insert(mentions), rows)


def disagreements(connection: sa.Connection) -> Iterator[str]:
    """Yield, in words, where the index says something else than the entries; the connection shows one state of both."""
    yield from _latest_disagreements(connection)
    yield from islice(_mention_disagreements(connection), _TOLD)


def _latest_disagreements(connection: sa.Connection) -> Iterator[str]:
    indexed = sa.select(latest.c.kind, latest.c.subject, latest.c.seq)
    for kind, subject, seq in connection.execute(sa.except_(FOLDED, indexed).limit(_TOLD)):
        yield f"the index does not know that entry {seq} is the newest {kind} of {subject}"
    for kind, subject, seq in connection.execute(sa.except_(indexed, FOLDED).limit(_TOLD)):
        yield f"the index says that entry {seq} is the newest {kind} of {subject}, the entries do not"


def _mention_disagreements(connection: sa.Connection) -> Iterator[str]:
    # Sums of hashes tell in one pass over each whether two sets differ; only then are they compared row by row.
    expected = sum(
        hash((bytes.fromhex(name), seq)) for page in _bodies(connection) for seq, body in page for name in mentioned(body)
    )
    rows = connection.execute(sa.select(mentions.c.digest, mentions.c.seq).execution_options(yield_per=10 * PAGE))
    if sum(map(hash, rows)) == expected:
        return
    known = sa.select(mentions.c.digest).where(
        mentions.c.seq == sa.bindparam("seq"), mentions.c.digest == sa.bindparam("digest")
    )
    for page in _bodies(connection):
        for digest, seq in mention_rows(page):
            if connection.execute(known, {"seq": seq, "digest": digest}).first() is None:
                yield f"the index does not know that entry {seq} names {digest.hex()}"
    body = sa.select(mentions.c.digest, mentions.c.seq, entries.c.body).outerjoin(entries, entries.c.seq == mentions.c.seq)
    for digest, seq, text in connection.execute(body.execution_options(yield_per=PAGE)):
        said = digest.hex() if isinstance(digest, bytes) else repr(digest)
        if not isinstance(text, bytes) or said not in mentioned(text):
            yield f"the index says that entry {seq} names {said}, it does not"


def _bodies(connection: sa.Connection) -> Iterator[list[tuple[int, bytes]]]:
    after = 0
    while page := connection.execute(BODIES, {"after": after}).all():
        yield [(seq, body) for seq, body in page if isinstance(body, bytes)]  # else it was changed, which the chain tells
        after = page[-1][0]
