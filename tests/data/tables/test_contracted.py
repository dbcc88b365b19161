"""A table with a contract: broken rows are in quarantine with every reason, a stop keeps nothing, totals balance."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trimaran.backends.delta_tables import DeltaTables
from trimaran.core.clock import ManualClock
from trimaran.core.errors import DefinitionError, NotFound, Refused
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Balance, Ingest
from trimaran.data.contracts import Contract, Range, Reference, Required
from trimaran.data.declaration import Declaration
from trimaran.data.tables import Tables, quarantined
from trimaran.testing import MemoryLedger, MemoryObjects

NOW = datetime(2013, 1, 2, tzinfo=UTC)
CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
schema:
  - name: trips
    properties:
      - name: id
        logicalType: string
        logicalTypeOptions: {{pattern: 't[0-9]+'}}
      - name: due
        logicalType: timestamp
      - name: late_by
        logicalType: number
        logicalTypeOptions: {{minimum: -60}}
        quality:
          - {{metric: nullValues, mustBeLessOrEqualTo: 50, unit: percent, severity: critical}}
      - name: stop
        relationships: [{{to: {to}}}]
"""
STOPS = pl.DataFrame({"code": ["A", "B"]})


def trips(*late_by, start=0, stop="A"):
    numbers = range(start, start + len(late_by))
    return pl.DataFrame(
        {
            "id": [f"t{number}" for number in numbers],
            "due": [NOW + timedelta(minutes=number) for number in numbers],
            "late_by": pl.Series(late_by, dtype=pl.Float64),
            "stop": [stop] * len(late_by),
        }
    )


def declared(root, contract):
    trips(1.0).write_parquet(root / "trips.parquet")
    STOPS.write_parquet(root / "stops.parquet")
    product = Declaration("delay", owner="ops", predict_at="due - 2h")
    product.table("stops.parquet", key="code")
    table = product.table("trips.parquet", key="id", time="due", contract=contract)

    @product.label(table)
    def is_late(late_by):
        return late_by > 15

    @product.model()
    def fit(X, y):
        return None

    product.accept(out_of_time="1d", auc=">= 0.5")
    return product


@pytest.fixture
def world(tmp_path):
    (tmp_path / "trips.yaml").write_text(CONTRACT.format(to="stops.code"))
    definition = declared(tmp_path, "trips.yaml").freeze(tmp_path)
    ledger, objects = Ledger(MemoryLedger(), ManualClock(NOW), "test"), MemoryObjects()
    store = DeltaTables(tmp_path / "tables")
    tables = Tables(definition, store, ledger, objects)
    tables.ingest("stops", STOPS, source="test", key="stops", now=NOW)
    return tables, ledger, objects, store


def balanced(ledger):
    return all(balance.missing == 0 for _, balance in ledger.history([Balance]))


def test_a_broken_row_is_in_quarantine_with_every_reason(world):
    tables, ledger, objects, _ = world
    rows = pl.concat([trips(1.0, -99.0, None), trips(-99.0, start=3, stop="Z").with_columns(id=pl.lit("x3"))])
    record = tables.ingest("trips", rows, source="test", key="first", now=NOW)
    assert (record.rows_in, record.kept, record.refused) == (4, 2, 2)
    assert quarantined(objects, record)["refused_because"].to_list() == [
        ["late_by is not at least -60"],
        ["id does not match t[0-9]+", "late_by is not at least -60", "stop is not in stops.code"],
    ]
    assert record.expectations == [
        "id does not match t[0-9]+: fail (1 of 4 rows break it (25 %), none may)",
        "late_by is not at least -60: fail (2 of 4 rows break it (50 %), none may)",
        "stop is not in stops.code: fail (1 of 4 rows break it (25 %), none may)",
    ]
    assert balanced(ledger)


