"""The laws of ``ViewStore``; each takes an empty store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from trimaran.core.errors import Conflict, NotFound
from trimaran.core.nouns import Kept, View, ViewColumn, Written
from trimaran.core.ports import ViewStore
from trimaran.testing.laws import holds, refuses

FIRST, LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""Year 1 and year 9999 in microseconds."""


def view(name: str = "origin", product: str = "p", definition: str = "1") -> View:
    """Return a view of one feature."""
    column = ViewColumn(name="wind", moment=0, max_age=60)
    return View(product=product, name=name, keys=(name,), columns=(column,), moments=1, schema="", definition=definition)


def records(*keys: str, event: int = 10, computed: int = 20, body: bytes = b"body") -> list[Kept]:
    """Return records that differ by their keys alone."""
    return [Kept(key.encode(), event, computed, body) for key in keys]


def _fill(store: ViewStore, *batches: Sequence[Kept], of: View | None = None, as_of: int = 20, key: str = "fill") -> Written:
    return store.refresh(of or view(), batches, as_of=as_of, sources=b"s", key=key)


def _put(store: ViewStore, *batches: Sequence[Kept], of: View | None = None, as_of: int = 30, key: str = "put") -> Written:
    return store.advance(of or view(), batches, as_of=as_of, sources=b"t", key=key)


def _read(store: ViewStore, *keys: str, name: str = "origin", product: str = "p") -> list[Kept | None]:
    return store.read(product, name, [key.encode() for key in keys])[1]


def a_view_is_not_there_before_its_first_refresh(store: ViewStore) -> None:
    """Say so, and list nothing."""
    refuses(NotFound, lambda: _read(store, "JFK"), "there is nothing to read")
    refuses(NotFound, lambda: _put(store, records("JFK")), "there is nothing to advance")
    holds(store.standing("p") == [] and list(store.scan("p", "origin")) == [], "nothing stands")
    holds(store.drop("p", "origin") == 0, "nothing is dropped")


def what_was_written_is_read_in_the_order_asked(store: ViewStore) -> None:
    """Bit by bit, null for an unknown key, as often as asked."""
    odd = [Kept(b"\x00\xff", FIRST, LAST, bytes(range(256))), Kept(b"", LAST, FIRST, b"")]
    holds(_fill(store, records("JFK"), odd) == Written(entered=3, written=3), "each record is counted")
    holds(_read(store, "LGA", "JFK", "JFK") == [None, *records("JFK"), *records("JFK")], "in the order asked")
    holds(store.read("p", "origin", [b"\x00\xff", b""])[1] == odd, "any bytes and any moments")
    holds(_read(store) == [], "no keys, no records")
    standing, _ = store.read("p", "origin", [b"JFK"])
    holds((standing.view, standing.as_of) == (view(), 20), "the reader learns what the view is")
    holds([(each.as_of, each.sources) for each in store.standing("p")] == [(20, b"s")], "and what it was made from")
    holds(sorted(store.scan("p", "origin")) == sorted([*records("JFK"), *odd]), "a scan yields every record")


def thousands_of_keys_are_read_at_once(store: ViewStore) -> None:
    """In their order."""
    keys = [f"{number}" for number in range(5000)]
    _fill(store, records(*keys[:3000]), records(*keys[3000:]))
    found = _read(store, *reversed(keys))
    holds([each.key.decode() for each in found if each] == keys[::-1], "every key in its place")


def products_and_views_are_apart(store: ViewStore) -> None:
    """Each has its own records, keys and moments."""
    _fill(store, records("JFK"))
    _fill(store, records("LGA"), of=view("tail"), as_of=5)
    _fill(store, records("EWR"), of=view(product="q"), as_of=6)
    holds(_read(store, "JFK", "LGA", "EWR") == [*records("JFK"), None, None], "one view")
    holds(_read(store, "LGA", name="tail") == records("LGA"), "another view")
    holds([each.view.name for each in store.standing("p")] == ["origin", "tail"], "by name")
    holds(store.drop("p", "origin") == 1 and store.drop("p", "origin") == 0, "drop counts the records")
    refuses(NotFound, lambda: _read(store, "JFK"), "what was dropped is gone")
    store.scrub()
    holds(_read(store, "LGA", name="tail") == records("LGA"), "another view stays")
    holds(_read(store, "EWR", product="q") == records("EWR"), "another product stays")
    holds(_fill(store, records("JFK")).written == 1, "keys of what was dropped are free again")


def a_refresh_is_seen_all_at_once(store: ViewStore) -> None:
    """Until it is whole, readers see what was there before; then nothing of that is left."""
    _fill(store, records("JFK", "LGA"))

    def batches() -> Iterator[list[Kept]]:
        for key in ("JFK", "EWR"):
            yield records(key, computed=21, body=b"new")
            holds(_read(store, "JFK", "LGA", "EWR") == [*records("JFK", "LGA"), None], "readers see the old generation")

    store.refresh(view(definition="2"), batches(), as_of=21, sources=b"", key="again")
    new = records("JFK", "EWR", computed=21, body=b"new")
    holds(_read(store, "JFK", "LGA", "EWR") == [new[0], None, new[1]], "then the new one alone")
    holds(sorted(store.scan("p", "origin")) == sorted(new), "of the old one nothing is left")
    holds(store.read("p", "origin", [b"JFK"])[0].view.definition == "2", "with its definition")
    holds(_fill(store, as_of=21, key="empty").entered == 0 and _read(store, "JFK") == [None], "it may be empty")


