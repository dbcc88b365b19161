"""Files of every format, whole and broken: good rows are kept, others named by file, row and column, and totals balance."""

import gzip
import json
from datetime import UTC, datetime

import polars as pl
import pytest

from trimaran.core.errors import InputError, NotFound
from trimaran.data.sources import Files, Shape, Span, files, read

SCHEMA = pl.Schema(
    {"id": pl.Int64(), "at": pl.Datetime("us", "UTC"), "wind": pl.Float64(), "calm": pl.Boolean(), "name": pl.String()}
)
SHAPE = Shape("rides", SCHEMA, frozenset({"at"}), frozenset({"id", "at"}))
MOMENT = datetime(2013, 1, 1, 10, tzinfo=UTC)


def rows(count, start=0):
    return pl.DataFrame(
        {
            "id": range(start, start + count),
            "at": [MOMENT] * count,
            "wind": [1.5] * count,
            "calm": [True] * count,
            "name": [f"ride {number}" for number in range(start, start + count)],
        },
        schema=SCHEMA,
    )


def text(frame):
    return frame.with_columns(pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))


def write(frame, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    name = path.name
    if name.endswith(".parquet"):
        frame.write_parquet(path)
    else:
        data = text(frame).write_ndjson() if "json" in name else text(frame).write_csv()
        path.write_bytes(gzip.compress(data.encode()) if name.endswith(".gz") else data.encode())
    return path


def taken(root, place, shape=SHAPE, span=None):
    return read(Files(place).at(root), shape, span=span)


def refused(reading):
    return list(zip(reading.unreadable["refused_at"], reading.unreadable["refused_because"].to_list(), strict=True))


@pytest.mark.parametrize("end", ["parquet", "csv", "csv.gz", "jsonl", "ndjson.gz"])
def test_every_format_says_the_same_rows_and_types(tmp_path, end):
    write(rows(20), tmp_path / f"rides.{end}")
    source = Files(f"rides.{end}").at(tmp_path)
    assert source.schema({"at"}) == SCHEMA
    assert read(source, SHAPE).rows.equals(rows(20))
    assert source.name == "rides"


@pytest.mark.parametrize("spoiled", [False, True], ids=["whole blocks", "record by record"])
def test_words_that_mean_no_value_are_none_in_every_column(tmp_path, spoiled):
    lines = ["id,at,wind,calm,name", "0,2013-01-01T10:00:00Z,NA,true,-", '1,2013-01-01T10:00:00Z,1.5,NA,"NA"']
    lines += ["2,2013-01-01T10:00:00Z,2.5,true,NANCY", *(["3,2013-01-01T10:00:00Z,calm,true,x"] if spoiled else [])]
    (tmp_path / "rides.csv").write_text("\n".join(lines) + "\n")
    source = files("rides.csv", nulls=["NA", "-"]).at(tmp_path)
    assert spoiled or source.schema({"at"}) == SCHEMA
    found = read(source, SHAPE)
    assert found.rows["wind"].to_list() == [None, 1.5, 2.5]
    assert found.rows["calm"].to_list() == [True, None, True]
    assert found.rows["name"].to_list() == [None, None, "NANCY"]
    assert found.unreadable["refused_at"].to_list() == (["rides.csv, row 4: wind 'calm'"] if spoiled else [])
    assert source.fingerprint(()) != Files("rides.csv").at(tmp_path).fingerprint(())


def test_a_folder_and_a_glob_are_all_their_files_in_order_and_none_that_is_hidden(tmp_path):
    write(rows(2), tmp_path / "rides/a.parquet")
    write(rows(2, 2), tmp_path / "rides/b/c.csv")
    write(rows(2, 4), tmp_path / "rides/d.jsonl")
    for name in ("_SUCCESS", ".hidden.csv", "_old/e.parquet", "notes.txt"):
        (tmp_path / "rides" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "rides" / name).write_text("nothing")
    assert taken(tmp_path, "rides").rows["id"].to_list() == [0, 1, 2, 3, 4, 5]
    assert taken(tmp_path, "rides/*.*[tl]").rows["id"].to_list() == [0, 1, 4, 5]
    assert taken(tmp_path, "rides/**/*.csv").rows["id"].to_list() == [2, 3]


def test_a_span_of_time_reads_no_more_than_it_says(tmp_path):
    late = rows(3, 3).with_columns(at=pl.lit(datetime(2014, 1, 1, tzinfo=UTC)).cast(SCHEMA["at"]))
    write(pl.concat([rows(3), late]), tmp_path / "rides.parquet")
    assert taken(tmp_path, "rides.parquet", span=Span("at", after=MOMENT)).rows["id"].to_list() == [3, 4, 5]
    assert taken(tmp_path, "rides.parquet", span=Span("at", until=MOMENT)).rows["id"].to_list() == [0, 1, 2]


def test_the_fingerprint_changes_with_the_files_and_not_otherwise(tmp_path):
    write(rows(2), tmp_path / "rides/a.parquet")
    source = Files("rides").at(tmp_path)
    first = source.fingerprint(())
    assert source.fingerprint(()) == first
    write(rows(2), tmp_path / "rides/b.parquet")
    assert source.fingerprint(()) != first


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(NotFound, match=r"there is no file .*nothing\.parquet"):
        taken(tmp_path, "nothing.parquet")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFound, match="empty"):
        taken(tmp_path, "empty")


