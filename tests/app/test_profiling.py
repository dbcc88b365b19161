"""The profile of a table: what its rows are, told without reading them."""

from datetime import date, timedelta

import msgspec
import polars as pl
import pytest

from trimaran.app.acts import profile
from trimaran.app.profiling import profile_table
from trimaran.core.errors import InputError, NotFound
from trimaran.core.nouns import Ingest
from trimaran.doors.cli.main import run


def told(lived, **said):
    return profile_table(lived, "rides", "rides", **said)


def shown(lived, **said):
    given = {"version": None, "since": None, "until": None} | said
    version = given.pop("version")
    return profile("rides", "rides", lived.root, version, **given)


def test_the_profile_of_a_version_is_that_of_its_rows(lived):
    for version in (0, None):
        found, rows = told(lived, version=version), lived.tables.read("rides/rides", version).collect()
        wind = found.column("wind")
        assert (found.rows, found.unprofiled) == (rows.height, 0)
        assert (wind.low, wind.high) == (rows["wind"].min(), rows["wind"].max())
        assert wind.mean == pytest.approx(rows["wind"].mean())
        assert wind.deviation == pytest.approx(rows["wind"].std(ddof=0))
        for share, value in wind.quantiles.items():
            assert abs((rows["wind"] <= value).mean() - float(share)) <= found.rank_error + 1 / rows.height
        assert found.column("late").nulls == rows["late"].null_count()
        assert found.column("rider").distinct == rows["rider"].n_unique()


def test_the_days_of_a_profile_are_those_of_the_rows(lived):
    rows = lived.tables.read("rides/rides").collect().with_columns(day=pl.col("planned").dt.date())
    counts = dict(rows.group_by(pl.col("day").cast(pl.String)).len().iter_rows())
    found = told(lived)
    assert {one.day: one.rows for one in found.days["wind"]} == counts
    assert [one.day for one in found.days["wind"]] == sorted(counts)
    some = told(lived, since=date(2013, 1, 3), until=date(2013, 1, 5))
    assert {one.day for one in some.days["wind"]} == {"2013-01-03", "2013-01-04"}
    assert some.rows == sum(counts[one.day] for one in some.days["wind"])
    assert some.column("wind").mean == pytest.approx(
        rows.filter(pl.col("day").is_between(date(2013, 1, 3), date(2013, 1, 4)))["wind"].mean()
    )


def test_a_profile_that_was_never_stored_or_is_gone_is_taken_from_the_rows(lived):
    before = told(lived)
    digests = [record.profile for _, record in lived.ledger.history([Ingest], "rides/rides") if record.profile]
    assert lived.objects.remove(digests) > 0
    assert msgspec.json.encode(told(lived)) == msgspec.json.encode(before)


def test_a_table_without_a_time_has_one_bucket_without_a_day(lived):
    found = profile_table(lived, "rides", "riders")
    assert [(one.day, one.rows) for one in found.days["trips"]] == [("no day", 51)]
    assert found.column("trips").total == sum(range(51))


def test_what_is_not_there_is_told_with_what_is(lived):
    with pytest.raises(NotFound, match="its tables are: riders, rides"):
        profile_table(lived, "rides", "drives")
    with pytest.raises(NotFound, match="it has 0 to"):
        told(lived, version=99)
    with pytest.raises(InputError, match="is not after"):
        told(lived, since=date(2013, 1, 3), until=date(2013, 1, 3))
    with pytest.raises(NotFound, match="choose from: ride, planned, rider, wind, late, done"):
        told(lived).column("window")


def test_it_shows_itself_in_a_line_a_column_and_no_value_is_markup(lived):
    found = shown(lived)
    text = repr(found)
    assert text.startswith("rides of rides, version 5: ")
    assert len(text.splitlines()) == 1 + 1 + 6 + 1
    assert "off by 0.5% of the rows in rank" in text
    spoiled = msgspec.structs.replace(found, table="<b>")
    assert "<b>" not in spoiled._repr_html_()
    assert "&lt;b&gt;" in spoiled._repr_html_()


def test_its_charts_draw_what_it_tells(lived):
    found = shown(lived)
    median = found.figure().data[-1]
    assert [round(float(value), 6) for value in median.y] == [round(one.band[2], 6) for one in found.days["wind"]]
    nulls = found.figure("nulls").data[0]
    assert nulls.z[list(nulls.y).index("late")][0] == found.days["late"][0].nulls / found.days["late"][0].rows
    assert sum(found.figure("histogram").data[0].y) == pytest.approx(found.rows)
    heavy = found.figure("heavy").data[0]
    assert list(heavy.x)[-1] == max(one.count for one in found.column(found._first("heavy")).heavy)
    with pytest.raises(NotFound, match="choose from: quantiles, nulls, histogram, heavy"):
        found.figure("pie")


def test_the_command_prints_the_same_and_json(lived, capsys):
    assert run(["profile", "rides", "--workspace", str(lived.root)]) == 0
    assert "wind" in capsys.readouterr().out
    assert run(["profile", "rides", "--workspace", str(lived.root), "--day", "2013-01-03", "--json"]) == 0
    read = msgspec.json.decode(capsys.readouterr().out)
    assert (read["since"], read["until"]) == ("2013-01-03", str(date(2013, 1, 3) + timedelta(days=1)))
    assert run(["profile", "rides", "--workspace", str(lived.root), "--day", "yesterday"]) == 2
    assert "write it like 2013-07-01" in capsys.readouterr().err
    assert run(["profile", "rides", "--workspace", str(lived.root), "--day", "2013-01-03", "--since", "2013-01-03"]) == 2
