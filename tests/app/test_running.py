"""Taking in: whatever a source does, the totals balance, what is good is kept, and drift is told and never a crash."""

import json
import sqlite3
from datetime import date, datetime

import polars as pl
import pytest
from taking import Place, counts, trips

from trimaran.app.inbox import Inbox
from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_file
from trimaran.app.progress import progress
from trimaran.app.workspace import held_schemas
from trimaran.core.errors import DefinitionError, InputError
from trimaran.core.nouns import Declared, Ingest
from trimaran.data.contracts import infer_contract
from trimaran.data.tables import quarantined
from trimaran.doors.cli.main import run


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path, '"trips.csv"')


def csv(place, frame):
    (place.root / "trips.csv").write_text(frame.with_columns(pl.col("planned").dt.strftime("%FT%TZ")).write_csv())


def test_rows_that_cannot_be_read_are_refused_with_their_place_and_the_totals_balance(place):
    csv(place, trips(2))
    place.take()
    csv(place, trips(20))
    text = (place.root / "trips.csv").read_text()
    text = text.replace("t7,", "t7,x").replace("12.0,3.0", "calm,3.0").replace("t9,", ",")
    (place.root / "trips.csv").write_text(text)
    found = place.take()
    assert counts(found) == (20, 15, 3, 2)
    refused = quarantined(place.workspace.objects, found)
    assert set(refused["refused_at"].drop_nulls()) == {
        "trips.csv, row 8: planned 'x2013-01-01T07:00:00Z'",
        "trips.csv, row 13: wind 'calm'",
    }
    assert found.quarantine.reasons["wind is not Float64"] == 1
    assert "trip is empty" in found.quarantine.reasons
    assert place.totals() == [0, 0]


def test_rows_that_come_again_with_other_values_are_told_and_change_nothing(place):
    csv(place, trips(4))
    place.take()
    csv(place, trips(6).with_columns(wind=pl.when(pl.col("note") < 2).then(9.5).when(pl.col("note") > 2).then("wind")))
    found = place.take()
    assert counts(found) == (6, 2, 0, 4)
    (line,) = found.expectations
    assert line.startswith("source: warn (3 rows that the table holds already came with other values")
    assert place.rows().sort("note")["wind"].to_list() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    csv(place, trips(6))
    assert place.take().expectations == []


def test_a_first_delivery_of_text_is_read_as_its_contract_promises(tmp_path):
    place = Place(tmp_path, '"trips.csv", contract="trips.yaml"')
    named = trips(3).with_columns(trip=pl.Series(["007", "008", "009"]))
    (tmp_path / "trips.yaml").write_text(infer_contract(named, "trips"))
    csv(place, named)
    (tmp_path / "trips.csv").write_text((tmp_path / "trips.csv").read_text().replace("1.0,", "calm,"))
    found = place.take()
    assert counts(found) == (3, 2, 1, 0)
    assert found.quarantine.reasons == {"wind is not Float64": 1}
    assert place.rows()["trip"].to_list() == ["007", "009"]
    assert place.rows().schema == trips(0).schema


def test_rows_that_are_yet_to_come_are_told_and_come_in_when_they_are_known(place):
    csv(place, pl.concat([trips(2), trips(3, start=2).with_columns(planned=pl.col("planned").dt.offset_by("90d"))]))
    found = place.take()
    assert counts(found) == (2, 2, 0, 0)
    assert "source: 3 rows wait: their time, or the moment that a value is known, is yet to come" in found.expectations
    place.days += 60
    found = place.take()
    assert (counts(found), found.expectations) == ((5, 3, 0, 2), [])


def test_a_new_column_is_left_out_and_one_that_nothing_uses_may_go_and_both_are_written_down(place):
    csv(place, trips(5))
    assert counts(place.take()) == (5, 5, 0, 0)
    csv(place, trips(8).rename({"note": "gust"}))
    found = place.take()
    assert counts(found) == (8, 3, 0, 5)
    assert [line.split(";")[0] for line in found.expectations] == [
        "source: warn (trips.csv: column 'note' is missing, declared as Int64",
        "source: warn (trips.csv: column 'gust' (String) is new",
    ]
    assert place.rows().columns == trips(0).columns
    assert place.rows()["note"].null_count() == 3


def test_a_column_that_changed_its_type_is_cast_where_nothing_is_lost(tmp_path):
    place = Place(tmp_path, '"trips.parquet"')
    trips(5).write_parquet(tmp_path / "trips.parquet")
    place.take()
    changed = trips(8).with_columns(wind=pl.col("wind").cast(pl.Int64), note=pl.col("note") + 0.5 * (pl.col("note") > 6))
    changed.write_parquet(tmp_path / "trips.parquet")
    found = place.take()
    assert counts(found) == (8, 2, 1, 5)
    assert place.rows().schema == trips(0).schema
    assert "column 'wind', declared as Float64, came as Int64" in found.expectations[0]
    assert place.totals() == [0, 0]


