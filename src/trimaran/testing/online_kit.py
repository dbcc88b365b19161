"""The laws of ``OnlineStore``; each takes an empty store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import polars as pl

from trimaran.core.ports import OnlineStore
from trimaran.testing.laws import holds

NOON = datetime(2013, 7, 1, 12, 0, 0, 123456, tzinfo=UTC)


def facts(hours: int, rows: int = 2) -> pl.DataFrame:
    """Return rows whose newest moment is some hours after noon."""
    moments = [NOON + timedelta(hours=hours - row) for row in range(rows)]
    return pl.DataFrame(
        {"at": pl.Series(moments, dtype=pl.Datetime("us", "UTC")), "wind": [float(row) for row in range(rows)]}
    )


def nothing_pushed_is_mark_0(store: OnlineStore) -> None:
    """Tell of nothing new for an unknown product."""
    holds(store.mark("p") == 0 and store.since("p", 0) == (0, []), "the mark of nothing is 0")


def since_returns_what_came_after_a_mark(store: OnlineStore) -> None:
    """In order of pushing, with types and values intact, and of one product."""
    store.push("p", "weather", facts(0), key="a")
    first = store.mark("p")
    store.push("p", "planes", facts(1).with_columns(seats=pl.lit(None, pl.Int16)), key="b")
    store.push("q", "weather", facts(9), key="a")
    store.push("p", "weather", facts(2), key="c")
    mark, batches = store.since("p", first)
    holds(mark == store.mark("p") > first, "the mark rises")
    holds([table for table, _ in batches] == ["planes", "weather"], "batches come oldest first")
    holds(batches[1][1].equals(facts(2)) and batches[1][1].schema == facts(2).schema, "rows come back as they were")
    holds(batches[0][1].schema["seats"] == pl.Int16, "types come back as they were")
    holds(store.since("p", mark) == (mark, []), "nothing is new after the newest mark")
    holds(len(store.since("p", 0)[1]) == 3, "from 0, everything comes")


def a_key_is_pushed_once(store: OnlineStore) -> None:
    """Change nothing for the same key, even with other rows; another table may use it."""
    store.push("p", "weather", facts(0), key="a")
    mark = store.mark("p")
    store.push("p", "weather", facts(5), key="a")
    holds(store.mark("p") == mark and len(store.since("p", 0)[1]) == 1, "a repeated key changes nothing")
    store.push("p", "planes", facts(0), key="a")
    holds(len(store.since("p", 0)[1]) == 2, "a key belongs to its table")


def trim_forgets_only_what_is_too_old(store: OnlineStore) -> None:
    """Let the newest moment of a batch decide; the mark, used keys and facts without moments stay."""
    store.push("p", "weather", facts(0), key="a")
    store.push("p", "weather", facts(5, rows=3), key="b")
    store.push("p", "planes", pl.DataFrame({"seats": [1]}), key="c")
    store.push("p", "other", facts(0), key="d")
    mark = store.mark("p")
    holds(store.trim("p", "weather", NOON) == 0, "a fact at the bound is kept")
    holds(store.removable("p", "weather", NOON + timedelta(hours=1)) == 2, "what would go is known beforehand")
    old, all_ = (store.weight("p", "weather", NOON + timedelta(hours=hours)) for hours in (1, 24))
    holds(0 < old < all_ and store.weight("p", "weather", NOON) == 0, "so is how many bytes that are")
    holds(store.trim("p", "weather", NOON + timedelta(hours=1)) == 2, "trim returns the number of rows forgotten")
    holds(store.trim("p", "planes", NOON + timedelta(days=999)) == 0, "facts without moments do not age")
    holds([table for table, _ in store.since("p", 0)[1]] == ["weather", "planes", "other"], "the rest stays")
    store.push("p", "weather", facts(0), key="a")
    holds(store.mark("p") == mark, "a forgotten batch is not pushed again")
    for table in ("weather", "other"):
        store.trim("p", table, NOON + timedelta(days=1))
    holds(store.since("p", 0)[0] == mark == store.mark("p"), "the mark never falls")


def facts_are_erased_by_what_they_say(store: OnlineStore) -> None:
    """Remove rows from every batch of a product; marks, keys, types and other rows stay."""
    planes = pl.DataFrame({"tail": ["N1", "N2"], "seats": pl.Series([1, 2], dtype=pl.Int16)})
    store.push("p", "planes", planes, key="a")
    store.push("p", "weather", facts(0), key="b")
    store.push("p", "planes", planes.head(1), key="c")
    store.push("q", "planes", planes, key="a")
    mark = store.mark("p")
    found = store.matching("p", {"tail": ["N1"], "gone": ["x"]})
    holds({name: rows.height for name, rows in found.items()} == {"planes": 2}, "matching finds the rows of every batch")
    holds(store.erase("p", {"tail": ["N1"]}) == 2 and store.erase("p", {"tail": ["N1"]}) == 0, "erase counts what went")
    batches = store.since("p", 0)[1]
    holds(batches[0][1].equals(planes.tail(1)) and batches[0][1].schema == planes.schema, "other rows stay as they were")
    holds(batches[1][1].equals(facts(0)) and store.mark("p") == mark, "other tables and the mark stay")
    holds(store.since("q", 0)[1][0][1].height == 2, "another product's stay")
    store.push("p", "planes", planes, key="a")
    holds(store.mark("p") == mark, "a key stays used")


LAWS: tuple[Callable[[OnlineStore], None], ...] = (
    nothing_pushed_is_mark_0,
    since_returns_what_came_after_a_mark,
    a_key_is_pushed_once,
    trim_forgets_only_what_is_too_old,
    facts_are_erased_by_what_they_say,
)
