"""Rows that are read again and again: always what the store holds, and little of it is read twice."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from trimaran.app.captured import CapturedRows
from trimaran.backends.sqlite_captures import SqliteCaptures
from trimaran.core.nouns import Label, Prediction

START = datetime(2013, 7, 1, tzinfo=UTC)
DAY = timedelta(days=1)
COLUMNS = ("id", "score", "label", "features")
ACTS = st.one_of(
    st.tuples(st.just("capture"), st.integers(0, 4), st.integers(1, 3)),
    st.tuples(st.just("label"), st.integers(0, 40), st.booleans()),
    st.tuples(st.just("erase"), st.integers(0, 40), st.just(0)),
    st.tuples(st.just("trim"), st.integers(1, 3), st.just(0)),
    st.tuples(st.just("look"), st.integers(0, 6), st.just(0)),
    st.tuples(st.just("night"), st.just(0), st.just(0)),
)


class Counted(SqliteCaptures):
    """A store that counts the rows that were read from it."""

    read = 0

    def frame(self, product, **bounds):
        found = super().frame(product, **bounds)
        self.read += found.height
        return found


def prediction(name, at):
    return Prediction(
        id=name, product="p", version=1, role="live", mode="http", event_at=at, asked_at=at, score=0.5,
        features=[1.0, None], notes=[], seconds=0.01, caller="kit",
    )  # fmt: skip


def label(name, value, at):
    return Label(id=name, product="p", value=value, known_at=at, joined_at=at)


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTS, min_size=5, max_size=30))
def test_whatever_happens_in_between_a_look_gives_what_the_store_holds(acts):
    with TemporaryDirectory() as folder:
        store = SqliteCaptures(Path(folder) / "captures.db")
        rows, now, made = CapturedRows(store, "p", COLUMNS), START, 0
        for act, number, more in acts:
            if act == "capture":  # some come days late
                store.record([prediction(f"r{made + each}", now - number * DAY) for each in range(more)])
                made += more
            elif act == "label":
                store.join([label(f"r{number}", 1.0 if more else None, now)])
            elif act == "erase":
                store.erase("p", [f"r{number}"])
            elif act == "trim":
                store.trim("p", now - 3 * DAY, limit=number)
            elif act == "night":
                now += DAY
            else:
                since = now - number * DAY
                assert_frame_equal(rows.frame(since=since, now=now), store.frame("p", since=since, columns=COLUMNS))


@pytest.mark.parametrize("unlabelled", [False, True])
def test_of_a_month_only_what_may_still_change_is_read_again(unlabelled, tmp_path):
    store = Counted(tmp_path / "captures.db")
    rows = CapturedRows(store, "p", COLUMNS)
    for day in range(30):
        now = START + day * DAY
        store.record([prediction(f"r{day}-{each}", now) for each in range(10)])
        if day and not unlabelled:
            store.join([label(f"r{day - 1}-{each}", 1.0, now) for each in range(10)])
        assert rows.frame(since=START, now=now + DAY / 2).height == 10 * (day + 1)
    # Three days at each look; where labels stay away, the whole month: they may come for any row.
    assert (store.read <= 30 * 30) is not unlabelled
