"""Tables are read by DuckDB and pandas in processes that have no trimaran: at every version, whatever was done to the table."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from trimaran.backends.delta_tables import DeltaTables
from trimaran.testing import tables_kit

ALONE = """
import json, sys
sys.modules["trimaran"] = None  # whoever imports it fails
path, version = sys.argv[1], int(sys.argv[2])
"""
SAID = """
print(json.dumps(sorted(rows, key=lambda row: row["id"])))
assert not [name for name in sys.modules if name.startswith("trimaran.")]
"""
DUCKDB = """
from pathlib import Path
import duckdb, duckdb_extension_delta
(delta,) = Path(duckdb_extension_delta.__file__).parent.rglob("delta.duckdb_extension")
connection = duckdb.connect()
connection.execute(f"LOAD '{delta}'")
connection.execute("SET TimeZone = 'America/New_York'")
texts = "strftime(\\"at\\" AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%f+00:00') AS \\"at\\", strftime(local, '%Y-%m-%dT%H:%M:%S') AS local"
query = f"SELECT * REPLACE ({texts}, day::VARCHAR AS day) FROM delta_scan(?, version => ?)"
found = connection.execute(query, [path, version])
names = [column[0] for column in found.description]
rows = [dict(zip(names, row)) for row in found.fetchall()]
"""
PANDAS = """
import deltalake, pandas
frame = deltalake.DeltaTable(path, version=version).to_pandas(types_mapper=pandas.ArrowDtype)
frame = frame.astype(object).where(frame.notna(), None)
rows = frame.to_dict("records")
for row in rows:
    row |= {"at": row["at"].tz_convert("UTC").isoformat(), "local": row["local"].isoformat(), "day": row["day"].isoformat()}
    row["notes"] = list(row["notes"])
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> DeltaTables:
    """A table that rows came to, that was merged, got a column, lost a person, and of which versions were let go."""
    made = DeltaTables(tmp_path_factory.mktemp("tables"))
    for number in range(4):
        made.append("p/t", tables_kit.rows(3 * number), key=f"k{number}")
    made.compact("p/t")
    made.append("p/t", tables_kit.rows(12).with_columns(new=pl.lit(1)), key="k4", evolve=True)
    made.erase("p/t", {"id": ["f4"]})
    made.let_go("p/t", [0], before=datetime(2200, 1, 1, tzinfo=UTC))
    return made


@pytest.mark.parametrize("version", [0, 4, 5])
@pytest.mark.parametrize("reader", [DUCKDB, PANDAS], ids=["DuckDB", "pandas"])
def test_another_engine_reads_what_we_read(store: DeltaTables, reader: str, version: int) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE + reader + SAID, store.root / "p" / "t", str(version)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ours(store, version)


def test_a_version_that_was_let_go_is_no_rows_to_another_engine_but_an_error(store: DeltaTables) -> None:
    command = [sys.executable, "-I", "-c", ALONE + DUCKDB + SAID, store.root / "p" / "t", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "parquet" in done.stderr


def ours(store: DeltaTables, version: int) -> list[dict[str, Any]]:
    rows = store.read("p/t", version).collect().sort("id")
    return [
        row | {"at": row["at"].isoformat(), "local": row["local"].isoformat(), "day": row["day"].isoformat()}
        for row in rows.to_dicts()
    ]
