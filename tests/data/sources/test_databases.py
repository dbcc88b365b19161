"""SQL queries over real SQLite files and a real PostgreSQL: types, spans, drift, and no password anywhere."""

import sqlite3
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from trimaran.core.errors import DefinitionError, InputError, NotFound, Unavailable
from trimaran.data.declaration import Declaration
from trimaran.data.sources import Shape, Span, read, sql

MOMENT = datetime(2013, 1, 1, 10, tzinfo=UTC)
KINDS = {"id": pl.Int64(), "at": pl.Datetime("us", "UTC"), "wind": pl.Float64(), "name": pl.String()}
SHAPE = Shape("rides", pl.Schema(KINDS), frozenset({"at"}), frozenset({"id", "at"}))


@pytest.fixture
def lite(tmp_path):
    with sqlite3.connect(tmp_path / "city.db") as connection:
        connection.execute("CREATE TABLE rides (id INTEGER, at TEXT, wind REAL, name TEXT)")
        given = [
            (number, (MOMENT + timedelta(hours=number)).isoformat(), number / 2, f"ride {number}") for number in range(10)
        ]
        connection.executemany("INSERT INTO rides VALUES (?, ?, ?, ?)", given)
    connection.close()
    return lambda statement="SELECT * FROM rides", **more: sql(statement, "city.db", **more).at(tmp_path)


def change(tmp_path, statement):
    with sqlite3.connect(tmp_path / "city.db") as connection:
        connection.execute(statement)
    connection.close()


def test_sqlite_text_that_is_a_moment_is_one_and_every_row_comes(lite):
    assert lite().schema({"at"}) == SHAPE.schema
    found = read(lite(), SHAPE)
    assert found.rows["at"].to_list() == [MOMENT + timedelta(hours=number) for number in range(10)]
    assert (found.unreadable.height, found.drift) == (0, [])


def test_sqlite_chooses_the_rows_of_a_span_itself(lite, tmp_path):
    span = Span("at", after=MOMENT + timedelta(hours=6), until=MOMENT + timedelta(hours=8))
    assert set(read(lite(), SHAPE, span=span).rows["id"]) == {7, 8}
    assert read(lite(), SHAPE, span=Span("id", after=7)).rows["id"].to_list() == [8, 9]
    parts = list(lite().parts(SHAPE, Span("id", after=7), None))
    assert sum(part.rows.height for part in parts) == 2


def test_the_fingerprint_of_a_query_follows_new_rows_and_values_that_become_known(lite, tmp_path):
    first = lite().fingerprint({"at"})
    assert lite().fingerprint({"at"}) == first
    assert lite().fingerprint(()) is None
    change(tmp_path, "UPDATE rides SET at = NULL WHERE id = 3")
    second = lite().fingerprint({"at"})
    change(tmp_path, "INSERT INTO rides VALUES (10, '2013-01-01T10:00:00Z', 1, 'x')")
    assert len({first, second, lite().fingerprint({"at"})}) == 3


def test_a_sqlite_value_of_another_type_is_refused_by_its_row(lite, tmp_path):
    change(tmp_path, "UPDATE rides SET wind = 'calm' WHERE id = 3")
    found = read(lite(), SHAPE)
    assert found.rows["id"].to_list() == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert found.unreadable["refused_at"].to_list() == ["city.db: SELECT * FROM rides, row 4: wind 'calm'"]


def test_a_query_that_cannot_be_is_named_and_one_that_writes_is_refused(lite, tmp_path):
    with pytest.raises(Unavailable, match="no such table"):
        read(lite("SELECT * FROM nowhere"), SHAPE)
    with pytest.raises(InputError, match="'id' twice"):
        read(lite("SELECT id, id FROM rides"), SHAPE)
    with pytest.raises((InputError, Unavailable)):
        read(lite("DELETE FROM rides RETURNING *"), SHAPE)
    assert read(lite(), SHAPE).rows.height == 10
    with pytest.raises(NotFound, match=r"there is no file .*none\.db"):
        read(sql("SELECT 1", "none.db").at(tmp_path), SHAPE)
    assert not (tmp_path / "none.db").exists()


def test_faults_of_a_query_are_told_together_and_never_repeat_the_password():
    with pytest.raises(DefinitionError) as told:
        sql("  ", "postgresql://ana:tests-secret@db/city")
    assert "the query is empty" in str(told.value)
    assert "TRIMARAN_SQL_PASSWORD" in str(told.value)
    assert "tests-secret" not in str(told.value)
    for url in ("postgresql://ana@db/city?password=tests-secret", "oracle://ana@db/city"):
        with pytest.raises(DefinitionError) as told:
            sql("SELECT 1", url)
        assert "tests-secret" not in str(told.value)


