"""Deliveries come in through the contract, once, with totals that balance."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trimaran.backends.delta_tables import DeltaTables
from trimaran.core.clock import ManualClock
from trimaran.core.errors import InputError, NotFound
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Balance
from trimaran.data.declaration import Declaration
from trimaran.data.tables import Tables, quarantined, read_source
from trimaran.testing import MemoryLedger, MemoryObjects

NOW = datetime(2013, 1, 2, tzinfo=UTC)


def trips(count, start=0, late_by=3.0):
    due = [NOW + timedelta(minutes=number) for number in range(start, start + count)]
    return pl.DataFrame(
        {"id": [f"t{number}" for number in range(start, start + count)], "due": due, "late_by": [late_by] * count}
    )


@pytest.fixture
def world(tmp_path):
    trips(3).write_parquet(tmp_path / "trips.parquet")
    product = Declaration("delay", owner="ops", predict_at="due - 2h")
    table = product.table("trips.parquet", key="id", time="due")

    @product.expect(table)
    def sane(late_by):
        return late_by < 1000

    @product.label(table)
    def is_late(late_by):
        return late_by > 15

    @product.model()
    def fit(X, y):
        return None

    product.accept(out_of_time="1d", auc=">= 0.5")
    store, ledger, objects = (
        DeltaTables(tmp_path / "tables"),
        Ledger(MemoryLedger(), ManualClock(NOW), "test"),
        MemoryObjects(),
    )
    definition = product.freeze(tmp_path)
    return lambda: Tables(definition, store, ledger, objects), ledger, objects, store


def test_a_delivery_is_kept_refused_and_counted(world):
    make, ledger, objects, _ = world
    rows = pl.concat([trips(3), trips(1, start=3, late_by=5000.0), trips(1)])
    record = make().ingest("trips", rows, source="test", key="first", now=NOW)
    assert (record.rows_in, record.kept, record.refused) == (5, 3, 2)
    assert quarantined(objects, record)["id"].to_list() == ["t3", "t0"]
    balances = [balance for _, balance in ledger.history([Balance])]
    assert [balance.missing for balance in balances] == [0]


def test_the_same_delivery_again_is_the_first_one(world):
    make, ledger, _, _ = world
    first = make().ingest("trips", trips(3), source="test", key="first", now=NOW)
    again = make().ingest("trips", trips(3), source="test", key="first", now=NOW)
    assert again == first
    assert make().frame("trips").height == 3
    assert ledger.store.head() == 2


def test_a_delivery_cut_short_between_table_and_ledger_is_not_doubled(world):
    make, _, _, store = world
    store.append("delay/trips", trips(3).cast({"due": pl.Datetime("us", "UTC")}), key="first")
    make().ingest("trips", trips(3), source="test", key="first", now=NOW)
    assert make().frame("trips").height == 3


def test_rows_that_come_again_in_a_later_delivery_are_counted_as_repeated(world):
    make, _, _, _ = world
    tables = make()
    tables.ingest("trips", trips(3), source="test", key="first", now=NOW)
    record = tables.ingest("trips", trips(5), source="test", key="second", now=NOW)
    assert (record.rows_in, record.kept, record.repeated) == (5, 2, 3)
    assert tables.frame("trips")["id"].to_list() == ["t0", "t1", "t2", "t3", "t4"]
    assert make().frame("trips").sort("id").equals(tables.frame("trips").sort("id"))


def test_a_version_reads_the_same_for_ever(world):
    make, _, _, _ = world
    tables = make()
    tables.ingest("trips", trips(3), source="test", key="first", now=NOW)
    tables.ingest("trips", trips(2, start=3), source="test", key="second", now=NOW)
    assert tables.versions() == {"trips": 1}
    assert tables.at("trips", 0).height == 3


def test_a_source_that_is_missing_empty_or_cut_off_is_named(tmp_path):
    with pytest.raises(NotFound, match=r"there is no file .*nothing\.parquet"):
        read_source(tmp_path / "nothing.parquet")
    trips(3).write_parquet(tmp_path / "whole.parquet")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "whole.parquet").read_bytes()[:100])
    (tmp_path / "empty.csv").write_bytes(b"")
    for name in ("cut.parquet", "empty.csv"):
        with pytest.raises(InputError, match=name):
            read_source(tmp_path / name)
