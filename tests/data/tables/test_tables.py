"""Deliveries come in through the contract, once, with totals that balance."""

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trimaran.backends.delta_tables import DeltaTables
from trimaran.backends.sqlite_ledger import SqliteLedger
from trimaran.core.clock import ManualClock
from trimaran.core.errors import Conflict
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Balance, Ingest
from trimaran.data.declaration import Declaration
from trimaran.data.sketches import Origin, by_day, read_sketch, sketch_of
from trimaran.data.tables import Tables, quarantined
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
    record = make().ingest("trips", trips(3), source="test", key="first", now=NOW)
    assert make().frame("trips").height == 3
    assert (record.version, record.kept, record.repeated) == (0, 3, 0)


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


DIES = """
import os, signal, sys
from pathlib import Path
import polars as pl
from trimaran.app.loading import load_file
from trimaran.backends.delta_tables import DeltaTables
from trimaran.backends.sqlite_ledger import SqliteLedger
from trimaran.backends.file_objects import FileObjects
from trimaran.backends.sqlite_ledger import SqliteLedger
from trimaran.core.clock import SystemClock
from trimaran.core.ledger import Ledger
from trimaran.data.tables import Tables

root = Path(sys.argv[1])

class DiesAfterTheCommit(DeltaTables):
    def append(self, table, rows, *, key, evolve=False):
        version = super().append(table, rows, key=key, evolve=evolve)
        if len(sys.argv) > 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return version

definition = load_file(root / "delay.py", root=root).definition
ledger = Ledger(SqliteLedger(root / "ledger.db"), SystemClock(), "child")
tables = Tables(definition, DiesAfterTheCommit(root / "tables"), ledger, FileObjects(root / "objects"))
rows = pl.read_parquet(root / "trips.parquet")
tables.ingest("trips", rows.head(2), source="child", key="first", now=SystemClock().now())
tables.ingest("trips", rows, source="child", key="second", now=SystemClock().now())
"""
PRODUCT = """
from trimaran.data.declaration import Declaration

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
"""


def killed(root, *dies):
    return subprocess.run([sys.executable, "-c", DIES, str(root), *dies], capture_output=True, check=False)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "delay.py").write_text(PRODUCT)
    rows = pl.concat([trips(5), trips(2, start=5, late_by=5000.0)])
    rows.write_parquet(tmp_path / "trips.parquet")
    return tmp_path


def test_a_delivery_sent_again_after_a_kill_between_table_and_ledger_has_its_true_totals(folder):
    for _ in range(2):
        assert killed(folder, "dies").returncode == -signal.SIGKILL
    ended = killed(folder)
    assert ended.returncode == 0, ended.stderr.decode()
    ledger = Ledger(SqliteLedger(folder / "ledger.db"), ManualClock(NOW), "test")
    records = [record for _, record in ledger.history([Ingest])]
    assert [(one.version, one.rows_in, one.kept, one.refused, one.repeated) for one in records] == [
        (0, 2, 2, 0, 0),
        (1, 7, 3, 2, 2),
    ]
    store = DeltaTables(folder / "tables")
    assert store.read("delay/trips").collect().height == sum(one.kept for one in records)
    assert store.version("delay/trips") == 1


def test_a_delivery_that_is_never_sent_again_is_written_down_from_the_table(world):
    make, ledger, _, store = world
    store.append("delay/trips", trips(3).cast({"due": pl.Datetime("us", "UTC")}), key="lost")
    record = make().ingest("trips", trips(5), source="test", key="next", now=NOW)
    assert (record.version, record.kept, record.repeated) == (1, 2, 3)
    assert [(one.version, one.kept) for _, one in ledger.history([Ingest])] == [(0, 3), (1, 2)]


def test_other_rows_under_the_key_of_a_delivery_cut_short_are_refused(world):
    make, _, _, store = world
    store.append("delay/trips", trips(3).cast({"due": pl.Datetime("us", "UTC")}), key="first")
    with pytest.raises(Conflict, match="had taken 3 rows of it; what comes now under its key would add 4"):
        make().ingest("trips", trips(4), source="test", key="first", now=NOW)


def test_what_was_kept_is_profiled_by_day_and_column(world):
    make, _, objects, _ = world
    rows = pl.concat([trips(3), trips(1, start=3, late_by=5000.0), trips(1, start=2000)])
    record = make().ingest("trips", rows, source="test", key="first", now=NOW)
    data = objects.get(record.profile)
    assert sketch_of(data) == Origin("delay/trips", 0, "due")
    days = {day: sketch.column() for day, sketch in by_day(read_sketch(data), "late_by").items()}
    assert [(day, one.rows, one.high) for day, one in days.items()] == [("2013-01-02", 3, 3.0), ("2013-01-03", 1, 3.0)]


def test_a_delivery_of_which_nothing_is_kept_has_no_profile(world):
    make, _, objects, _ = world
    make().ingest("trips", trips(3), source="test", key="first", now=NOW)
    record = make().ingest("trips", trips(3), source="test", key="again", now=NOW)
    assert (record.kept, record.profile) == (0, None)
    assert [sketch_of(objects.get(digest)) for digest in objects.digests()] == [Origin("delay/trips", 0, "due")]


READS = """
import sys
from datetime import timedelta
from pathlib import Path
import polars as pl
from trimaran.app.loading import load_file
from trimaran.backends.delta_tables import DeltaTables
from trimaran.backends.file_objects import FileObjects
from trimaran.backends.sqlite_ledger import SqliteLedger
from trimaran.core.clock import SystemClock
from trimaran.core.ledger import Ledger
from trimaran.data.declaration import Feature, Moment, Table
from trimaran.data.features import FeatureEngine
from trimaran.data.tables import Tables

root = Path(sys.argv[1])
ledger = Ledger(SqliteLedger(root / "ledger.db"), SystemClock(), "child")
store = DeltaTables(root / "tables")
tables = Tables(load_file(root / "delay.py", root=root).definition, store, ledger, FileObjects(root / "objects"))
for name in sys.argv[2:]:
    rows = pl.read_parquet(root / f"{name}.parquet")
    tables.ingest("trips", rows, source="child", key=name, now=SystemClock().now())
declared = {name: Table(name, "", ("place",), time="due") for name in ("trips", "asked")}
newest = Feature("newest", "trips", "newest", lambda late_by: late_by, ("late_by",), on=("place",))
engine = FeatureEngine([newest], declared, "asked", Moment("due", timedelta(0)))
facts = tables.frame("trips").with_columns(place=pl.lit("JFK"))
asked = facts.head(1).with_columns(pl.col("due") + timedelta(minutes=1))
print(facts["id"].to_list(), engine.compute(asked, {"trips": engine.prepare("trips", facts)})["newest"].to_list())
"""


def in_a_fresh_process(root, *deliveries):
    ended = subprocess.run([sys.executable, "-c", READS, str(root), *deliveries], capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode()
    return ended.stdout.decode()


def test_of_rows_of_one_moment_the_last_delivered_is_the_newest_to_every_process(folder):
    for place, name in enumerate(("first", "second", "third")):
        trips(1, late_by=float(place)).with_columns(id=pl.lit(name)).write_parquet(folder / f"{name}.parquet")
    told = in_a_fresh_process(folder, "first", "second", "third")
    assert told == "['first', 'second', 'third'] [2.0]\n"
    assert in_a_fresh_process(folder) == told
    DeltaTables(folder / "tables").compact("delay/trips")
    assert in_a_fresh_process(folder) == told
