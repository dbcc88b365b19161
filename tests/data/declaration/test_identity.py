"""What counts as the same feature, and what makes it another one."""

from datetime import timedelta

import polars as pl
import pytest

from trimaran.data.declaration import Feature, Table, identities

WEATHER = Table("weather", None, ("origin",), "at", {"wind": "told"}, timedelta(hours=3))
SCALE = 2.0


def helper(column):
    return column * SCALE


def other_helper(column):
    return column * SCALE + 1


def newest(function, name="crosswind", **changes):
    return Feature(
        **{"name": name, "table": "weather", "kind": "newest", "function": function, "inputs": ("wind",), "on": ("origin",)}
        | changes
    )


def digest(feature, table=WEATHER, others=()):
    return identities([*others, feature], {"weather": table})[feature.name]


def test_layout_comments_and_docstrings_do_not_count():
    def documented(wind):
        """Say something."""
        doubled = wind * 2  # and more
        return doubled  # noqa: RET504

    assert digest(newest(lambda wind: wind * 2)) == digest(newest(documented, description="Say something."))


@pytest.mark.parametrize(
    "other",
    [
        newest(lambda wind: wind * 3),
        newest(lambda wind: wind * 2, name="tailwind"),
        newest(lambda wind: wind * 2, on=("dest",)),
        newest(lambda wind: wind * 2, kind="window", window=timedelta(hours=1)),
        newest(lambda wind: wind * 2, kind="window", window=timedelta(hours=2)),
    ],
    ids=["constant", "name", "key", "window", "longer"],
)
def test_whatever_it_computes_over_makes_it_another_one(other):
    base = newest(lambda wind: wind * 2)
    found = identities([base], {"weather": WEATHER})["crosswind"]
    assert identities([other], {"weather": WEATHER})[other.name] != found
    longer = newest(lambda wind: wind * 2, kind="window", window=timedelta(hours=1))
    if other.window == timedelta(hours=2):
        assert digest(longer) != digest(other)


@pytest.mark.parametrize(
    "table",
    [
        Table("weather", None, ("origin",), "at", {"wind": "told"}, timedelta(hours=4)),
        Table("weather", None, ("origin",), "at", {}, timedelta(hours=3)),
        Table("weather", None, ("origin",), "told", {"wind": "told"}, timedelta(hours=3)),
        Table("weather", None, ("station",), "at", {"wind": "told"}, timedelta(hours=3)),
    ],
    ids=["max_age", "known", "time", "key"],
)
def test_the_table_it_looks_up_counts_with_its_times(table):
    feature = newest(lambda wind: wind * 2)
    assert digest(feature, table) != digest(feature)


def test_a_row_feature_reads_no_table():
    feature = newest(lambda wind: wind * 2, kind="row", on=())
    assert digest(feature) == digest(feature, Table("weather", None, ("id",), "at"))


def test_what_a_helper_does_counts():
    assert digest(newest(helper)) == digest(newest(lambda wind: wind * 2.0))
    assert digest(newest(helper)) != digest(newest(other_helper))


def test_a_feature_it_uses_counts_with_its_own_digest():
    gale = Feature("gale", "weather", "row", lambda gust: gust > 34, ("gust",))
    gusts = [Feature("gust", "weather", "row", lambda wind, factor=factor: wind * factor, ("wind",)) for factor in (1, 2)]
    assert digest(gale, others=gusts[:1]) != digest(gale, others=gusts[1:])


def udf(scale):
    return lambda wind: wind.map_elements(lambda value: value * scale if helper else 0, return_dtype=pl.Float64)


@pytest.mark.filterwarnings("ignore::polars.exceptions.PolarsInefficientMapWarning")
def test_python_inside_an_expression_counts_by_its_code_and_all_it_reads():
    def one(wind):
        return wind.map_elements(lambda value: 1 + helper(value), return_dtype=pl.Float64)

    # Other lines of the same file, the same code.
    def same(wind):
        """Say something."""
        return wind.map_elements(lambda value: 1 + helper(value), return_dtype=pl.Float64)

    def other(wind):
        return wind.map_elements(lambda value: 1 + other_helper(value), return_dtype=pl.Float64)

    assert digest(newest(one)) == digest(newest(same))
    assert digest(newest(one)) != digest(newest(other))
    assert digest(newest(udf(1))) != digest(newest(udf(2)))
