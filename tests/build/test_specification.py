import numpy as np
import polars as pl
import pytest

from trimaran.build import RowModel
from trimaran.build.specification import run_tests
from trimaran.core.errors import InputError
from trimaran.data.declaration import ModelTest

FEATURES = pl.DataFrame(
    {"wind": np.arange(50, dtype=np.float32), "rain": np.where(np.arange(50) % 2, np.nan, 1).astype(np.float32)}
)


@pytest.fixture
def model():
    return RowModel(lambda rows: np.clip(rows[:, 0] / 50, 0, 1).astype(np.float64), ["wind", "rain"])


def outcome(model, function, rows=20, share=1.0, seed=0):
    (result,) = run_tests([ModelTest(function.__name__, function, rows, share)], model, FEATURES, seed)
    return result


def test_a_test_that_holds_on_every_row_passes(model):
    def wind_hurts(model, row):
        assert model(row | {"wind": 60}) >= model(row)

    result = outcome(model, wind_hurts)
    assert (result.rows, result.held, result.passed, result.failure) == (20, 20, True, "")


def test_the_first_row_that_fails_is_shown_with_the_authors_line(model):
    def calm(model, row):
        assert row["wind"] < 10

    result = outcome(model, calm, rows=50)
    assert (result.held, result.passed) == (10, False)
    assert "assert row" in result.failure
    assert "wind=10" in result.failure


def test_a_share_of_the_rows_may_suffice(model):
    def mostly(model, row):
        assert row["wind"] < 40

    assert outcome(model, mostly, rows=50, share=0.8).passed
    assert not outcome(model, mostly, rows=50, share=0.81).passed


def test_a_forgotten_assert_is_a_failure(model):
    def forgot(model, row):
        return model(row) > 2

    result = outcome(model, forgot)
    assert not result.passed
    assert "returned False" in result.failure


def test_the_same_seed_draws_the_same_rows(model):
    seen = []

    def watches(model, row):
        seen.append(row["wind"])

    for seed in (1, 1, 2):
        outcome(model, watches, rows=10, seed=seed)
    assert seen[:10] == seen[10:20] != seen[20:]


def test_a_feature_left_out_is_missing_and_an_unknown_one_is_named(model):
    seen = []
    probe = RowModel(lambda rows: seen.append(rows.copy()) or np.array([0.5]), ["wind", "rain"])
    assert probe({"wind": None}) == 0.5
    assert np.isnan(seen[0]).all()
    with pytest.raises(InputError, match="'wnd' is no feature; choose from: wind, rain"):
        probe({"wnd": 1.0})
