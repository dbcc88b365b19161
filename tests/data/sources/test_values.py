"""Frames of other libraries, functions over a span, and tables that others keep."""

from datetime import UTC, datetime
from importlib.util import find_spec

import pandas as pd
import polars as pl
import pytest

from trimaran.core.errors import DefinitionError, InputError, NotFound, UserCodeError
from trimaran.data.sources import Files, Shape, Span, as_source, delta, frame, iceberg, read, rows

MOMENTS = [datetime(2013, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
ROWS = pl.DataFrame({"id": [1, 2, 3], "at": pl.Series(MOMENTS, dtype=pl.Datetime("us", "UTC")), "name": ["a", None, "c"]})
SHAPE = Shape("rides", ROWS.schema, frozenset({"at"}), frozenset({"id", "at"}))


class Arrow:
    """What any Arrow library hands out."""

    def __init__(self, held):
        self.__arrow_c_stream__ = held.__arrow_c_stream__


def test_polars_lazy_arrow_and_pandas_frames_say_the_same_rows():
    other = pd.DataFrame({"id": [1, 2, 3], "at": pd.to_datetime(MOMENTS, utc=True), "name": ["a", None, "c"]})
    for given in (ROWS, ROWS.lazy(), Arrow(ROWS), other):
        assert read(frame(given), SHAPE).rows.equals(ROWS)


def test_a_pandas_frame_keeps_its_missing_values_and_large_integers():
    held = pd.DataFrame(
        {"a": pd.array([2**60 + 1, None], dtype="Int64"), "b": [1.5, None], "c": pd.to_datetime([None, "2013-01-01"])}
    )
    found = frame(held).schema(())
    assert found == pl.Schema({"a": pl.Int64(), "b": pl.Float64(), "c": pl.Datetime("us")})
    shape = Shape("x", found)
    assert read(frame(held), shape).rows["a"].to_list() == [2**60 + 1, None]
    assert read(frame(held), shape).rows["c"].null_count() == 1


def test_what_is_no_table_and_a_column_twice_are_told():
    with pytest.raises(InputError, match="a int is no table of rows"):
        frame(7)
    with pytest.raises(InputError, match="'a' twice"):
        frame(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(DefinitionError, match="a int is no source"):
        as_source(7)
    with pytest.raises(DefinitionError, match="no way to gs://"):
        as_source("gs://bucket/x.parquet")


def test_frames_are_equal_by_what_they_hold():
    assert frame(ROWS) == frame(ROWS.clone())
    assert frame(ROWS) != frame(ROWS.head(2))
    assert frame(ROWS).fingerprint(()) != frame(ROWS.rename({"id": "x"})).fingerprint(())


def test_a_function_is_asked_for_a_span_and_gives_no_row_outside_of_it():
    asked = []

    def rides(since, until):
        asked.append((since, until))
        return ROWS

    source = rows(rides, late="1d")
    assert (source.name, source.label) == ("rides", "rides()")
    assert read(source, SHAPE, span=Span("at", after=MOMENTS[0])).rows["id"].to_list() == [2, 3]
    assert read(source, SHAPE).rows.equals(ROWS)
    assert asked == [(MOMENTS[0], None), (None, None)]


def test_a_function_that_raises_shows_the_authors_own_line_and_one_of_another_form_is_refused():
    def rides(since, until):
        return {}["nothing"]

    with pytest.raises(UserCodeError, match=r'(?s)rides\(\) raised KeyError.*return \{\}\["nothing"\]'):
        read(rows(rides), SHAPE)
    with pytest.raises(DefinitionError, match=r"write it as rows\(since, until\)"):
        rows(lambda: ROWS)


def test_a_delta_table_is_read_at_its_newest_version_or_at_one(tmp_path):
    ROWS.write_delta(tmp_path / "lake")
    ROWS.head(1).write_delta(tmp_path / "lake", mode="append")
    source = delta("lake").at(tmp_path)
    assert source.schema(()) == ROWS.schema
    assert read(source, SHAPE).rows.height == 4
    assert read(delta("lake", version=0).at(tmp_path), SHAPE).rows.sort("id").equals(ROWS)
    assert read(source, SHAPE, span=Span("at", after=MOMENTS[1])).rows["id"].to_list() == [3]
    assert (source.fingerprint(()), delta("lake", version=0).at(tmp_path).fingerprint(())) == ("1", "0")
    with pytest.raises(NotFound, match="there is no Delta table"):
        read(delta("nothing").at(tmp_path), SHAPE)
    with pytest.raises(InputError, match=r"lake@9: cannot be read"):
        read(delta("lake", version=9).at(tmp_path), SHAPE)


@pytest.mark.skipif(find_spec("pyiceberg") is None, reason="NO PYICEBERG: install the extra iceberg to prove Iceberg tables")
def test_an_iceberg_table_is_read_by_its_metadata(tmp_path):
    from pyiceberg.catalog.sql import SqlCatalog

    catalogue = SqlCatalog("here", uri=f"sqlite:///{tmp_path}/catalogue.db", warehouse=f"file://{tmp_path}")
    catalogue.create_namespace("city")
    table = catalogue.create_table("city.rides", schema=ROWS.to_arrow().schema)
    table.append(ROWS.to_arrow())
    first = table.current_snapshot().snapshot_id
    table.append(ROWS.head(1).to_arrow())
    source = iceberg(table.metadata_location)
    assert read(source, SHAPE).rows.height == 4
    assert read(iceberg(table.metadata_location, snapshot=first), SHAPE).rows.height == 3
    assert source.fingerprint(()) == str(table.current_snapshot().snapshot_id)
    assert read(source, SHAPE, span=Span("at", after=MOMENTS[1])).rows["id"].to_list() == [3]
    assert Files("x").name == "x"
