"""The laws of ``TableStore``; each takes an empty store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import polars as pl

from trimaran.core.errors import InputError, NotFound
from trimaran.core.ports import TableStore
from trimaran.testing.laws import holds, refuses

NOON = datetime(2013, 7, 1, 12, 0, 0, 123456, tzinfo=UTC)
LONG_AGO = datetime(1980, 1, 1, tzinfo=UTC)
NEVER = datetime(2200, 1, 1, tzinfo=UTC)
"""No version was the newest at or after this moment: none is kept for being young."""


def rows(first: int, count: int = 3) -> pl.DataFrame:
    """Return rows of every type a product's table is likely to have, with nulls."""
    numbers = range(first, first + count)
    return pl.DataFrame(
        {
            "id": [f"f{number}" for number in numbers],
            "at": pl.Series([NOON + timedelta(microseconds=number) for number in numbers], dtype=pl.Datetime("us", "UTC")),
            "local": pl.Series([datetime(2013, 7, 1, 8)] * count, dtype=pl.Datetime("us")),  # noqa: DTZ001 - a time without a zone
            "day": [date(2013, 7, 1)] * count,
            "delay": [None, *(float(number) for number in numbers)][:count],
            "seats": pl.Series(numbers, dtype=pl.Int32),
            "late": [True] * count,
            "notes": [["a", "b"]] * count,
        }
    )


def a_table_that_does_not_exist_says_so(store: TableStore) -> None:
    """No version, and nothing to read."""
    holds(store.version("t") is None, "a table that does not exist has no version")
    refuses(NotFound, lambda: store.read("t"), "a table that does not exist is NotFound")


def versions_count_from_0(store: TableStore) -> None:
    """Each append is a version; tables do not mix."""
    versions = [store.append("p/t", rows(3 * n), key=f"k{n}") for n in range(3)]
    holds(versions == [0, 1, 2] and store.version("p/t") == 2, "versions are 0, 1, 2")
    holds(store.append("p/u", rows(0), key="k0") == 0, "another table counts for itself, with its own keys")


def rows_come_back_as_they_were(store: TableStore) -> None:
    """Values, nulls, types, zones and microseconds."""
    store.append("t", rows(0), key="a")
    found = store.read("t").collect()
    holds(found.schema == rows(0).schema, f"types come back: {found.schema}")
    holds(found.sort("id").equals(rows(0)), "values come back")
    late = store.read("t").filter(pl.col("at") > NOON + timedelta(microseconds=1)).collect()
    holds(late["id"].to_list() == ["f2"], "a filter sees microseconds")


def a_key_is_appended_once(store: TableStore) -> None:
    """Again and again returns the version of the first time."""
    store.append("t", rows(0), key="a")
    store.append("t", rows(3), key="b")
    holds(store.append("t", rows(0), key="a") == 0 and store.append("t", rows(9), key="b") == 1, "a key names its version")
    holds(store.version("t") == 1 and store.read("t").collect().height == 6, "a repeat changes nothing")


def a_version_stays_as_it_is(store: TableStore) -> None:
    """Later appends do not show in an earlier version, nor in a frame read before them."""
    store.append("t", rows(0), key="a")
    before = store.read("t")
    store.append("t", rows(3), key="b")
    holds(store.read("t", 0).collect().sort("id").equals(rows(0)), "version 0 is what it was")
    holds(before.collect().height == 3, "a frame read before an append does not grow")
    for version in (-1, 2):
        refuses(NotFound, lambda version=version: store.read("t", version), "a version that is not there is NotFound")  # type: ignore[misc]


def what_a_version_brought_is_told_apart(store: TableStore) -> None:
    """Neither more nor less than its append; a version that is not there is not found."""
    for n in range(2):
        store.append("t", rows(3 * n), key=f"k{n}")
    for n in range(2):
        holds(store.brought("t", n).sort("id").equals(rows(3 * n)), f"version {n} brought the rows of its append")
    refuses(NotFound, lambda: store.brought("t", 2), "a version that is not there is NotFound")
    refuses(NotFound, lambda: store.brought("none", 0), "nor is one of no table")