@pytest.mark.parametrize("end", ["parquet", "csv", "csv.gz", "jsonl"])
def test_an_empty_file_is_named_alone_and_passed_over_among_others(tmp_path, end):
    (tmp_path / "rides").mkdir()
    empty = b"" if not end.endswith("gz") else gzip.compress(b"")
    (tmp_path / f"rides/a.{end}").write_bytes(empty)
    with pytest.raises(InputError, match=rf"rides/a\.{end}"):
        taken(tmp_path, "rides")
    write(rows(2), tmp_path / "rides/b.parquet")
    found = taken(tmp_path, "rides")
    assert found.rows.height == 2
    assert [fault.where for fault in found.faults] == [f"rides/a.{end}"]


def test_a_header_alone_is_a_table_without_rows(tmp_path):
    write(rows(0), tmp_path / "rides.csv")
    found = taken(tmp_path, "rides.csv")
    assert (found.rows.height, found.unreadable.height, found.faults) == (0, 0, [])


def test_a_parquet_file_cut_off_is_named_and_the_others_are_kept(tmp_path):
    whole = write(rows(5), tmp_path / "rides/a.parquet").read_bytes()
    (tmp_path / "rides/b.parquet").write_bytes(whole[:100])
    found = taken(tmp_path, "rides")
    assert found.rows.height == 5
    assert "rides/b.parquet" in str(found.faults[0])


@pytest.mark.parametrize("end", ["csv", "jsonl"])
def test_a_text_cut_off_in_a_row_keeps_every_whole_row_before_it(tmp_path, end):
    path = write(rows(10), tmp_path / f"rides.{end}")
    path.write_bytes(path.read_bytes()[:-9])
    if end == "csv":  # into the middle of the row, not of its last field
        path.write_bytes(path.read_bytes().rpartition(b",")[0])
    found = taken(tmp_path, path.name)
    assert found.rows.equals(rows(9))
    assert [place for place, _ in refused(found)] == [f"rides.{end}, row 10"]


@pytest.mark.parametrize("end", ["csv.gz", "jsonl.gz"])
def test_an_archive_cut_off_keeps_what_came_before(tmp_path, end):
    frame = rows(20_000).with_columns(name=pl.Series([f"{number * 7919 % 10007:x}" for number in range(20_000)]))
    path = write(frame, tmp_path / f"rides.{end}")
    path.write_bytes(path.read_bytes()[:-2000])
    found = taken(tmp_path, path.name)
    assert 10_000 < found.rows.height < 20_000
    assert found.rows.equals(frame.head(found.rows.height))
    assert "breaks off after row" in str(found.faults[0])


def test_a_quote_that_is_never_closed_loses_nothing_before_it(tmp_path):
    path = write(rows(5), tmp_path / "rides.csv")
    path.write_text(path.read_text() + '5,2013-01-01T10:00:00Z,1.5,true,"ride\n6,2013-01-01T10:00:00Z,1.5,true,x\n')
    found = taken(tmp_path, "rides.csv")
    assert found.rows.equals(rows(5))
    assert "rides.csv: has a quote that is never closed" in str(found.faults[0])


def test_bytes_that_are_not_utf8_spoil_their_row_alone(tmp_path):
    path = write(rows(3), tmp_path / "rides.csv")
    path.write_bytes(path.read_bytes().replace(b"ride 1", b"r\xefde 1"))
    found = taken(tmp_path, "rides.csv")
    assert found.rows["id"].to_list() == [0, 2]
    assert refused(found) == [("rides.csv, row 2", ["is not UTF-8"])]
    path = write(rows(3), tmp_path / "rides.jsonl")
    path.write_bytes(path.read_bytes().replace(b"ride 1", b"r\xefde 1"))
    assert refused(taken(tmp_path, "rides.jsonl")) == [("rides.jsonl, row 2", ["is not UTF-8"])]


