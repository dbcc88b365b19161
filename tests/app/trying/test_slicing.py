"""A slice of a product's tables parts no group that its rows are ranked in."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trimaran.app.trying.slicing import slice_of
from trimaran.data.declaration import Declaration

START = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def shown(tmp_path):
    frame = pl.DataFrame(
        {
            "shown": [f"r{place}" for place in range(4000)],
            "search": [f"s{place // 5}" if place != 7 else None for place in range(4000)],
            "at": [START + timedelta(minutes=place // 5) for place in range(4000)],
            "clicks": [place % 3 for place in range(4000)],
        }
    )
    frame.write_parquet(tmp_path / "shown.parquet")
    return frame


def sliced(folder, frame, **said):
    product = Declaration("search", owner="shop", predict_at="at")
    table = product.table("shown.parquet", key="shown", time="at")

    @product.label(table, wait="1h", **said)
    def relevance(clicks):
        return clicks

    product.numbers(table, "clicks")
    product.model()(lambda X, y: X)
    product.accept(out_of_time="10d")
    return slice_of(product.freeze(folder), {"shown": frame}, 500, seed=3).frames["shown"]


def test_rows_that_are_ranked_are_drawn_by_whole_groups(tmp_path, shown):
    found = sliced(tmp_path, shown, group="search")
    sizes = found.filter(pl.col("search").is_not_null()).group_by("search").len()["len"]
    # The group that lost a row to no group at all has four.
    assert set(sizes) <= {4, 5}
    assert 480 <= found.height <= 500
    assert found["shown"].tail(10).to_list() == shown["shown"].tail(10).to_list()


def test_rows_of_no_group_are_drawn_one_by_one(tmp_path, shown):
    found = sliced(tmp_path, shown, task="regression")
    assert found.height == 500
    assert found.group_by("search").len()["len"].min() < 5