def columns_that_do_not_fit_are_refused(store: TableStore) -> None:
    """More, fewer or other columns are refused, and nothing is written; another order fits."""
    store.append("t", rows(0), key="a")
    fresh = rows(3)
    for other in (fresh.with_columns(new=1), fresh.drop("delay"), fresh.with_columns(delay=pl.lit("x"))):
        refuses(InputError, lambda other=other: store.append("t", other, key="b"), "columns must fit")  # type: ignore[misc]
    holds(store.version("t") == 0, "a refused append leaves no version")
    store.append("t", fresh.select(sorted(fresh.columns)), key="b")
    holds(store.read("t").collect().sort("at").tail(3).equals(fresh), "columns are matched by name")


def a_table_gets_more_columns_where_it_may(store: TableStore) -> None:
    """Rows before have none, versions before stay without; what is missing or of another type is refused all the same."""
    store.append("t", rows(0), key="a")
    wider = rows(3).with_columns(new=pl.lit(1))
    for other in (wider.drop("delay"), wider.with_columns(delay=pl.lit("x"))):
        refuses(InputError, lambda other=other: store.append("t", other, key="b", evolve=True), "columns must fit")  # type: ignore[misc]
    holds(store.append("t", wider, key="b", evolve=True) == 1, "more columns make the next version")
    found = store.read("t").collect().sort("id")
    holds(found["new"].to_list() == [None] * 3 + [1] * 3, "rows before have no value")
    holds("new" not in store.read("t", 0).collect_schema(), "a version before has no such column")
    holds(store.append("t", wider, key="b") == 1, "a key is known")
    refuses(InputError, lambda: store.append("t", rows(6), key="c"), "the new column belongs to the table")
    holds(store.append("t", rows(6).with_columns(new=pl.lit(2)), key="c") == 2, "it is appended to as it is now")


def a_name_leads_nowhere_else(store: TableStore) -> None:
    """Take a name for a label, never for a way out of the store."""
    for name in ("", "/etc", "../t", "a/../b", "a//b", "s3://bucket/t", ".hidden"):
        refuses(InputError, lambda name=name: store.append(name, rows(0), key="a"), f"{name!r} is no name")  # type: ignore[misc]


def rows_are_erased_from_every_version(store: TableStore) -> None:
    """Leave versions, keys and other rows as they were; by the text of any of several columns, of any type."""
    for n in range(3):
        store.append("t", rows(3 * n), key=f"k{n}")
    found = store.matching("t", {"id": ["f1", "never"], "seats": ["7"], "no such column": ["f2"]})
    brought = dict(found.select("id", "__version").iter_rows())
    holds(brought == {"f1": 0, "f7": 2}, f"matching rows come with the version that brought them: {brought}")
    holds(store.erase("t", {"id": ["f1"], "seats": ["7"]}) == 2, "erase returns how many rows went")
    for version, wanted in ((0, [0, 2]), (1, [0, 2, 3, 4, 5]), (2, [0, 2, 3, 4, 5, 6, 8])):
        seen = store.read("t", version).collect().sort("seats")
        holds(seen["seats"].to_list() == wanted, f"version {version} is read without the rows")
        holds(seen.schema == rows(0).schema, "types stay")
    holds(store.append("t", rows(0), key="k0") == 0 and store.version("t") == 2, "versions and keys stay")
    holds(store.erase("t", {"id": ["f1"], "seats": ["7"]}) == 0, "a repeat finds nothing")
    holds(store.append("t", rows(9), key="k3") == 3, "the next append is the next version")


