"""Whatever a file holds: a clear word that names file, row and column, good rows kept, balanced totals, nothing half-written."""

import gzip
import os
import subprocess
import sys
import textwrap

import polars as pl
import pytest
from taking import SCHEMA, Place, counts, trips

from trimaran.core.errors import InputError, TrimaranError
from trimaran.data.sources import Files, Shape, read
from trimaran.data.tables import quarantined

TEXTS = ["csv", "jsonl", "csv.gz", "ndjson.gz"]
HEADER = b"trip,planned,wind,late,note\n"
NUL, MARK = b"\0", b"\xef\xbb\xbf"


def record(end, number, name=None, **other):
    """Return a record as bytes; values are written as they are."""
    said = {
        "trip": name or f"t{number}",
        "planned": f"2013-01-01T0{number}:00:00Z",
        "wind": "1.5",
        "late": "3.0",
        "note": "1",
    }
    said |= other
    if "csv" in end:
        return (",".join(said.values()) + "\n").encode()
    quoted = [f'"{key}": "{text}"' if key in {"trip", "planned"} else f'"{key}": {text}' for key, text in said.items()]
    return ("{" + ", ".join(quoted) + "}\n").encode()


def whole(end, *records):
    return (HEADER if "csv" in end else b"") + b"".join(records)


def latin(end):
    return record(end, 1, "Zürich").decode().encode("latin-1")


SPOILED = {
    "a mark before UTF-8": (lambda end: MARK + whole(end, record(end, 0), record(end, 1), record(end, 2)), []),
    "Windows line ends": (lambda end: whole(end, *(record(end, n) for n in range(3))).replace(b"\n", b"\r\n"), []),
    "empty lines at the end": (lambda end: whole(end, *(record(end, n) for n in range(3))) + b"\n\n\n", []),
    "no line end at the end": (lambda end: whole(end, *(record(end, n) for n in range(3)))[:-1], []),
    "every encoding": (
        lambda end: whole(end, record(end, 0), latin(end), record(end, 2, "Zürich")),
        [("row 2", "is not UTF-8")],
    ),
    "another type in the middle": (
        lambda end: whole(end, record(end, 0), record(end, 1, note="x" if "csv" in end else '"x"'), record(end, 2)),
        [("row 2: note 'x'", "note is not Int64")],
    ),
    "a fraction where a whole number was": (
        lambda end: whole(end, record(end, 0), record(end, 1, note="1.5"), record(end, 2)),
        [("row 2: note '1.5'", "note is not Int64")],
    ),
    "a number past 64 bits": (
        lambda end: whole(end, record(end, 0), record(end, 1, note="9" * 30), record(end, 2)),
        [(f"row 2: note '{'9' * 30}'", "note is not Int64")],
    ),
    "a number past all floats": (
        lambda end: whole(end, record(end, 0), record(end, 1, wind="1e999"), record(end, 2)),
        [("row 2: wind '1e999'", "wind is not Float64")],
    ),
    "NaN and infinities": (
        lambda end: whole(
            end,
            record(end, 0, wind="NaN"),
            record(end, 1, wind="-inf" if "csv" in end else "-Infinity"),
            record(end, 2),
        ),
        [],
    ),
    "a time without a zone": (
        lambda end: whole(end, record(end, 0), record(end, 1, planned="2013-01-01T01:00:00"), record(end, 2)),
        [("row 2: planned '2013-01-01T01:00:00'", "planned is not a moment with a zone, of the years 1 to 9999")],
    ),
    "zones of all kinds": (
        lambda end: whole(
            end,
            record(end, 0, planned="2013-01-01T02:00:00+02:00"),
            record(end, 1, planned="2013-01-01 06:30:00+0530"),
            record(end, 2),
        ),
        [],
    ),
    "years 1, 9999 and 10000": (
        lambda end: whole(
            end,
            record(end, 0, planned="0001-01-01T00:00:00Z"),
            record(end, 1, planned="10000-01-01T00:00:00Z"),
            record(end, 2),
        ),
        [("row 2: planned '10000-01-01T00:00:00Z'", "planned is not a moment with a zone, of the years 1 to 9999")],
    ),
    "a tail that was never written": (
        lambda end: whole(end, *(record(end, n) for n in range(3))) + NUL * 4096,
        [("row 4", None)],
    ),
    "NUL in a text": (
        lambda end: whole(end, record(end, 0), record(end, 1, "a\0b" if "csv" in end else "a\\u0000b"), record(end, 2)),
        [],
    ),
    "100 MB in one cell": (
        lambda end: whole(end, record(end, 0), record(end, 1, "x" * 100_000_000), record(end, 2)),
        [("row 2: trip 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'", "trip is longer than 16 MiB, or no text")],
    ),
    "100 MB in one cell beside a row that is none": (
        lambda end: whole(end, record(end, 0), record(end, 1, "x" * 100_000_000), record(end, 2), latin(end)),
        [("row 2", None), ("row 4", "is not UTF-8")],
    ),
    "records that end nowhere near": (
        lambda end: whole(end, record(end, 0), b"{" + b"[" * 100_000 + b"\n", record(end, 2)),
        [("row 2", None)],
    ),
}