def test_a_delivery_that_stops_the_line_is_refused_whole_and_written_down(world):
    tables, ledger, objects, store = world
    tables.ingest("trips", trips(1.0), source="test", key="first", now=NOW)
    broken = trips(None, None, 3.0, start=1)
    for _ in range(2):
        with pytest.raises(Refused, match=r"trips stops the line: late_by is empty; its 3 rows are in quarantine"):
            tables.ingest("trips", broken, source="test", key="second", now=NOW)
    assert tables.frame("trips").height == 1
    assert store.version("delay/trips") == 0
    records = [record for _, record in ledger.history([Ingest], "delay/trips")]
    assert [(one.rows_in, one.kept, one.refused) for one in records] == [(1, 1, 0), (3, 0, 3)]
    whole = "late_by is empty: the delivery as a whole"
    assert quarantined(objects, records[1])["refused_because"].to_list() == [["late_by is empty", whole]] * 2 + [[whole]]
    assert balanced(ledger)
    assert tables.ingest("trips", trips(None, 3.0, start=1), source="test", key="third", now=NOW).kept == 2


def test_a_delivery_that_only_repeats_what_is_held_is_not_too_short(world, tmp_path):
    text = CONTRACT.format(to="stops.code") + "    quality: [{metric: rowCount, mustBeGreaterThan: 0, severity: critical}]\n"
    (tmp_path / "trips.yaml").write_text(text)
    tables = Tables(declared(tmp_path, "trips.yaml").freeze(tmp_path), world[3], world[1], world[2])
    tables.ingest("trips", trips(1.0), source="test", key="first", now=NOW)
    record = tables.ingest("trips", trips(1.0), source="test", key="again", now=NOW)
    assert (record.repeated, record.expectations[:1]) == (
        1,
        ["id does not match t[0-9]+: unknown (the delivery has no rows)"],
    )
    with pytest.raises(Refused, match="rows: at least 1"):
        tables.ingest("trips", trips(), source="test", key="nothing", now=NOW)


def test_a_contract_that_does_not_fit_is_a_fault_of_the_product_with_its_line(tmp_path):
    (tmp_path / "trips.yaml").write_text(
        CONTRACT.format(to="stations.code")
        .replace("logicalType: number", "logicalType: string")
        .replace("name: stop", "name: halt")
    )
    with pytest.raises(DefinitionError) as caught:
        declared(tmp_path, "trips.yaml").freeze(tmp_path)
    found = {(fault.where, fault.what) for fault in caught.value.faults}
    assert ("trips.yaml:14", "the options of string has no 'minimum' that can be judged") in found
    (tmp_path / "trips.yaml").write_text(CONTRACT.format(to="stations.code").replace("name: stop", "name: halt"))
    with pytest.raises(DefinitionError) as caught:
        declared(tmp_path, "trips.yaml").freeze(tmp_path)
    found = [(fault.where, fault.what) for fault in caught.value.faults]
    assert ("trips.yaml:17", "column 'halt' is missing") in found
    assert ("trips.yaml:18", "halt is not in stations.code: there is no table 'stations'") in found
    with pytest.raises(DefinitionError, match=r"there is no contract .*nowhere\.yaml"):
        declared(tmp_path, "nowhere.yaml").freeze(tmp_path)


def test_a_contract_made_in_python_is_taken(tmp_path):
    contract = Contract(
        "trips", {"late_by": "number"}, (Required(columns=("late_by",)), Range(columns=("late_by",), high=9))
    )
    definition = declared(tmp_path, contract).freeze(tmp_path)
    assert definition.tables["trips"].contract == contract
    wrong = Contract("trips", {}, (Reference(columns=("stop",), table="stations", others=("code",)),))
    with pytest.raises(DefinitionError, match="there is no table 'stations'"):
        declared(tmp_path, wrong).freeze(tmp_path)


def test_a_product_from_the_record_stands_without_its_contracts_file_and_takes_nothing_in(world, tmp_path):
    schemas = declared(tmp_path, None).freeze(tmp_path).schemas
    (tmp_path / "trips.yaml").unlink()
    definition = declared(tmp_path, "trips.yaml").freeze(tmp_path, schemas)
    tables = Tables(definition, world[3], world[1], world[2])
    with pytest.raises(NotFound, match=r"the contract of trips is not there: .*trips\.yaml"):
        tables.ingest("trips", trips(1.0), source="test", key="first", now=NOW)
    assert tables.frame("trips").is_empty()
