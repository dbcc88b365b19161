"""The laws of ``ObjectStore``; each takes an empty store."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from trimaran.core.canon import digest
from trimaran.core.errors import NotFound
from trimaran.core.ports import ObjectStore
from trimaran.testing.laws import holds, refuses


def bytes_come_back_by_their_sha256(store: ObjectStore) -> None:
    """Name bytes by their digest, empty ones as well."""
    for data in (b"", b"a model", bytes(range(256)) * 5000):
        name = store.put(data)
        holds(name == digest(data), "put returns the SHA-256")
        holds(store.has(name) and store.get(name) == data, "get returns what was put")


def the_same_bytes_again_change_nothing(store: ObjectStore) -> None:
    """Once or often is the same."""
    holds(store.put(b"x") == store.put(b"x") and store.get(digest(b"x")) == b"x", "putting again is harmless")


def a_digest_never_put_is_not_found(store: ObjectStore) -> None:
    """Nor is a text that is no digest, wherever it would lead."""
    store.put(b"x")
    for name in (digest(b"never"), "", "ab", "../../etc/passwd", digest(b"x").upper(), digest(b"x") + "\n"):
        holds(not store.has(name), "has says no for what was never put")
        refuses(NotFound, lambda name=name: store.get(name), "what was never put is NotFound")  # type: ignore[misc]


def concurrent_puts_of_the_same_bytes_agree(store: ObjectStore) -> None:
    """Every writer succeeds, and one object stands."""
    data = b"the same" * 10_000
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(lambda _: store.put(data), range(16)))
    holds(names == {digest(data)} and store.get(digest(data)) == data, "concurrent puts agree")


LAWS: tuple[Callable[[ObjectStore], None], ...] = (
    bytes_come_back_by_their_sha256,
    the_same_bytes_again_change_nothing,
    a_digest_never_put_is_not_found,
    concurrent_puts_of_the_same_bytes_agree,
)