def packed(end, data):
    return gzip.compress(data, compresslevel=1) if end.endswith(".gz") else data


@pytest.mark.parametrize("end", TEXTS)
@pytest.mark.parametrize("case", SPOILED)
def test_a_spoiled_row_is_refused_by_its_place_and_the_others_are_kept(tmp_path, case, end):
    if "100 MB" in case and end.endswith(".gz"):
        pytest.skip("it is unpacked in blocks like others")
    make, refused = SPOILED[case]
    (tmp_path / f"trips.{end}").write_bytes(packed(end, make(end)))
    found = read(Files(f"trips.{end}").at(tmp_path), Shape("trips", pl.Schema(SCHEMA), frozenset({"planned"})))
    assert found.rows.height + len(refused) == 3 + any(text.startswith("row 4") for text, _ in refused)
    places = list(zip(found.unreadable["refused_at"], found.unreadable["refused_because"].to_list(), strict=True))
    assert len(places) == len(refused)
    for (place, reasons), (where, why) in zip(places, refused, strict=True):
        assert place.startswith(f"trips.{end}, {where}")
        assert why is None or why in reasons
    assert found.faults == []


@pytest.mark.parametrize("end", TEXTS)
@pytest.mark.parametrize("case", [case for case in SPOILED if "100 MB" not in case])
def test_a_first_delivery_is_declared_taken_in_and_balanced_whatever_a_row_holds(tmp_path, case, end):
    place = Place(tmp_path, f'"trips.{end}"')
    make, refused = SPOILED[case]
    (tmp_path / f"trips.{end}").write_bytes(packed(end, make(end)))
    inferred = Files(f"trips.{end}").at(tmp_path).schema({"planned"})
    if inferred != pl.Schema(SCHEMA):  # a column that is text from its first rows on is text
        pytest.skip("the first rows say another type")
    record = place.take()
    assert (record.refused, record.rows_in) == (len(refused), record.kept + len(refused))
    assert place.rows().height == record.kept
    assert quarantined(place.workspace.objects, record).height == len(refused)
    assert place.totals() == [0]


UNUSABLE = {
    "nothing": (lambda whole: b"", "is empty: it has not even a header|cannot be read|is empty"),
    "UTF-16": (lambda whole: whole.decode().encode("utf-16"), r"is UTF-16; save it as UTF-8"),
    "UTF-16 without a mark": (lambda whole: whole.decode().encode("utf-16-le"), "begins with a NUL byte: it is UTF-16"),
    "UTF-32": (lambda whole: whole.decode().encode("utf-32"), "is UTF-32; save it as UTF-8"),
    "gzip under a plain name": (gzip.compress, r"is compressed by gzip.*give it a name that ends in \.gz"),
    "Parquet under another name": (lambda whole: b"PAR1" + whole, r"is Parquet.*ends in \.parquet"),
    "a workbook": (lambda whole: b"PK\3\4" + whole, "is a zip archive or a workbook"),
    "NUL bytes": (lambda whole: NUL * 4096, "begins with a NUL byte"),
}


