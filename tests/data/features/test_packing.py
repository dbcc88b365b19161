"""Records come in the order in which a store lays them down, each with all that is kept of its key."""

import msgspec
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.core.nouns import View, ViewColumn
from trimaran.data.features import packed
from trimaran.data.features.views import EVENT, MOMENT

COLUMN = ViewColumn(name="wind", moment=0, max_age=None, nothing=None)


def view(*keys):
    return View(product="p", name=",".join(keys), keys=keys, columns=(COLUMN,), moments=1, schema="", definition="1")


def computed(keys):
    height = keys.height
    return keys.with_columns(pl.Series(EVENT, range(height)), pl.Series(f"{MOMENT}0", range(height)), wind=1.5)


def taken(keys):
    (batch,) = packed(view(*keys.columns), computed(keys), as_of=9)
    return batch


@given(st.sets(st.text() | st.integers(0, 300).map(lambda count: "x" * count), min_size=1))
def test_texts_come_as_their_packed_bytes_are_ordered(texts):
    found = [record.key for record in taken(pl.DataFrame({"place": sorted(texts, reverse=True)}))]
    assert found == sorted(msgspec.msgpack.encode([text]) for text in texts)


@pytest.mark.parametrize("kind", [pl.UInt8, pl.Int64, pl.Float64])
def test_numbers_from_zero_on_do_so_too(kind):
    numbers = [200, 3, 0, 127, 128, 31]
    found = [record.key for record in taken(pl.DataFrame({"number": pl.Series(numbers, dtype=kind)}))]
    assert found == sorted(found)
    assert len({*found}) == len(numbers)


def test_a_record_has_the_event_the_moment_and_the_values_of_its_key():
    keys = pl.DataFrame({"place": ["north", "mid"], "line": [2, 1]})
    found = {tuple(msgspec.msgpack.decode(key)): rest for key, *rest in taken(keys)}
    assert found == {
        ("north", 2): [0, 9, msgspec.msgpack.encode([0, 1.5])],
        ("mid", 1): [1, 9, msgspec.msgpack.encode([1, 1.5])],
    }