def test_utf16_is_told_and_a_mark_before_utf8_is_no_part_of_the_first_name(tmp_path):
    path = write(rows(3), tmp_path / "rides.csv")
    said = path.read_text()
    path.write_text(said, encoding="utf-16")
    with pytest.raises(InputError, match=r"rides\.csv: is UTF-16; save it as UTF-8"):
        taken(tmp_path, "rides.csv")
    path.write_text(said, encoding="utf-8-sig")
    assert taken(tmp_path, "rides.csv").rows.equals(rows(3))


@pytest.mark.parametrize("end", ["csv", "jsonl"])
def test_values_of_another_type_in_the_middle_are_refused_with_row_and_column(tmp_path, end):
    frame = text(rows(1000)).with_columns(pl.col("wind").cast(pl.String))
    wind = pl.when(pl.col("id") == 700).then(pl.lit("calm")).otherwise("wind")
    at = pl.when(pl.col("id").is_in([700, 800])).then(pl.lit("yesterday")).otherwise("at")
    broken = frame.with_columns(wind=wind, at=at)
    (tmp_path / f"rides.{end}").write_text(broken.write_csv() if end == "csv" else broken.write_ndjson())
    found = taken(tmp_path, f"rides.{end}")
    assert found.rows.height + found.unreadable.height == 1000
    assert refused(found) == [
        (
            f"rides.{end}, row 701: at 'yesterday', wind 'calm'",
            ["at is not a moment with a zone, of the years 1 to 9999", "wind is not Float64"],
        ),
        (f"rides.{end}, row 801: at 'yesterday'", ["at is not a moment with a zone, of the years 1 to 9999"]),
    ]
    assert found.unreadable["id"].to_list() == [700, 800]


def test_rows_with_too_few_or_too_many_fields_are_refused_and_empty_lines_are_none(tmp_path):
    lines = write(rows(4), tmp_path / "rides.csv").read_text().splitlines()
    lines[2] = "1,2013-01-01T10:00:00Z,1.5"
    lines[3] += ",more"
    (tmp_path / "rides.csv").write_text("\n".join([*lines[:2], "", *lines[2:], ""]))
    found = taken(tmp_path, "rides.csv")
    assert found.rows["id"].to_list() == [0, 3]
    assert refused(found) == [
        ("rides.csv, row 2", ["has 3 fields, its header 5"]),
        ("rides.csv, row 3", ["has 6 fields, its header 5"]),
    ]


def test_an_empty_last_field_is_no_missing_one(tmp_path):
    write(rows(4).with_columns(name=pl.lit(None, pl.String)), tmp_path / "rides.csv")
    found = taken(tmp_path, "rides.csv")
    assert (found.rows.height, found.rows["name"].null_count()) == (4, 4)


def test_a_column_that_stands_twice_is_told_by_its_name(tmp_path):
    path = write(rows(2), tmp_path / "rides.csv")
    path.write_text(path.read_text().replace("calm", "wind"))
    with pytest.raises(InputError, match=r"rides\.csv: has 'wind' twice in its header"):
        taken(tmp_path, "rides.csv")
    with pytest.raises(InputError, match="'wind' twice"):
        Files("rides.csv").at(tmp_path).schema({"at"})
    (tmp_path / "rides.jsonl").write_text('{"id": 1, "id": 2, "at": "2013-01-01T10:00:00Z"}\n')
    with pytest.raises(InputError, match="says 'id' twice in row 1"):
        taken(tmp_path, "rides.jsonl")


@pytest.mark.parametrize("end", ["parquet", "csv", "jsonl"])
def test_a_text_beyond_the_limit_is_refused_and_one_at_it_is_kept(tmp_path, end):
    limit = 16 << 20
    frame = rows(3).with_columns(name=pl.Series(["x" * limit, "x" * (limit + 1), "x"]))
    write(frame, tmp_path / f"rides.{end}")
    found = taken(tmp_path, f"rides.{end}")
    assert found.rows["id"].to_list() == [0, 2]
    assert [why for _, why in refused(found)] == [["name is longer than 16 MiB, or no text"]]
    assert len(refused(found)[0][0]) < 120