@pytest.mark.parametrize("end", ["csv", "jsonl"])
@pytest.mark.parametrize("case", UNUSABLE)
def test_a_file_that_is_no_text_is_named_with_what_it_is_and_nothing_is_written(tmp_path, case, end):
    make, said = UNUSABLE[case]
    place = Place(tmp_path, f'"trips.{end}"')
    good = whole(end, record(end, 0), record(end, 1))
    (tmp_path / f"trips.{end}").write_bytes(make(good))
    with pytest.raises(TrimaranError, match=rf"trips\.{end}: .*({said})"):
        place.take()
    assert place.workspace.ledger.store.head() == 0
    (tmp_path / f"trips.{end}").write_bytes(good)
    assert counts(place.take()) == (2, 2, 0, 0)
    (tmp_path / f"trips.{end}").write_bytes(make(good))
    head = place.workspace.ledger.store.head()
    with pytest.raises(TrimaranError, match=rf"trips\.{end}: .*({said})"):
        place.take()
    assert place.workspace.ledger.store.head() == head
    assert place.rows().height == 2


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("trips.csv", "na\xefve,trip\n1,2\n".encode("latin-1"), "has a header that is not UTF-8"),
        ("trips.csv", b"\n\n" + HEADER, "begins with an empty line where its header should be"),
        ("trips.csv", HEADER.replace(b"late", b"wind"), "has 'wind' twice in its header"),
        ("trips.csv.gz", HEADER, "is called .gz and cannot be unpacked"),
        ("trips.parquet", HEADER, "cannot be read: parquet"),
        ("trips.jsonl", b"1\n[]\nnull\n", "has no line that is a JSON object"),
        ("trips.jsonl", b'{"trip": "a", "trip": "b"}\n', "says 'trip' twice in row 1"),
        ("trips.jsonl", b"{}\n{}\n", "has no columns"),
        ("trips.csv", b"trip,refused_because\n1,2\n", "has a name that quarantined rows have a column of"),
        ("trips.jsonl", b'{"^a$": 1}\n', r"column '\^a\$' has a name that Polars takes for a pattern"),
    ],
    ids=["latin", "blank", "twice", "packed", "parquet", "scalars", "members", "nothing", "reserved", "pattern"],
)
def test_what_cannot_be_declared_is_a_fault_that_names_the_file(tmp_path, name, data, said):
    place = Place(tmp_path, f'"{name}"')
    (tmp_path / name).write_bytes(data)
    with pytest.raises(TrimaranError, match=rf"{name}: .*{said}"):
        place.take()
    assert place.workspace.ledger.store.head() == 0


def good(path):
    path.parent.mkdir(exist_ok=True)
    trips(3).write_parquet(path)


LINKS = {
    "a link to itself": (lambda path: path.symlink_to(path), "cannot be opened: Too many levels of symbolic links"),
    "a link to nowhere": (lambda path: path.symlink_to("nowhere"), "cannot be opened: No such file"),
    "a folder": (lambda path: path.mkdir(), "is a folder; name the files in it"),
}


@pytest.mark.parametrize("case", LINKS)
def test_what_is_called_a_file_and_is_none_is_named_and_the_others_are_kept(tmp_path, case):
    make, said = LINKS[case]
    good(tmp_path / "trips/b.parquet")
    make(tmp_path / "trips/a.csv")
    place = Place(tmp_path, '"trips/*"')
    record = place.take()
    assert counts(record) == (3, 3, 0, 0)
    assert record.expectations[0].startswith(f"source: warn (trips/a.csv: {said}")
    assert place.totals() == [0]


def test_a_link_to_itself_alone_is_named(tmp_path):
    (tmp_path / "trips.csv").symlink_to("trips.csv")
    with pytest.raises(TrimaranError, match=r"trips\.csv: cannot be opened: Too many levels of symbolic links"):
        Place(tmp_path, '"trips.csv"').take()


@pytest.mark.parametrize("end", ["csv", "jsonl", "parquet"])
def test_a_file_that_may_not_be_read_is_named_and_the_others_are_kept(tmp_path, end):
    """Root may read everything, so somebody else asks."""
    good(tmp_path / "trips/b.parquet")
    (tmp_path / f"trips/a.{end}").write_bytes(whole(end, record(end, 0)))
    (tmp_path / f"trips/a.{end}").chmod(0)
    code = """
        import os, sys
        from trimaran.data.sources import Files, Shape, read
        import polars as pl
        schema = pl.read_parquet(sys.argv[1] + "/b.parquet").schema
        if os.geteuid() == 0:
            os.setegid(65534), os.seteuid(65534)
        found = read(Files(sys.argv[1]), Shape("trips", schema))
        print(found.rows.height, found.faults[0])
    """
    folder = tmp_path
    while folder != folder.parent:  # pytest's folders are for their user alone
        if folder.stat().st_uid == os.geteuid() and folder.stat().st_mode & 0o077 == 0:
            folder.chmod(0o755)
        folder = folder.parent
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "trips")], capture_output=True, check=False, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("3 ")
    assert f"a.{end}: " in done.stdout
    assert "may not be read" in done.stdout or "ermission denied" in done.stdout