def a_version_that_loses_every_row_stays(store: TableStore) -> None:
    """Keep a version without rows readable, and its key used."""
    for n in range(2):
        store.append("t", rows(3 * n), key=f"k{n}")
    holds(store.erase("t", {"id": ["f3", "f4", "f5"]}) == 3, "all rows of a version can go")
    holds(store.read("t", 1).collect().sort("id").equals(rows(0)), "the version reads as the one before")
    holds(store.erase("t", {"id": ["f0", "f1", "f2"]}) == 3 and store.read("t", 0).collect().is_empty(), "even the first")
    holds(store.read("t", 0).collect().schema == rows(0).schema, "an empty version has its columns")
    holds(store.matching("none", {"id": ["f0"]}).is_empty() and not store.erase("none", {"id": ["f0"]}), "no table, no row")


def small_files_are_merged_into_fewer(store: TableStore) -> None:
    """Keep the rows, the versions before and their keys; with nothing to merge there is no new version."""
    holds(store.small("t") == 0, "a table that does not exist has no files")
    refuses(NotFound, lambda: store.compact("t"), "and none to merge")
    for n in range(4):
        store.append("t", rows(3 * n), key=f"k{n}")
    before = store.read("t").collect().sort("id")
    holds(store.small("t") == 4, "each append of few rows is a small file")
    holds(store.compact("t") == 4 and store.small("t") == 1, "they are merged into one")
    holds(store.read("t").collect().sort("id").equals(before), "the rows are those of before")
    for version in range(4):
        holds(store.read("t", version).collect().height == 3 * version + 3, f"version {version} stays readable")
    holds(store.brought("t", 4).is_empty() and not store.commits("t")["changed"][-1], "the new version brought no row")
    holds(store.compact("t") == 4, "one file is not merged again")
    holds(store.append("t", rows(0), key="k0") == 0 and store.append("t", rows(12), key="k4") == 5, "keys are known")


def what_only_unneeded_versions_read_is_let_go(store: TableStore) -> None:
    """Say first what would go; keep the newest version, and those to keep; what went says so."""
    holds(store.let_go("t", [], before=NEVER) == ([], 0, 0), "a table that does not exist has nothing")
    for n in range(4):
        store.append("t", rows(3 * n), key=f"k{n}")
    holds(store.let_go("t", [], before=NEVER) == ([], 0, 0), "the newest version reads every file: none goes")
    store.compact("t")
    said = store.let_go("t", [1], before=NEVER, dry=True)
    holds(said.versions == [2, 3] and said.files == 2 and said.size > 0, f"two files are read by 2 and 3 alone: {said}")
    holds(store.read("t", 3).collect().height == 12, "what is only said changes nothing")
    holds(store.let_go("t", [1], before=LONG_AGO) == ([], 0, 0), "what was the newest lately is kept")
    holds(store.let_go("t", [1], before=NEVER) == said, "what was said is what goes")
    for version in (2, 3):
        refuses(NotFound, lambda version=version: store.read("t", version), f"version {version} says that it went")  # type: ignore[misc]
    holds(store.read("t", 1).collect().sort("id")["id"].to_list() == [f"f{n}" for n in range(6)], "version 1 is kept")
    holds(store.read("t").collect().height == 12, "the newest is kept")
    refuses(NotFound, lambda: store.brought("t", 3), "what a version brought that went cannot be told")
    holds(store.brought("t", 1).height == 3, "what one that is kept brought can")
    holds(store.commits("t")["rows"].to_list() == [3, 6, 9, 12, 12], "the record of every version stays")
    holds(store.let_go("t", [1, 2], before=NEVER) == ([], 0, 0), "again takes nothing")
    holds(store.append("t", rows(0), key="k0") == 0 and store.append("t", rows(12), key="k4") == 5, "keys are known")


def a_version_that_cannot_be_read_keeps_nothing(store: TableStore) -> None:
    """Let what is left of it go, too."""
    for n in range(3):
        store.append("t", rows(3 * n), key=f"k{n}")
    store.compact("t")
    holds(store.let_go("t", [0], before=NEVER).versions == [1, 2], "0 is kept")
    holds(store.let_go("t", [2], before=NEVER).versions == [0], "2 was let go before, and keeps the file of 0 no more")


