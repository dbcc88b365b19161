"""The index tables of a ledger: built from its entries, and asked whether they say what the entries say."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from trimaran.backends.ledger_tables import NAME, PAGE, Asked, Row, further, mention_rows
from trimaran.core.ledger import mentioned

_TOLD = 20
"""How many disagreements are told one by one: the remedy is the same for one as for a million."""

_FOLDED = "SELECT kind, subject, max(seq) FROM entries GROUP BY kind, subject"
_INDEXED = "SELECT kind, subject, seq FROM latest"
_BODIES = "SELECT seq, body FROM entries WHERE seq > ? ORDER BY seq LIMIT ?"
_FIRST_MENTIONS = "SELECT digest, seq FROM mentions ORDER BY digest, seq LIMIT ?"
_MORE_MENTIONS = "SELECT digest, seq FROM mentions WHERE (digest, seq) > (?, ?) ORDER BY digest, seq LIMIT ?"
_MENTION = "SELECT seq FROM mentions WHERE seq = ? AND digest = ?"
_BODY = "SELECT body FROM entries WHERE seq = ?"


def build_index(connection: Asked) -> None:
    """Throw the index away and build it again, in the connection's transaction."""
    connection.execute("DELETE FROM latest")
    connection.execute(f"INSERT INTO latest (kind, subject, seq) {_FOLDED}")
    connection.execute("DELETE FROM mentions")
    fill_mentions(connection)


def fill_mentions(connection: Asked) -> None:
    """Write which entries name a digest into the empty table, a page of entries at a time."""
    for page in _bodies(connection):
        rows = mention_rows(page)
        if rows:
            connection.executemany(NAME, rows)


def disagreements(connection: Asked) -> Iterator[str]:
    """Yield, in words, where the index says something else than the entries; the connection shows one state of both."""
    yield from _latest_disagreements(connection)
    yield from islice(_mention_disagreements(connection), _TOLD)


def _latest_disagreements(connection: Asked) -> Iterator[str]:
    for kind, subject, seq in connection.execute(f"{_FOLDED} EXCEPT {_INDEXED} LIMIT {_TOLD}"):
        yield f"the index does not know that entry {seq} is the newest {kind} of {subject}"
    for kind, subject, seq in connection.execute(f"{_INDEXED} EXCEPT {_FOLDED} LIMIT {_TOLD}"):
        yield f"the index says that entry {seq} is the newest {kind} of {subject}, the entries do not"


def _mention_disagreements(connection: Asked) -> Iterator[str]:
    # Sums of hashes tell in one pass over each whether two sets differ; only then are they compared row by row.
    expected = sum(
        hash((bytes.fromhex(name), seq)) for page in _bodies(connection) for seq, body in page for name in mentioned(body)
    )
    if sum(hash(tuple(row)) for row in _mentions(connection)) == expected:
        return
    for page in _bodies(connection):
        for digest, seq in mention_rows(page):
            if not list(connection.execute(_MENTION, (seq, digest))):
                yield f"the index does not know that entry {seq} names {digest.hex()}"
    for digest, seq in _mentions(connection):
        said = digest.hex() if isinstance(digest, bytes) else repr(digest)
        bodies = [body for (body,) in connection.execute(_BODY, (seq,)) if isinstance(body, bytes)]
        if not any(said in mentioned(body) for body in bodies):
            yield f"the index says that entry {seq} names {said}, it does not"


def _bodies(connection: Asked) -> Iterator[list[tuple[int, bytes]]]:
    after = 0
    while page := list(connection.execute(_BODIES, (after, PAGE))):
        yield [(seq, body) for seq, body in page if isinstance(body, bytes)]  # else it was changed, which the chain tells
        after = further(page[-1][0], after)


def _mentions(connection: Asked) -> Iterator[Row]:
    ((count,),) = connection.execute("SELECT count(*) FROM mentions")
    page = list(connection.execute(_FIRST_MENTIONS, (PAGE,)))
    for _ in range(count // PAGE + 1):  # counted, since a damaged index may be out of order and lead back
        yield from page
        if len(page) < PAGE:
            return
        page = list(connection.execute(_MORE_MENTIONS, (*page[-1], PAGE)))
