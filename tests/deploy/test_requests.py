"""What callers may send, and what they are told when they send something else."""

import json
from datetime import UTC, datetime

import polars as pl
import pytest
import shop
from hypothesis import given, settings
from hypothesis import strategies as st

from trimaran.core.errors import InputError
from trimaran.deploy import MAX_BYTES, MAX_ROWS, Malformed, RequestReader, TooLarge

ROW = {"parcel": "p1", "sent": "2013-07-01T14:00:00+02:00", "depot": "EWR", "weight": 3, "pieces": 2, "express": True}


@pytest.fixture(scope="module")
def reader(definition):
    return RequestReader(definition, {"depot": ["EWR", "JFK"]})


def refused(reader, body):
    with pytest.raises(InputError) as caught:
        reader.read(body if isinstance(body, bytes) else json.dumps(body).encode())
    return {fault.where: f"{fault.what}; {fault.remedy}" for fault in caught.value.faults}


def test_a_row_is_read_with_its_id_and_moment(reader):
    request = reader.read(json.dumps(ROW).encode())
    (row,) = request.rows
    assert (row.id, row.event_at, row.notes, request.many) == ("p1", datetime(2013, 7, 1, 11, tzinfo=UTC), (), False)
    frame = reader.frame([row])
    assert frame.schema == {column.name: column.dtype for column in reader.columns}
    assert frame.row(0, named=True) == {**ROW, "sent": datetime(2013, 7, 1, 12, tzinfo=UTC)}


def test_rows_in_a_list_are_read_in_order(reader):
    request = reader.read(json.dumps({"rows": [ROW, ROW | {"parcel": "p2"}]}).encode())
    assert ([row.id for row in request.rows], request.many) == (["p1", "p2"], True)


def test_what_only_feeds_features_may_be_missing_and_is_noted(reader):
    without = {name: value for name, value in ROW.items() if name not in ("depot", "weight")} | {"pieces": None}
    (row,) = reader.read(json.dumps(without).encode()).rows
    noted = {f"{name} missing: features that use it are empty" for name in ("depot", "weight", "pieces")}
    assert set(row.notes) == noted
    assert reader.frame([row]).row(0, named=True)["depot"] is None


def test_a_category_that_training_never_saw_is_scored_and_noted(reader):
    (row,) = reader.read(json.dumps(ROW | {"depot": "LGA" * 100}).encode()).rows
    assert row.notes == ("depot 'LGALGALGALGALGALGALGALGALGALGALGALGA…' was not seen in training",)


@pytest.mark.parametrize(
    ("change", "where", "said"),
    [
        ({"parcel": None}, "parcel", "null was sent; send a text"),
        ({"parcel": ""}, "parcel", "'' was sent; send a text of 1 to 200"),
        ({"parcel": "a\x00b"}, "parcel", "without control characters"),
        ({"parcel": "x" * 999}, "parcel", "…"),
        ({"parcel": "\ud800"}, "parcel", "was sent; send a text"),
        ({"sent": "2013-07-01T14:00:00"}, "sent", "'2013-07-01T14:00:00' was sent; send a time with a zone, like"),
        ({"sent": "yesterday"}, "sent", "'yesterday' was sent; send a time with a zone"),
        ({"sent": "0001-01-01T00:00:00+14:00"}, "sent", "is out of range; send a time between 1700-01-01 and 2250"),
        ({"sent": 1372680000}, "sent", "1372680000 was sent"),
        ({"weight": "heavy"}, "weight", "'heavy' was sent; send a number"),
        ({"weight": float("nan")}, "weight", "nan is not a finite number; send null"),
        ({"weight": float("inf")}, "weight", "inf is not a finite number"),
        ({"weight": [[1]]}, "weight", "a list of 1 was sent"),
        ({"pieces": 40_000}, "pieces", "40000 was sent; send a whole number from -32768 to 32767"),
        ({"pieces": 1.5}, "pieces", "1.5 was sent"),
        ({"pieces": True}, "pieces", "True was sent"),
        ({"express": "yes"}, "express", "send true or false"),
        ({"wieght": 3}, "", "unknown field 'wieght'; did you mean weight? valid fields: parcel, "),
        ({"delay": 3}, "", "unknown field 'delay'"),
    ],
)
def test_a_fault_names_its_field_what_was_sent_and_what_is_right(reader, change, where, said):
    assert said in refused(reader, ROW | change)[where]