@pytest.mark.parametrize("end", ["csv", "jsonl"])
def test_infinite_numbers_are_numbers_and_one_that_is_only_too_large_is_none(tmp_path, end):
    said = ["1.5", "inf", "-inf", "NaN", "1e999"] if end == "csv" else ["1.5", "Infinity", "-Infinity", "NaN", "1e999"]
    lines = [f"{number},2013-01-01T10:00:00Z,{wind},true,x" for number, wind in enumerate(said)]
    if end == "jsonl":
        lines = [
            f'{{"id": {at}, "at": "2013-01-01T10:00:00Z", "wind": {wind}, "calm": true, "name": "x"}}'
            for at, wind in enumerate(said)
        ]
    else:
        lines.insert(0, ",".join(SCHEMA))
    (tmp_path / f"rides.{end}").write_text("\n".join(lines) + "\n")
    found = taken(tmp_path, f"rides.{end}")
    assert found.rows["wind"].cast(pl.String).to_list() == ["1.5", "inf", "-inf", "NaN"]
    assert refused(found) == [(f"rides.{end}, row 5: wind '1e999'", ["wind is not Float64"])]


def test_an_infinite_number_is_no_integer(tmp_path):
    write(rows(2).with_columns(id=pl.Series([1.0, float("inf")])), tmp_path / "rides.parquet")
    found = taken(tmp_path, "rides.parquet")
    assert found.rows["id"].to_list() == [1]
    assert refused(found) == [("rides.parquet, row 2: id 'inf'", ["id is not Int64"])]


@pytest.mark.parametrize("end", ["parquet", "csv", "jsonl"])
def test_the_years_1_and_9999_are_kept_and_none_beyond_them(tmp_path, end):
    moments = [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)]
    frame = rows(3).with_columns(at=pl.Series([*moments, None], dtype=SCHEMA["at"]))
    if end == "parquet":
        beyond = pl.Series([400_000_000_000_000_000]).cast(SCHEMA["at"])
        frame = frame.with_columns(at=pl.concat([frame["at"].head(2), beyond]))
        frame.write_parquet(tmp_path / "rides.parquet")
    else:
        said = text(frame).with_columns(
            at=pl.Series(["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "10000-01-01T00:00:00Z"])
        )
        (tmp_path / f"rides.{end}").write_text(said.write_csv() if end == "csv" else said.write_ndjson())
    found = taken(tmp_path, f"rides.{end}")
    assert found.rows["at"].to_list() == moments
    assert found.unreadable["id"].to_list() == [2]


@pytest.mark.parametrize("end", ["parquet", "csv", "jsonl"])
def test_columns_are_named_in_any_script(tmp_path, end):
    names = ["δρόμος", "时间", "الريح", "имя 🚲", 'a,b"c', " gap "]
    frame = pl.DataFrame({name: [1, 2] for name in names})
    path = tmp_path / f"rides.{end}"
    {"parquet": frame.write_parquet, "csv": frame.write_csv, "jsonl": frame.write_ndjson}[end](path)
    source = Files(path.name).at(tmp_path)
    assert source.schema(()).names() == names
    assert read(source, Shape("rides", frame.schema)).rows.equals(frame)
    broken = path.read_text().replace("2", "x", 1) if end != "parquet" else None
    if end == "csv":
        path.write_text(broken)
        assert "δρόμος 'x'" in refused(read(source, Shape("rides", frame.schema)))[0][0]


def test_lines_of_json_that_are_no_records_are_refused_by_their_number(tmp_path):
    lines = text(rows(5)).write_ndjson().splitlines()
    lines[1], lines[2], lines[3] = "{broken", "[1, 2]", json.dumps({"id": 3, "at": "2013-01-01T10:00:00Z", "name": {"a": 1}})
    (tmp_path / "rides.jsonl").write_text("\n".join(lines))
    found = taken(tmp_path, "rides.jsonl")
    assert found.rows["id"].to_list() == [0, 3, 4]
    assert refused(found) == [("rides.jsonl, row 2", ["is not JSON"]), ("rides.jsonl, row 3", ["is not a JSON object"])]


def test_a_delta_table_is_not_read_as_a_folder_of_files(tmp_path):
    rows(3).write_delta(tmp_path / "lake")
    with pytest.raises(InputError, match=r"write tm\.delta\('lake'\)"):
        taken(tmp_path, "lake")


class Shown:
    def __init__(self):
        self.said = []

    def start(self, task, total):
        self.said.append((task, total))

    def advance(self, task, done=1, note=""):
        self.said.append(done)

    def finish(self, task):
        self.said.append("finished")


def test_a_long_read_shows_how_far_it_is_in_bytes(tmp_path):
    sizes = [write(rows(count), tmp_path / f"rides/{count}.parquet").stat().st_size for count in (1, 2)]
    shown = Shown()
    read(Files("rides").at(tmp_path), SHAPE, progress=shown)
    assert shown.said == [("read rides", sum(sizes)), *sizes, "finished"]