def rows_are_erased_where_files_were_let_go(store: TableStore) -> None:
    """Find each row once, for the version that has it now, and leave none."""
    for n in range(4):
        store.append("t", rows(3 * n), key=f"k{n}")
    store.compact("t")
    store.let_go("t", [1], before=NEVER)
    wanted = {"id": ["f1", "f7"]}
    found = dict(store.matching("t", wanted).select("id", "__version").iter_rows())
    holds(found == {"f1": 0, "f7": 4}, f"a row counts for the version that brought it, or that merged its file: {found}")
    holds(store.erase("t", wanted) == 2, "each is erased once")
    for version, count in ((0, 2), (1, 5), (4, 10)):
        holds(store.read("t", version).collect().height == count, f"version {version} is read without the rows")
    refuses(NotFound, lambda: store.read("t", 2), "what went stays away")
    holds(store.matching("t", wanted).is_empty() and store.erase("t", wanted) == 0, "a repeat finds nothing")
    holds(store.append("t", rows(12), key="k4") == 5, "the next append is the next version")


def rows_are_read_in_the_order_they_were_delivered(store: TableStore) -> None:
    """Do so for every version: with more columns, after merging, after more merging, after erasing, after files went."""
    made = [rows(number).head(1) for number in (5, 3, 4, 9, 1, 7)]
    for number, one in enumerate(made[:4]):
        store.append("t", one, key=f"k{number}")
    store.append("t", pl.concat([made[4], rows(20, 3), made[0]]).with_columns(new=1), key="k4", evolve=True)
    store.append("t", made[5].with_columns(new=2), key="k5")
    delivered = [5, 3, 4, 9, 1, 20, 21, 22, 5, 7]

    def are(wanted: list[int], version: int | None, when: str) -> None:
        seen = store.read("t", version).collect()["seats"].to_list()
        holds(
            seen == wanted, f"{when} version {version} has the rows in the order they were delivered: {seen}, not {wanted}"
        )

    for version, count in enumerate((1, 2, 3, 4, 9, 10)):
        are(delivered[:count], version, "as appended,")
    holds(store.read("t").collect()["new"].to_list() == [None] * 4 + [1] * 5 + [2], "the new column belongs to its rows")
    holds(store.compact("t") == 6, "they are merged")
    are(delivered, 6, "merged,")
    holds(store.read("t").collect()["new"].to_list() == [None] * 4 + [1] * 5 + [2], "merged, too")
    store.append("t", rows(2, 2).with_columns(new=3), key="k6")
    store.append("t", rows(0).head(1).with_columns(new=3), key="k7")
    are([*delivered, 2, 3], 7, "appended to what was merged,")
    store.compact("t")
    are([*delivered, 2, 3, 0], None, "merged again,")
    store.erase("t", {"seats": ["4", "21", "2"]})
    left = [5, 3, 9, 1, 20, 22, 5, 7, 3, 0]
    are(left, None, "erased from,")
    are(left[:3], 3, "erased from,")
    are(left[:9], 7, "erased from,")
    store.let_go("t", [4], before=NEVER)
    store.append("t", rows(6).head(1).with_columns(new=4), key="k8")
    are(left[:7], 4, "kept,")
    are([*left, 6], None, "appended to after files went,")
    holds(store.read("t").filter(pl.col("seats") > 6).collect()["seats"].to_list() == [9, 20, 22, 7], "so are some of them")


LAWS: tuple[Callable[[TableStore], None], ...] = (
    a_table_that_does_not_exist_says_so,
    versions_count_from_0,
    rows_come_back_as_they_were,
    a_key_is_appended_once,
    a_version_stays_as_it_is,
    what_a_version_brought_is_told_apart,
    a_table_gets_more_columns_where_it_may,
    columns_that_do_not_fit_are_refused,
    a_name_leads_nowhere_else,
    rows_are_erased_from_every_version,
    a_version_that_loses_every_row_stays,
    small_files_are_merged_into_fewer,
    what_only_unneeded_versions_read_is_let_go,
    a_version_that_cannot_be_read_keeps_nothing,
    rows_are_erased_where_files_were_let_go,
    rows_are_read_in_the_order_they_were_delivered,
)
