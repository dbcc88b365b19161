"""The delivery that made a version of a table is found wherever it lies."""

import pytest

from trimaran.control.deliveries import MOST, between, delivery_of, origin
from trimaran.core.nouns import Ingest

COUNT = 2600


@pytest.fixture
def long_life(chronicles):
    """A table whose deliveries come in bursts, some of them refused whole, and another table beside it."""
    life = chronicles("ferries")
    for number in range(COUNT):
        life.deliver("trips", kept=0 if number % 7 == 3 else 10, refused=1 if number % 7 == 3 else 0)
        if number > COUNT // 2:
            life.deliver("weather", kept=5)
    return life


def test_every_version_is_found_at_its_first_delivery(long_life):
    first = {}
    for entry, record in long_life.ledger.history((Ingest,), "ferries/trips"):
        first.setdefault(record.version, entry.seq)
    newest = max(first)
    for version in [*range(0, newest, 97), 1, 2, newest - 1, newest]:
        found = delivery_of(long_life.ledger, "ferries/trips", version)
        assert found is not None
        assert (found[0].seq, found[1].version) == (first[version], version)
    assert delivery_of(long_life.ledger, "ferries/trips", newest + 1) is None
    assert delivery_of(long_life.ledger, "ferries/nothing", 0) is None


def test_totals_are_of_the_newest_hundreds_and_say_so(long_life):
    short, long = (origin(long_life.ledger, "ferries/trips", version, 3) for version in (11, 2000))
    assert (short.deliveries, short.kept, short.refused) == (12, 120, 2)
    assert [record.version for _, record in short.newest] == [11, 10, 9]
    assert [record.version for _, record in short.quarantined] == [8, 2]
    assert (long.deliveries, long.counted) == (2001, MOST)


def test_what_came_between_two_versions_is_neither_the_one_before_nor_the_one_after(long_life):
    versions = [record.version for _, record in between(long_life.ledger, "ferries/trips", 100, 110) if record.kept]
    assert versions == list(range(101, 111))
    assert list(between(long_life.ledger, "ferries/trips", 110, 110)) == []
