"""The rows of a Delta table are read in the order of their deliveries, whoever merged its files; what is not asked for is skipped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import DeltaTable, write_deltalake

from trimaran.backends.delta_order import Order
from trimaran.backends.delta_tables import DeltaTables
from trimaran.testing.tables_kit import NEVER

DELIVERED = [5, 3, 4, 9, 1, 7]


def grown(root: Path) -> DeltaTables:
    store = DeltaTables(root)
    for number in DELIVERED:
        store.append("t", pl.DataFrame({"x": [number]}), key=f"k{number}")
    return store


def read(root: Path, version: int | None = None) -> list[int]:
    return DeltaTables(root).read("t", version).collect()["x"].to_list()


def merged_elsewhere(root: Path) -> None:
    """Merge files as another engine does, and as we once did: newest first."""
    DeltaTable(root / "t").optimize.compact()
    files = DeltaTable(root / "t").file_uris()
    assert len(files) == 1
    assert pl.read_parquet(files[0])["x"].to_list() != DELIVERED


def test_what_another_engine_merged_is_read_from_the_files_it_merged(tmp_path: Path) -> None:
    grown(tmp_path)
    merged_elsewhere(tmp_path)
    assert read(tmp_path) == DELIVERED
    DeltaTables(tmp_path).append("t", pl.DataFrame({"x": [2]}), key="after")
    assert read(tmp_path) == [*DELIVERED, 2]
    DeltaTable(tmp_path / "t").optimize.compact()
    assert read(tmp_path) == [*DELIVERED, 2]
    assert DeltaTables(tmp_path).read("t").filter(pl.col("x") > 4).collect()["x"].to_list() == [5, 9, 7]


def test_what_another_engine_merged_is_merged_anew_in_order(tmp_path: Path) -> None:
    store = grown(tmp_path)
    merged_elsewhere(tmp_path)
    version = store.compact("t")
    store.let_go("t", [], before=NEVER)
    assert read(tmp_path) == DELIVERED
    assert len(list((tmp_path / "t").glob("*.parquet"))) == 1
    assert store.compact("t") == version


def test_of_what_another_engine_merged_rows_are_erased_and_the_others_keep_their_order(tmp_path: Path) -> None:
    store = grown(tmp_path)
    merged_elsewhere(tmp_path)
    assert store.erase("t", {"x": ["4"]}) == 1
    assert read(tmp_path) == [5, 3, 9, 1, 7]
    assert read(tmp_path, 3) == [5, 3, 9]


def test_many_files_of_one_delivery_are_read_as_it_gave_its_rows(tmp_path: Path) -> None:
    rows = pl.DataFrame({"x": range(200_000), "y": [n * 7919 % 199_999 for n in range(200_000)]})
    write_deltalake(tmp_path / "t", rows, target_file_size=100_000)
    assert len(DeltaTable(tmp_path / "t").file_uris()) > 2
    assert DeltaTables(tmp_path).read("t").collect().equals(rows)
    DeltaTables(tmp_path).compact("t")
    assert DeltaTables(tmp_path).read("t").collect().equals(rows)


def test_what_is_in_the_middle_is_merged_with_its_neighbours_only(tmp_path: Path) -> None:
    grown(tmp_path)
    order = Order(tmp_path / "t")
    order.learn(len(DELIVERED))
    table = DeltaTable(tmp_path / "t")
    sizes = dict.fromkeys(table.file_uris(), 1) | {order.sort(table.file_uris())[2]: 10}
    runs = list(order.runs(sizes, 10))
    named = [[pl.read_parquet(file)["x"].item() for file in run] for run in runs]
    assert named == [DELIVERED[:2], DELIVERED[3:]]


def test_files_that_cannot_hold_what_is_asked_for_are_not_opened(tmp_path: Path) -> None:
    store = grown(tmp_path)
    kept = store.read("t").filter(pl.col("x") == 9)
    for file in DeltaTable(tmp_path / "t").file_uris():
        if pl.read_parquet(file)["x"].item() != 9:
            Path(file).write_bytes(b"x" * Path(file).stat().st_size)
    assert kept.collect()["x"].to_list() == [9]


def test_a_log_whose_early_commits_were_cleaned_up_is_read_with_what_is_left_of_it(tmp_path: Path) -> None:
    grown(tmp_path)
    DeltaTable(tmp_path / "t").create_checkpoint()
    DeltaTables(tmp_path).append("t", pl.DataFrame({"x": [2]}), key="after")
    for version in range(3):
        (tmp_path / "t" / "_delta_log" / f"{version:020}.json").unlink()
    found = read(tmp_path)
    assert sorted(found[:3]) == sorted(DELIVERED[:3])
    assert found[3:] == [*DELIVERED[3:], 2]


def test_merging_says_what_other_engines_need_to_know(tmp_path: Path) -> None:
    grown(tmp_path).compact("t")
    commit = (tmp_path / "t" / "_delta_log" / f"{len(DELIVERED):020}.json").read_text().splitlines()
    actions: list[dict[str, Any]] = [json.loads(line) for line in commit]
    assert [next(iter(action)) for action in actions] == ["commitInfo", *["remove"] * len(DELIVERED), "add"]
    assert not any(action[kind]["dataChange"] for action in actions for kind in action if kind != "commitInfo")
    assert sorted(pl.scan_delta(str(tmp_path / "t")).collect()["x"]) == sorted(DELIVERED)
