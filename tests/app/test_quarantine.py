"""Refused rows are read as they came, with every reason and their place: by command, and in Python."""

import json
import os
from datetime import timedelta

import polars as pl
import pytest
from taking import Place, trips

from trimaran.app.purging import purge
from trimaran.app.quarantine import refusals, refused_rows
from trimaran.app.trashing import named, trash
from trimaran.core.errors import NotFound
from trimaran.core.nouns import Ingest
from trimaran.doors.cli.main import run


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path, '"trips.csv"')
    deliver(made, trips(1), "", "")
    deliver(made, trips(3), "1.0,", "calm,")
    deliver(made, trips(6), "t4,", ",")
    return made


def deliver(place, rows, what, instead):
    text = rows.with_columns(pl.col("planned").dt.strftime("%FT%TZ")).write_csv()
    (place.root / "trips.csv").write_text(text.replace(what, instead, 1))
    return place.take()


def test_the_newest_delivery_comes_first_with_every_reason_and_place(place):
    newest, first = refusals(place.workspace, "punctual", "trips")
    assert (first.rows, first.reasons) == (1, {"wind is not Float64": 1})
    assert newest.entry > first.entry
    rows = refused_rows(place.workspace, "punctual", "trips")
    assert rows.columns == ["refused_in", "refused_because", "refused_at", *trips(0).columns]
    assert rows["refused_in"].to_list() == [newest.entry, first.entry]
    assert rows["refused_because"].to_list() == [["trip is empty"], ["wind is not Float64"]]
    assert rows["refused_at"].to_list() == [None, "trips.csv, row 2: wind 'calm'"]
    assert rows["note"].to_list() == [4, 1]
    assert refused_rows(place.workspace, "punctual", "trips", first.entry).height == 1


def test_what_is_not_there_is_told_with_what_is(place):
    with pytest.raises(NotFound, match="there is trips"):
        refusals(place.workspace, "punctual", "trip")
    with pytest.raises(NotFound, match="entry 1 is no delivery to trips that refused rows"):
        refusals(place.workspace, "punctual", "trips", 1)


def test_rows_that_were_purged_are_told_by_their_number(place, quiet):
    *_, (entry, record) = place.workspace.ledger.history([Ingest], "punctual/trips")
    trash(place.workspace, named(place.workspace, f"trips@{record.version}"), "mended")
    place.workspace.clock.set(place.workspace.clock.now() + timedelta(days=30))
    for file in (place.workspace.root / "objects").rglob("*"):
        os.utime(file, (0, 0))
    purge(place.workspace, quiet)
    found = refusals(place.workspace, "punctual", "trips", entry.seq)
    assert [(one.rows, one.gone) for one in found] == [(1, True)]
    assert refused_rows(place.workspace, "punctual", "trips", entry.seq).is_empty()


def test_the_command_shows_writes_and_prints_them(place, capsys):
    def said(*words):
        code = run(["quarantine", *words, "--workspace", str(place.workspace.root)])
        seen = capsys.readouterr()
        return code, seen.out, seen.err

    code, out, _ = said("trips", "--limit", "1")
    assert (code, "trip is empty" in out, "1 more: say --limit" in out) == (0, True, True)
    found = json.loads(said("trips", "--json")[1])
    assert [one["rows"] for one in found["deliveries"]] == [1, 1]
    assert [row["refused_because"] for row in found["rows"]] == [["trip is empty"], ["wind is not Float64"]]
    for end, read in ((".csv", pl.read_csv), (".jsonl", pl.read_ndjson), (".parquet", pl.read_parquet)):
        target = place.root / f"refused{end}"
        assert said("trips", "--out", str(target))[0] == 0
        assert read(target)["note"].to_list() == [4, 1]
    code, _, err = said("trips", "--out", str(place.root / "nowhere" / "refused.xlsx"))
    assert (code, err.count("--out")) == (2, 1)
    assert "has no ending" in err
    assert "there is no folder" in err


def test_a_table_of_which_nothing_was_refused_says_so(tmp_path, capsys):
    place = Place(tmp_path, '"trips.csv"')
    deliver(place, trips(3), "x", "x")
    assert run(["quarantine", "trips", "--workspace", str(place.workspace.root)]) == 0
    assert capsys.readouterr().out == "no row of trips was ever refused\n"
    assert refused_rows(place.workspace, "punctual", "trips").is_empty()