def test_all_faults_of_all_rows_are_told_at_once(reader):
    found = refused(reader, {"rows": [ROW | {"sent": "soon"}, ROW, {"weight": "x"}, 7]})
    assert list(found) == ["rows[0].sent", "rows[2].parcel", "rows[2].sent", "rows[2].weight", "rows[3]"]
    assert "it is missing" in found["rows[2].parcel"]


def test_endless_faults_are_counted_and_not_listed(reader):
    with pytest.raises(InputError) as caught:
        reader.read(json.dumps({"rows": [{}] * MAX_ROWS}).encode())
    assert len(caught.value.faults) == 101
    assert caught.value.faults[-1].what == f"{2 * MAX_ROWS - 100} more faults"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b'{"a": 1} x', b"[1,", b"1" * 5000, '{"a": "\u2241"}'.encode("utf-16")]
)
def test_what_is_not_json_is_malformed(reader, body):
    with pytest.raises(Malformed, match="not JSON"):
        reader.read(body)


@pytest.mark.parametrize(
    ("body", "limit"),
    [
        (b" " * (MAX_BYTES + 1), str(MAX_BYTES)),
        (json.dumps({"rows": [ROW] * (MAX_ROWS + 1)}).encode(), str(MAX_ROWS)),
        (b"[" * 100_000, "16"),
        (b'{"rows": ' * 1000, "16"),
    ],
)
def test_what_is_too_large_is_told_the_limit(reader, body, limit):
    with pytest.raises(TooLarge, match=f"at most {limit}"):
        reader.read(body)


def test_many_open_strings_are_judged_in_one_pass(reader):
    with pytest.raises(InputError):
        reader.read(b'{"a": "' + rb"\"" * 500_000)


def test_no_payload_is_quoted_whole(reader):
    secret = "s3cret" * 1000
    with pytest.raises(InputError) as caught:
        reader.read(json.dumps({"weight": secret, secret: 1, "pieces": {"x": secret}}).encode())
    assert len(str(caught.value)) < 2000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.sampled_from(list(ROW)), inner, max_size=6),
    max_leaves=12,
)


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(list(ROW)), JSON) | JSON)
def test_any_json_is_read_or_refused_with_faults(reader, payload):
    for body in (payload, {"rows": payload}, ROW | payload if isinstance(payload, dict) else payload):
        try:
            request = reader.read(json.dumps(body).encode())
        except InputError as error:
            told = error.faults
        else:
            told = request.rows
            assert reader.frame(request.rows).height == len(request.rows)
        assert told


@settings(max_examples=100)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused_with_faults(reader, body):
    with pytest.raises(InputError):
        reader.read(body)


VALUES = {
    "parcel": st.text("abc-1", min_size=1, max_size=9),
    "sent": st.integers(-5_000_000_000, 7_000_000_000).map(lambda second: datetime.fromtimestamp(second, UTC).isoformat()),
    "depot": st.none() | st.text(max_size=5),
    "weight": st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-1000, 1000),
    "pieces": st.none() | st.integers(-32768, 32767),
    "express": st.none() | st.booleans(),
}


@given(st.lists(st.fixed_dictionaries(VALUES), min_size=1, max_size=5))
def test_the_fast_path_and_the_slow_one_read_the_same(reader, rows):
    fast = reader.read(json.dumps({"rows": rows}).encode()).rows
    assert reader.check(rows) == fast
    assert reader.rows_of(reader.frame(fast)) == fast


def test_a_reader_of_more_columns_takes_rows_of_the_one_before(reader, definition):
    wider = RequestReader(definition, also={"colour": pl.String()})
    rows = reader.read(json.dumps(ROW).encode()).rows
    assert wider.frame(rows).row(0, named=True)["colour"] is None


def test_a_frame_without_ids_or_moments_is_refused(reader):
    with pytest.raises(InputError, match="'sent' is not there"):
        reader.rows_of(pl.DataFrame({"parcel": ["a"]}))
    with pytest.raises(InputError, match="1 rows have no parcel"):
        reader.rows_of(shop.parcels(1).with_columns(parcel=pl.lit(None, pl.String)))


def test_a_frame_may_lack_what_only_features_need(reader):
    rows = reader.rows_of(shop.parcels(2).select("sent", "parcel", "weight"))
    assert [row.values[reader.frame(rows).columns.index("weight")] for row in rows] == [0.0, 1.0]
    assert "depot missing: features that use it are empty" in rows[0].notes


def test_a_column_that_json_cannot_carry_is_refused_when_the_reader_is_made(definition):
    with pytest.raises(InputError, match="column 'odd' is Duration"):
        RequestReader(definition, also={"odd": pl.Duration("us")})