@pytest.mark.parametrize("end", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("how", ["replaced", "cut short in place", "gone"])
def test_a_file_that_changes_while_it_is_read_is_named_and_nothing_of_it_is_taken(tmp_path, end, how):
    path, rows = tmp_path / f"trips.{end}", trips(3)
    texts = rows.with_columns(pl.col("planned").dt.strftime("%FT%TZ"))
    {"csv": texts.write_csv, "jsonl": texts.write_ndjson, "parquet": rows.write_parquet}[end](path)
    source = Files(path.name).at(tmp_path)
    parts = source.parts(Shape("trips", pl.Schema(SCHEMA), frozenset({"planned"})), None, None)
    assert next(parts).rows.height == 3
    if how == "replaced":
        (tmp_path / "new").write_bytes(path.read_bytes())
        os.utime(tmp_path / "new", ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
        (tmp_path / "new").rename(path)
    elif how == "gone":
        path.unlink()
    else:
        os.truncate(path, 20)
    with pytest.raises(InputError, match=rf"trips\.{end}: was changed while it was read, and nothing of it was taken in"):
        list(parts)


def test_a_long_text_cut_short_in_place_while_it_is_read_is_an_error_and_no_crash(tmp_path):
    code = """
        import os, sys
        import polars as pl
        from pathlib import Path
        from trimaran.core.errors import InputError
        from trimaran.data.sources import Files, Shape
        path = Path(sys.argv[1])
        path.write_bytes(b'{"trip": "abcdefghijklmnopqrstuvwxyz"}\\n' * 2_000_000)
        parts = Files(path.name).at(path.parent).parts(Shape("trips", pl.Schema({"trip": pl.String()})), None, None)
        next(parts)
        os.truncate(path, 1000)
        try:
            list(parts)
        except InputError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "trips.jsonl")],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "was changed while it was read" in done.stdout


NAMES = ["a.b", 'a"b', "a\nb", "🚲", "'", "a,b", " ", "a;b", "\\", "$x", "δρόμος", "时间", "الريح", "refused"]


@pytest.mark.parametrize("end", ["csv", "jsonl", "parquet", "csv.gz"])
def test_columns_of_any_name_are_taken_in_and_told(tmp_path, end):
    rows = trips(3).with_columns(pl.lit(number).alias(name) for number, name in enumerate(NAMES))
    texts = rows.with_columns(pl.col("planned").dt.strftime("%FT%TZ"))
    path = tmp_path / f"trips.{end}"
    if end == "parquet":
        rows.write_parquet(path)
    else:
        path.write_bytes(packed(end, (texts.write_csv() if "csv" in end else texts.write_ndjson()).encode()))
    place = Place(tmp_path, f'"trips.{end}"')
    assert counts(place.take()) == (3, 3, 0, 0)
    assert place.rows().columns == rows.columns
    assert place.rows().select(NAMES).row(0) == tuple(range(len(NAMES)))


def test_a_member_that_only_early_rows_of_json_have_is_empty_later_and_not_gone(tmp_path):
    early = b'{"trip": "a", "note": 1}\n' * 1_400_000
    (tmp_path / "trips.jsonl").write_bytes(early + b'{"trip": "b"}\n' * 3_000_000)
    shape = Shape("trips", pl.Schema({"trip": pl.String(), "note": pl.Int64()}), frozenset(), frozenset({"note"}))
    found = read(Files("trips.jsonl").at(tmp_path), shape)
    assert (found.rows.height, found.unreadable.height) == (4_400_000, 0)
    assert found.rows["note"].null_count() == 3_000_000


def test_quotes_that_follow_no_rule_are_the_texts_own_and_no_row_is_lost(tmp_path):
    rows = [f'{n},5" pipe,"a\nb"\n' for n in range(100_000)]
    (tmp_path / "trips.csv").write_text("id,pipe,note\n" + "".join(rows))
    shape = Shape("trips", pl.Schema({"id": pl.Int64(), "pipe": pl.String(), "note": pl.String()}))
    found = read(Files("trips.csv").at(tmp_path), shape)
    assert found.rows.height == 100_000
    assert found.rows.row(99_999) == (99_999, '5" pipe', "a\nb")
