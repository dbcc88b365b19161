"""What a server counted stands in the ledger, once, whatever it was."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from served import build

from trimaran.app.processes import ScoringServer
from trimaran.app.workspace import Workspace
from trimaran.core.clock import ManualClock
from trimaran.core.errors import Unavailable
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Balance
from trimaran.doors.http.counting import Counting
from trimaran.doors.http.metrics import Metrics
from trimaran.testing import MemoryLedger

START = datetime(2013, 7, 1, tzinfo=UTC)
ROW = {"parcel": "p1", "sent": "2013-07-01T12:30:00Z", "depot": "EWR", "weight": 30.0, "pieces": 2}


class Failing(MemoryLedger):
    """A ledger that cannot be written while it is told so."""

    down = False

    def append(self, drafts):
        if self.down:
            raise Unavailable("the disk is full")
        return super().append(drafts)


@pytest.fixture
def counting():
    store, clock, metrics = Failing(), ManualClock(START), Metrics()
    ledger = Ledger(store, clock, "test")

    def written():
        return [(entry.actor, balance.since, balance.until, balance.left) for entry, balance in ledger.history([Balance])]

    return Counting(ledger, clock, metrics), store, clock, metrics, written


def test_each_window_tells_what_was_counted_since_the_last(counting):
    counts, _, clock, metrics, written = counting
    metrics.rows.add("parcels", "v1", "live", "answered", n=3)
    metrics.rows.add("parcels", "v1", "live", "failed", n=2)
    metrics.refused.add("parcels", "invalid")
    metrics.refused.add("parcels", "unavailable", n=2)
    metrics.in_vain.add("parcels")
    metrics.rows.add("letters", "v1", "live", "answered", n=7)
    clock.set(START + timedelta(minutes=5))
    counts.write(["parcels"])
    counts.write(["parcels"])
    metrics.rows.add("parcels", "v2", "canary", "answered")
    clock.set(START + timedelta(minutes=10))
    counts.write(["parcels"])
    first = {"answered": 3, "failed": 2, "refused": 1, "unanswerable": 1}
    later = {"answered": 1, "failed": 0, "refused": 0, "unanswerable": 0}
    assert written() == [
        ("scoring server", START, START + timedelta(minutes=5), first),
        ("scoring server", START + timedelta(minutes=5), START + timedelta(minutes=10), later),
    ]


def test_what_could_not_be_written_is_told_the_next_time(counting):
    counts, store, _, metrics, written = counting
    metrics.rows.add("parcels", "v1", "live", "answered")
    store.down = True
    counts.write(["parcels"])
    metrics.rows.add("parcels", "v1", "live", "answered")
    store.down = False
    counts.write(["parcels"])
    assert [left["answered"] for _, _, _, left in written()] == [2]


@pytest.mark.slow
def test_a_server_that_ends_leaves_its_totals(tmp_path):
    build(tmp_path / "workspace")
    with ScoringServer(tmp_path / "workspace") as server:
        for name in ("a", "b", "a"):
            assert httpx.post(f"{server.url}/predict/parcels", json=ROW | {"parcel": name}).status_code == 200
        assert httpx.post(f"{server.url}/predict/parcels", json={"parcel": "c"}).status_code == 422
    workspace = Workspace.existing(tmp_path / "workspace")
    ((entry, balance),) = workspace.ledger.history([Balance], "parcels/requests")
    assert (entry.actor, balance.entered, balance.missing) == ("scoring server", 4, 0)
    assert balance.left == {"answered": 3, "failed": 0, "refused": 1, "unanswerable": 0}
