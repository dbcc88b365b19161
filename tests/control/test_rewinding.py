"""Reading backwards finds what reading forwards finds, from any moment."""

from datetime import UTC, datetime, timedelta

import pytest

from trimaran.control.rewinding import backwards, entry_at, newest_at, newest_before
from trimaran.core.clock import ManualClock
from trimaran.core.errors import NotFound
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Notice
from trimaran.testing import MemoryLedger

START = datetime(2013, 1, 1, tzinfo=UTC)
COUNT = 7000


@pytest.fixture(scope="module")
def ledger():
    """Seven thousand notices; every 900th is of the quiet product, and some share a moment."""
    clock = ManualClock(START)
    ledger = Ledger(MemoryLedger(), clock, "tests")
    for number in range(COUNT):
        clock.set(START + timedelta(hours=number // 3))
        product = "quiet" if number % 900 == 0 else "loud"
        ledger.append(Notice(product=product, to="me", subject=str(number), text=""), product)
    return ledger


def test_the_newest_entry_at_a_moment_is_the_last_written_until_then(ledger):
    times = [entry.at for entry in ledger.store.scan()]
    for moment in (
        START - timedelta(1),
        START,
        times[899],
        times[900] + timedelta(minutes=1),
        times[-1],
        times[-1] + timedelta(9),
    ):
        assert newest_at(ledger, moment) == sum(at <= moment for at in times)


def test_an_empty_ledger_has_no_newest_entry():
    assert newest_at(Ledger(MemoryLedger(), ManualClock(START), "tests"), START) == 0


@pytest.mark.parametrize("until", [0, 1, 2, 899, 900, 901, 1801, 4500, 6999, COUNT, COUNT + 5])
@pytest.mark.parametrize("product", ["quiet", "loud"])
def test_backwards_is_forwards_reversed_from_any_entry(ledger, product, until):
    forwards = [entry.seq for entry, _ in ledger.history((Notice,), product) if entry.seq <= until]
    assert [entry.seq for entry, _ in backwards(ledger, Notice, product, until=until)] == forwards[::-1]


def test_the_newest_before_an_entry_is_none_where_there_is_none(ledger):
    assert newest_before(ledger, Notice, "nobody", until=COUNT) is None
    assert newest_before(ledger, Notice, "loud", until=1) is None
    found = newest_before(ledger, Notice, "quiet", until=3000)
    assert found is not None
    assert found[0].seq == 2701


def test_an_entry_that_is_not_there_is_answered_with_those_there_are(ledger):
    assert entry_at(ledger, 5).seq == 5
    for seq in (0, COUNT + 1):
        with pytest.raises(NotFound, match=f"#1 to #{COUNT}"):
            entry_at(ledger, seq)
