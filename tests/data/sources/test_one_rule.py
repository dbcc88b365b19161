"""The one rule for what is no ordinary value: the same rows meet the same verdicts, whatever source they come from."""

import json
import math
import sqlite3
from importlib.util import find_spec

import pandas as pd
import polars as pl
import pytest

from trimaran.data.contracts import Finite, Length, Pattern, Range, Required, Values, judge
from trimaran.data.sources import Files, Shape, delta, frame, iceberg, read, rows, sql

INF, NAN = math.inf, math.nan
SCHEMA = pl.Schema({"id": pl.Int64(), "number": pl.Float64(), "whole": pl.Int64(), "text": pl.String()})
ROWS = pl.DataFrame(
    {
        "id": range(9),
        "number": [1.5, None, NAN, INF, -INF, -0.0, 2.0**53, 1e308, 5.0],
        "whole": [1, None, 2**53 + 1, -(2**63), 2**63 - 1, 0, 7, 7, 7],
        "text": ["ab", None, "", "ab\n", "abc", "ÄB", "a b", "\nab", " ab"],
    },
    schema=SCHEMA,
)
BROKEN = {
    Required(columns=("number",)): [1],
    Finite(columns=("number",)): [2, 3, 4],
    Range(columns=("number",), low=0, high=1e300): [2, 3, 4, 7],
    Range(columns=("number",), low=0, open_low=True): [2, 4, 5],
    Values(columns=("number",), values=(0, 1.5, 5)): [2, 3, 4, 6, 7],
    Range(columns=("whole",), high=2**53): [2, 4],
    Required(columns=("text",)): [1],
    Pattern(columns=("text",), pattern="[a-z]+"): [2, 3, 5, 6, 7, 8],
    Length(columns=("text",), low=1, high=2): [2, 3, 4, 6, 7, 8],
}
"""Checks, and the rows that break each."""

LACKS = {"CSV": {"text"}, "SQLite": {"number"}, "pandas": {"number"}}
"""Sources that cannot tell the odd value of row 2 from none, and the column: empty text, or NaN."""


def of_parquet(root):
    ROWS.write_parquet(root / "rows.parquet")
    return Files("rows.parquet").at(root)


def of_csv(root):
    ROWS.write_csv(root / "rows.csv")
    return Files("rows.csv").at(root)


def of_json(root):
    (root / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in ROWS.to_dicts()))
    return Files("rows.jsonl").at(root)


def of_sqlite(root):
    with sqlite3.connect(root / "rows.db") as connection:
        connection.execute("CREATE TABLE rows (id INTEGER, number REAL, whole INTEGER, text TEXT)")
        connection.executemany("INSERT INTO rows VALUES (?, ?, ?, ?)", ROWS.rows())
    connection.close()
    return sql("SELECT * FROM rows", "rows.db").at(root)


def of_delta(root):
    ROWS.write_delta(root / "lake")
    return delta("lake").at(root)


def of_iceberg(root):
    if find_spec("pyiceberg") is None:
        pytest.skip("NO PYICEBERG: install the extra iceberg to prove Iceberg tables")
    from pyiceberg.catalog.sql import SqlCatalog

    catalogue = SqlCatalog("here", uri=f"sqlite:///{root}/catalogue.db", warehouse=f"file://{root}")
    catalogue.create_namespace("city")
    table = catalogue.create_table("city.rows", schema=ROWS.to_arrow().schema)
    table.append(ROWS.to_arrow())
    return iceberg(table.metadata_location)


def of_pandas(_root):
    columns = ROWS.to_dict(as_series=False) | {"whole": pd.array(ROWS["whole"].to_list(), dtype="Int64")}
    return frame(pd.DataFrame(columns), "rows")


SOURCES = {
    "Parquet": of_parquet,
    "CSV": of_csv,
    "JSON lines": of_json,
    "SQLite": of_sqlite,
    "Delta": of_delta,
    "Iceberg": of_iceberg,
    "pandas": of_pandas,
    "Polars": lambda _: frame(ROWS, "rows"),
    "Arrow": lambda _: frame(ROWS.to_arrow(), "rows"),
    "a function": lambda _: rows(lambda since, until: ROWS.filter(since == until)),
}


@pytest.mark.parametrize("name", SOURCES)
def test_the_same_rows_meet_the_same_verdicts(name, tmp_path):
    holds(SOURCES[name](tmp_path), LACKS.get(name, set()))


def test_they_do_in_postgresql(postgres_server, postgres_url):
    postgres_server.execute("CREATE TABLE rows (id int8, number float8, whole int8, text text)", postgres_url)
    for row in ROWS.iter_rows():
        said = ", ".join("NULL" if value is None else f"'{value}'" for value in row)
        postgres_server.execute(f"INSERT INTO rows VALUES ({said})", postgres_url)
    holds(sql("SELECT * FROM rows", postgres_url), set())


def holds(source, lacks):
    """Read a source and hold every check to the rows that break it; what the source lacks is null in row 2."""
    found = read(source, Shape("rows", SCHEMA))
    assert found.unreadable.is_empty()
    got = found.rows.sort("id")
    odd = [pl.when(pl.col("id") != 2).then(name).alias(name) for name in lacks]
    assert got.equals(ROWS.with_columns(odd))
    for check, broken in BROKEN.items():
        refused = got["id"].filter(judge([check], got).refused).to_list()
        null = check.columns[0] in lacks
        wanted = [row for row in broken if not (null and row == 2)]
        assert refused == (sorted([*wanted, 2]) if null and isinstance(check, Required) else wanted), check.words
