"""The laws of ``TableStore``; each takes an empty store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import polars as pl

from trimaran.core.errors import InputError, NotFound
from trimaran.core.ports import TableStore
from trimaran.testing.laws import holds, refuses

NOON = datetime(2013, 7, 1, 12, 0, 0, 123456, tzinfo=UTC)


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


def columns_that_do_not_fit_are_refused(store: TableStore) -> None:
    """More, fewer or other columns are refused, and nothing is written; another order fits."""
    store.append("t", rows(0), key="a")
    fresh = rows(3)
    for other in (fresh.with_columns(new=1), fresh.drop("delay"), fresh.with_columns(delay=pl.lit("x"))):
        refuses(InputError, lambda other=other: store.append("t", other, key="b"), "columns must fit")  # type: ignore[misc]
    holds(store.version("t") == 0, "a refused append leaves no version")
    store.append("t", fresh.select(sorted(fresh.columns)), key="b")
    holds(store.read("t").collect().sort("at").tail(3).equals(fresh), "columns are matched by name")


def a_name_leads_nowhere_else(store: TableStore) -> None:
    """Take a name for a label, never for a way out of the store."""
    for name in ("", "/etc", "../t", "a/../b", "a//b", "s3://bucket/t", ".hidden"):
        refuses(InputError, lambda name=name: store.append(name, rows(0), key="a"), f"{name!r} is no name")  # type: ignore[misc]


LAWS: tuple[Callable[[TableStore], None], ...] = (
    a_table_that_does_not_exist_says_so,
    versions_count_from_0,
    rows_come_back_as_they_were,
    a_key_is_appended_once,
    a_version_stays_as_it_is,
    columns_that_do_not_fit_are_refused,
    a_name_leads_nowhere_else,
)