def test_a_query_without_a_name_is_a_fault_of_the_declaration():
    product = Declaration("delay", owner="ops", predict_at="at")
    product.table(sql("SELECT 1", "city.db"), key="id")
    with pytest.raises(DefinitionError, match=r"has no name; give it one: name="):
        product.freeze()


@pytest.fixture
def city(postgres_server, postgres_url):
    postgres_server.execute(
        "CREATE TABLE rides (id bigint, at timestamptz, wind float8, name text, day date, fare numeric(10, 2), ok boolean, extra jsonb);"
        "INSERT INTO rides SELECT n, timestamptz '2013-01-01 10:00Z' + n * interval '1 hour', n / 2.0, 'ride ' || n,"
        " date '2013-01-01', 7.25, true, '{}' FROM generate_series(0, 99999) AS n;"
        "INSERT INTO rides (id) VALUES (9223372036854775807)",
        postgres_url,
    )
    return postgres_url


def test_postgres_says_its_types_and_every_row_comes_in_batches(city):
    source = sql("SELECT * FROM rides;", city)
    kinds = KINDS | {"day": pl.Date(), "fare": pl.Float64(), "ok": pl.Boolean(), "extra": pl.String()}
    assert source.schema({"at"}) == pl.Schema(kinds)
    shape = Shape("rides", pl.Schema(kinds), frozenset({"at"}))
    parts = list(source.parts(shape, None, None))
    assert [part.rows.height for part in parts] == [50_000, 50_000, 1]
    found = read(source, shape)
    assert found.rows.row(0) == (0, MOMENT, 0.0, "ride 0", date(2013, 1, 1), 7.25, True, "{}")
    assert found.rows["id"].max() == 2**63 - 1
    assert found.rows.height == 100_001


def test_postgres_chooses_the_rows_of_a_span_and_those_without_a_time_itself(city):
    span = Span("at", after=MOMENT + timedelta(hours=99_997))
    parts = list(sql("SELECT * FROM rides", city).parts(SHAPE, span, None))
    assert sum(part.rows.height for part in parts) == 3
    assert set(read(sql("SELECT * FROM rides", city), SHAPE, span=span).rows["id"]) == {99_998, 99_999, 2**63 - 1}


def test_a_percent_sign_and_a_colon_in_a_query_are_the_authors(city):
    source = sql("SELECT id, at, wind, name FROM rides WHERE name LIKE 'ride 99%' AND id::text <> ':x'", city)
    assert read(source, SHAPE, span=Span("id", after=99_990)).rows.height == 9


def test_a_column_that_postgres_renamed_breaks_the_contract(city, postgres_server):
    source = sql("SELECT * FROM rides", city)
    postgres_server.execute("ALTER TABLE rides RENAME COLUMN id TO ids", city)
    with pytest.raises(InputError, match=r"column 'id' is missing, declared as Int64; 'ids' came instead: was it renamed"):
        read(source, SHAPE)


def test_the_password_comes_from_the_environment_and_stands_nowhere_else(postgres_server, monkeypatch):
    postgres_server.execute(f"DROP ROLE IF EXISTS {postgres_server.walled}")
    postgres_server.execute(f"CREATE ROLE {postgres_server.walled} LOGIN PASSWORD '{postgres_server.password}'")
    try:
        source = sql("SELECT 1 AS id", postgres_server.url("postgres", postgres_server.walled), password="CITY_PASSWORD")
        with pytest.raises(Unavailable) as told:
            source.schema(())
        assert "cannot be asked" in str(told.value)
        monkeypatch.setenv("CITY_PASSWORD", "tests-wrong-password")
        with pytest.raises(Unavailable) as told:
            source.schema(())
        assert "tests-wrong-password" not in str(told.value) + repr(told.value.__context__)
        monkeypatch.setenv("CITY_PASSWORD", postgres_server.password)
        assert source.schema(()) == pl.Schema({"id": pl.Int32()})
        assert postgres_server.password not in source.label + repr(source)
    finally:
        postgres_server.execute(f"DROP ROLE {postgres_server.walled}")


def test_a_server_that_is_gone_is_unavailable():
    with pytest.raises(Unavailable, match=r"postgresql://ana@127\.0\.0\.1:1/city cannot be asked"):
        sql("SELECT 1", "postgresql://ana@127.0.0.1:1/city").schema(())
