"""Tables in Delta Lake: the port's laws, several writers, and readers that are not ours."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from trimaran.backends.delta_tables import DeltaTables
from trimaran.core.errors import InputError, NotFound
from trimaran.core.ports import TableStore
from trimaran.testing import tables_kit


@pytest.mark.parametrize("law", tables_kit.LAWS, ids=lambda law: law.__name__)
def test_it_keeps_the_laws_of_a_table_store(law: Callable[[TableStore], None], tmp_path: Path) -> None:
    law(DeltaTables(tmp_path))


def test_writers_that_meet_lose_and_double_nothing(tmp_path: Path) -> None:
    stores = [DeltaTables(tmp_path) for _ in range(4)]

    def write(number: int) -> list[int]:
        # Neighbours share every other key, so that some appends race for the same one.
        return [stores[number].append("t", tables_kit.rows(n), key=f"{n if n % 2 else (number, n)}") for n in range(6)]

    with ThreadPoolExecutor(4) as pool:
        versions = list(pool.map(write, range(4)))
    table = DeltaTables(tmp_path)
    distinct = {version for written in versions for version in written}
    assert distinct == set(range(3 + 4 * 3))
    assert table.read("t").collect().height == 3 * len(distinct)
    for n in (1, 3, 5):
        assert len({written[n] for written in versions}) == 1


def test_the_key_is_inside_the_commit_of_its_rows(tmp_path: Path) -> None:
    DeltaTables(tmp_path).append("t", tables_kit.rows(0), key="a")
    assert DeltaTable(tmp_path / "t").transaction_version("a") == 0
    assert DeltaTables(tmp_path).append("t", tables_kit.rows(0), key="a") == 0


def test_compaction_keeps_every_row_and_every_version(tmp_path: Path) -> None:
    store = DeltaTables(tmp_path)
    for n in range(5):
        store.append("t", tables_kit.rows(3 * n), key=f"k{n}")
    before = store.read("t").collect().sort("id")
    version = store.compact("t")
    assert len(DeltaTable(tmp_path / "t").file_uris()) == 1
    assert store.read("t").collect().sort("id").equals(before)
    assert store.read("t", 2).collect().height == 9
    assert store.append("t", tables_kit.rows(99), key="after") == version + 1
    assert store.append("t", tables_kit.rows(0), key="k0") == 0


def test_a_table_that_is_not_there_cannot_be_compacted(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="append to it first"):
        DeltaTables(tmp_path).compact("t")


def test_types_that_delta_lacks_are_widened_or_refused(tmp_path: Path) -> None:
    store = DeltaTables(tmp_path)
    rows = pl.DataFrame({"small": pl.Series([255], dtype=pl.UInt8), "word": pl.Series(["a"], dtype=pl.Categorical)})
    store.append("t", rows, key="a")
    assert store.read("t").collect().to_dicts() == [{"small": 255, "word": "a"}]
    with pytest.raises(InputError) as caught:
        store.append("u", pl.DataFrame({"none": [None], "long": pl.Series([1], dtype=pl.UInt64)}), key="a")
    assert len(caught.value.faults) == 2
    assert store.version("u") is None
