"""Files on a real S3 server: the same rows as from a disk."""

import obstore
import polars as pl
import pytest
from obstore.store import S3Store

from trimaran.core.errors import InputError, NotFound, Unavailable
from trimaran.data.sources import Files, Shape, Span, delta, read

ROWS = pl.DataFrame({"id": range(1000), "wind": [1.5] * 1000})
SHAPE = Shape("rides", ROWS.schema)


@pytest.fixture
def bucket(s3_server, monkeypatch, request):
    monkeypatch.setenv("TRIMARAN_S3_ACCESS_KEY", s3_server.access_key)
    monkeypatch.setenv("TRIMARAN_S3_SECRET_KEY", s3_server.secret_key)
    monkeypatch.setenv("TRIMARAN_S3_ENDPOINT", s3_server.url)
    return S3Store(
        "lake",
        endpoint=s3_server.url,
        region="us-east-1",
        access_key_id=s3_server.access_key,
        secret_access_key=s3_server.secret_key,
        client_options={"allow_http": True},
    )


def put(bucket, key, data):
    obstore.put(bucket, key, data)


def parquet(rows, tmp_path):
    rows.write_parquet(tmp_path / "x.parquet")
    return (tmp_path / "x.parquet").read_bytes()


def test_a_key_a_prefix_and_a_pattern_are_read_and_their_fingerprint_follows_them(bucket, tmp_path):
    put(bucket, "one/a.parquet", parquet(ROWS.head(10), tmp_path))
    put(bucket, "one/b.csv", ROWS.slice(10, 10).write_csv().encode())
    put(bucket, "one/_c.csv", b"nothing")
    assert read(Files("s3://lake/one/a.parquet"), SHAPE).rows.equals(ROWS.head(10))
    whole = Files("s3://lake/one/")
    assert read(whole, SHAPE).rows.equals(ROWS.head(20))
    assert read(Files("s3://lake/one/*.csv"), Shape("rides", ROWS.schema)).rows.height == 10
    assert whole.schema(()) == ROWS.schema
    assert read(whole, SHAPE, span=Span("id", after=7)).rows["id"][0] == 8
    first = whole.fingerprint(())
    assert whole.fingerprint(()) == first
    put(bucket, "one/b.csv", ROWS.slice(20, 10).write_csv().encode())
    assert whole.fingerprint(()) != first


def test_a_file_in_a_bucket_that_is_broken_is_named_and_the_others_are_kept(bucket, tmp_path):
    put(bucket, "two/a.parquet", parquet(ROWS, tmp_path))
    put(bucket, "two/b.parquet", parquet(ROWS, tmp_path)[:200])
    put(bucket, "two/c.csv", b"id,wind\n1,x\n2,2.5\n")
    found = read(Files("s3://lake/two"), SHAPE)
    assert found.rows.height == 1001
    assert found.unreadable["refused_at"].to_list() == ["s3://lake/two/c.csv, row 1: wind 'x'"]
    assert [fault.where for fault in found.faults] == ["s3://lake/two/b.parquet"]


def test_a_delta_table_in_a_bucket_is_read_by_its_version(bucket, s3_server):
    options = {
        "aws_access_key_id": s3_server.access_key,
        "aws_secret_access_key": s3_server.secret_key,
        "aws_endpoint_url": s3_server.url,
        "aws_region": "us-east-1",
        "aws_allow_http": "true",
        "aws_conditional_put": "etag",
    }
    ROWS.head(5).write_delta("s3://lake/delta", storage_options=options)
    ROWS.head(7).write_delta("s3://lake/delta", storage_options=options, mode="append")
    assert read(delta("s3://lake/delta"), SHAPE).rows.height == 12
    assert read(delta("s3://lake/delta", version=0), SHAPE).rows.height == 5


def test_what_is_not_there_or_may_not_be_read_is_told_without_a_key(bucket, s3_server, monkeypatch):
    with pytest.raises(NotFound, match="there is no file s3://lake/nothing"):
        read(Files("s3://lake/nothing"), SHAPE)
    monkeypatch.setenv("TRIMARAN_S3_SECRET_KEY", "tests-wrong-key")
    with pytest.raises(Unavailable) as told:
        read(Files("s3://lake/one"), SHAPE)
    assert "s3://lake/one cannot be read" in str(told.value)
    assert "tests-wrong-key" not in str(told.value)
    assert s3_server.access_key not in str(told.value)
    monkeypatch.delenv("TRIMARAN_S3_SECRET_KEY")
    with pytest.raises(InputError, match="TRIMARAN_S3_SECRET_KEY: it is not set"):
        read(Files("s3://lake/one"), SHAPE)