def test_a_used_column_that_is_gone_breaks_the_contract_and_nothing_is_written(place):
    csv(place, trips(5))
    place.take()
    head = place.workspace.ledger.store.head()
    csv(place, trips(8).rename({"late": "lateness"}))
    with pytest.raises(
        InputError, match=r"trips\.csv: column 'late' is missing, declared as Float64; 'lateness' came instead"
    ):
        place.take()
    assert place.workspace.ledger.store.head() == head
    assert place.rows().height == 5


def test_a_product_can_be_loaded_when_its_source_is_gone(place):
    csv(place, trips(5))
    place.take()
    (place.root / "trips.csv").unlink()
    loaded = load_file(place.root / "punctual.py", held=lambda product: held_schemas(place.workspace.root, product))
    assert loaded.definition.schemas["trips"] == trips(0).schema


def test_of_a_database_only_new_and_late_rows_are_asked_for(tmp_path):
    place = Place(tmp_path, 'tm.sql("SELECT * FROM trips", "city.db", late="3h")')

    def insert(frame):
        with sqlite3.connect(tmp_path / "city.db") as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS trips (trip, planned, wind REAL, late REAL, note INTEGER)")
            given = frame.with_columns(pl.col("planned").dt.strftime("%FT%TZ")).rows()
            connection.executemany("INSERT INTO trips VALUES (?, ?, ?, ?, ?)", given)
        connection.close()

    insert(pl.concat([trips(97), trips(2, 98)]))
    assert counts(place.take()) == (99, 99, 0, 0)
    insert(pl.concat([trips(1, 97), trips(10, 100)]))
    assert counts(place.take()) == (13, 11, 0, 2)
    assert place.rows()["trip"].n_unique() == 110
    declared = place.workspace.ledger.latest(Declared, "punctual")[1]
    assert place.workspace.ledger.latest(Ingest, "punctual/trips")[1].source == "city.db: SELECT * FROM trips"
    assert declared is not None


def test_trimaran_run_only_data_takes_in_and_trains_nothing(place, capsys):
    csv(place, trips(5))
    command = ["run", str(place.root / "punctual.py"), "--only", "data", "--workspace", str(place.workspace.root)]
    assert run(command) == 0
    assert "trips.csv" in capsys.readouterr().out
    assert run([*command, "--json"]) == 0
    (said,) = json.loads(capsys.readouterr().out)
    assert (said["rows_in"], said["kept"], said["repeated"]) == (5, 0, 5)
    csv(place, trips(5).drop("late"))
    assert run(command) != 0
    told = capsys.readouterr()
    assert "column 'late' is missing" in told.err + told.out


def test_a_first_delivery_with_a_spoiled_moment_is_taken_in_without_that_row(place):
    csv(place, trips(5))
    (place.root / "trips.csv").write_text((place.root / "trips.csv").read_text().replace("2013-01-01T03:00:00Z", "soon"))
    assert counts(place.take()) == (5, 4, 1, 0)


def test_a_workspace_that_is_up_refuses_a_spoiled_row_once_and_tells_a_broken_contract(place):
    csv(place, trips(5))
    place.take()
    definition = load_file(place.root / "punctual.py").definition
    inbox = Inbox(place.workspace, definition)
    with progress() as shown:
        life = Lifecycle(place.workspace, load_file(place.root / "punctual.py"), shown)

    def look():
        told, now = inbox.look(), place.workspace.clock.now()
        found = life.take_in(
            inbox.deliveries(life.tables, now), source=None, key=str(len(place.totals())), notes=inbox.notes
        )
        inbox.taken(now)
        return told, [counts(one) for one in found]

    assert look() == ([], [])
    csv(place, trips(8))
    (place.root / "trips.csv").write_text((place.root / "trips.csv").read_text().replace("6.0,3.0", "calm,3.0"))
    assert look() == ([], [(3, 2, 1, 0)])
    assert look() == ([], [])
    csv(place, trips(9))
    mended = (place.root / "trips.csv").read_text()
    (place.root / "trips.csv").write_text(mended.replace("6.0,3.0", "calm,3.0"))
    assert look() == ([], [(1, 1, 0, 0)])
    (place.root / "trips.csv").write_text(mended)
    assert look() == ([], [(1, 1, 0, 0)])
    csv(place, trips(9).drop("late"))
    (told,), taken = look()
    assert "column 'late' is missing" in told
    assert taken == []
    assert set(place.totals()) == {0}


EVOLVING = '"trips.parquet", schema_change="evolve"'