def a_refresh_that_fails_changes_nothing(store: ViewStore) -> None:
    """Leave the old generation, and the key for another try."""
    _fill(store, records("JFK"))

    def batches() -> Iterator[list[Kept]]:
        yield records("JFK", "LGA", computed=21, body=b"new")
        raise ZeroDivisionError

    def act() -> Written:
        return store.refresh(view(), batches(), as_of=21, sources=b"", key="again")

    refuses(ZeroDivisionError, act, "the error comes through")
    holds(_read(store, "JFK", "LGA") == [*records("JFK"), None], "the old generation stays")
    holds(_fill(store, records("LGA"), as_of=21, key="again").written == 1, "its key is not used up")
    holds([each.key for each in store.scan("p", "origin")] == [b"LGA"], "and nothing of it is left")


def a_key_is_done_once(store: ViewStore) -> None:
    """Return what came of it the first time and change nothing."""
    first = _fill(store, records("JFK"))
    holds(_fill(store, records("LGA", "EWR")) == first and _read(store, "LGA") == [None], "a refresh is done once")
    second = _put(store, records("JFK", "LGA", computed=30, body=b"new"))
    holds(second == Written(entered=2, written=2), "an advance counts")
    holds(_put(store, records("EWR", computed=31), as_of=31) == second, "an advance is done once")
    holds(_read(store, "EWR") == [None] and store.standing("p")[0].as_of == 30, "and changes nothing the second time")


def an_older_fact_never_takes_the_place_of_a_newer_one(store: ViewStore) -> None:
    """Compare by event first, then by the moment computed for; what is the same is not written again."""
    _fill(store, records("a", "b", "c", "d", "e", event=10, computed=20))
    older, later = records("a", event=9, computed=30, body=b"new"), records("b", event=10, computed=19, body=b"new")
    same, newer = records("c", event=10, computed=30), records("d", event=11, computed=19, body=b"new")
    again = records("e", event=10, computed=21, body=b"new")
    told = _put(store, older, [*later, *same], [*newer, *again, *records("f")])
    holds(told == Written(entered=6, written=3, unchanged=1, refused=2), "each is counted where it went")
    kept = [*records("a", "b", "c"), *newer, *again, *records("f")]
    holds(_read(store, *"abcdef") == kept, "the newer fact stays")
    _put(store, records("g", event=LAST, computed=1), key="far")
    _put(store, records("g", event=LAST - 1, computed=2, body=b"new"), key="near")
    _put(store, records("g", event=FIRST, computed=2, body=b"new"), key="first")
    holds(_read(store, "g") == records("g", event=LAST, computed=1), "to the microsecond, from year 1 to 9999")


def a_view_never_goes_back(store: ViewStore) -> None:
    """Refuse a refresh of an earlier moment; an advance of one leaves the moment and the sources as they are."""
    _fill(store, records("JFK"), as_of=20)
    refuses(Conflict, lambda: _fill(store, records("LGA"), as_of=19, key="back"), "an earlier moment is refused")
    holds(_read(store, "JFK", "LGA") == [*records("JFK"), None], "and changes nothing")
    _put(store, records("LGA", computed=15), as_of=15)
    standing = store.standing("p")[0]
    holds((standing.as_of, standing.sources) == (20, b"s"), "the moment stays")
    _put(store, [], as_of=30, key="later")
    standing = store.standing("p")[0]
    holds((standing.as_of, standing.sources) == (30, b"t"), "a later one moves it, with what it was made from")
    holds(store.read("p", "origin", [b"JFK"])[0].as_of == 30, "for readers too")


def who_is_overtaken_is_refused(store: ViewStore) -> None:
    """Write nothing that is read, once another refresh was first."""
    _fill(store, records("JFK"))

    def overtaken(name: str) -> Iterator[list[Kept]]:
        yield records("JFK", computed=90, body=b"old")
        _fill(store, records("EWR"), as_of=50, key=name)
        yield records("LGA", computed=90, body=b"old")

    refuses(
        Conflict,
        lambda: store.refresh(view(), overtaken("one"), as_of=60, sources=b"", key="slow"),
        "a refresh that was overtaken",
    )
    holds([each.key for each in store.scan("p", "origin")] == [b"EWR"], "the one that overtook stands")
    refuses(
        Conflict,
        lambda: store.advance(view(), overtaken("two"), as_of=60, sources=b"", key="slow"),
        "an advance that was overtaken",
    )
    holds([each.key for each in store.scan("p", "origin")] == [b"EWR"], "and stays")
    refuses(Conflict, lambda: _put(store, [], of=view(definition="2")), "an advance by another definition")


LAWS: tuple[Callable[[ViewStore], None], ...] = (
    a_view_is_not_there_before_its_first_refresh,
    what_was_written_is_read_in_the_order_asked,
    thousands_of_keys_are_read_at_once,
    products_and_views_are_apart,
    a_refresh_is_seen_all_at_once,
    a_refresh_that_fails_changes_nothing,
    a_key_is_done_once,
    an_older_fact_never_takes_the_place_of_a_newer_one,
    a_view_never_goes_back,
    who_is_overtaken_is_refused,
)