def test_a_table_that_evolves_takes_new_columns_in_and_rows_before_have_none(tmp_path):
    place = Place(tmp_path, EVOLVING)
    trips(5).write_parquet(tmp_path / "trips.parquet")
    place.take()
    wider = trips(8).with_columns(gust=pl.lit(2.5), seen=pl.col("planned").dt.replace_time_zone(None))
    wider.select("gust", pl.exclude("gust")).write_parquet(tmp_path / "trips.parquet")
    found = place.take()
    assert counts(found) == (8, 3, 0, 5)
    assert [line.split(";")[0] for line in found.expectations] == [
        "source: warn (column 'gust' (Float64) is new",
        "source: warn (column 'seen' (Datetime(time_unit='us', time_zone=None)) is new",
    ]
    rows = place.rows().sort("planned")
    assert rows.columns == [*trips(0).columns, "gust", "seen"]
    assert rows["gust"].to_list() == [None] * 5 + [2.5] * 3
    assert rows["seen"].to_list() == [None] * 5 + wider["seen"].to_list()[5:]
    assert place.workspace.tables.read("punctual/trips", 0).collect().columns == trips(0).columns
    assert place.workspace.tables.compact("punctual/trips") == 2
    assert place.rows().sort("planned").equals(rows)
    taken = place.workspace.tables.erase("punctual/trips", {"trip": ["t1", "t6"]})
    assert (taken, place.rows().height) == (2, 6)
    assert place.totals() == [0, 0]
    trips(9).write_parquet(tmp_path / "trips.parquet")  # a column that went again is empty
    found = place.take()
    assert found.kept == 3
    assert place.rows().columns == rows.columns


def test_a_table_that_may_evolve_and_gets_nothing_new_stays_as_it_was(tmp_path):
    place = Place(tmp_path, EVOLVING)
    trips(5).write_parquet(tmp_path / "trips.parquet")
    place.take()
    trips(5).with_columns(gust=pl.lit(2.5)).write_parquet(tmp_path / "trips.parquet")
    found = place.take()
    assert (counts(found), found.expectations) == ((5, 0, 0, 5), [])
    assert place.rows().columns == trips(0).columns


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.with_columns(gust=pl.lit(1.0)), r"column 'gust' \(Float64\) is new"),
        (lambda rows: rows.drop("note"), "column 'note' is missing, declared as Int64"),
        (lambda rows: rows.cast({"note": pl.Int32}), "column 'note', declared as Int64, came as Int32"),
        (lambda rows: rows.cast({"wind": pl.Float32}), "column 'wind', declared as Float64, came as Float32"),
    ],
    ids=["added", "dropped", "integer", "float"],
)
def test_a_change_stops_the_line_where_the_table_says_so_and_is_told_where_not(tmp_path, change, said):
    for policy in ("tell", "stop"):
        root = tmp_path / policy
        root.mkdir()
        place = Place(root, f'"trips.parquet", schema_change="{policy}"')
        trips(5).write_parquet(root / "trips.parquet")
        place.take()
        change(trips(8)).write_parquet(root / "trips.parquet")
        head = place.workspace.ledger.store.head()
        if policy == "tell":
            found = place.take()
            assert (counts(found), len(found.expectations)) == ((8, 3, 0, 5), 1)
        else:
            with pytest.raises(InputError, match=rf"nothing was taken in.*\n.*trips\.parquet: {said}"):
                place.take()
            assert (place.workspace.ledger.store.head(), place.rows().height) == (head, 5)


@pytest.mark.parametrize(
    ("declared", "came", "kept"),
    [
        (pl.Int32, pl.Series([1, 2**40, None], dtype=pl.Int64), [1, None]),
        (pl.Float32, pl.Series([0.5, 0.1, None], dtype=pl.Float64), [0.5, None]),
        (pl.Date, pl.Series([datetime(2013, 1, 1), datetime(2013, 1, 1, 5), None]), [date(2013, 1, 1), None]),  # noqa: DTZ001
    ],
    ids=["integer", "float", "date"],
)
def test_of_a_type_that_was_widened_what_fits_is_kept_and_the_rest_refused(tmp_path, declared, came, kept):
    place = Place(tmp_path, '"trips.parquet"')
    trips(5).with_columns(note=pl.lit(None, declared)).write_parquet(tmp_path / "trips.parquet")
    place.take()
    later = pl.concat([trips(5).with_columns(note=pl.lit(None, came.dtype)), trips(3, 5).with_columns(note=came)])
    later.write_parquet(tmp_path / "trips.parquet")
    found = place.take()
    assert counts(found) == (8, 2, 1, 5)
    assert place.rows().sort("planned")["note"].to_list()[5:] == kept
    assert "column 'note', declared as" in found.expectations[0]
    assert place.totals() == [0, 0]


def test_a_word_for_changes_that_is_none_is_a_fault(tmp_path):
    trips(5).write_parquet(tmp_path / "trips.parquet")
    with pytest.raises(DefinitionError, match="schema_change= is 'merge'; choose from: tell, stop, evolve"):
        Place(tmp_path, '"trips.parquet", schema_change="merge"').take()
