"""A text names one thing on record, or is answered with what it could have been."""

from datetime import UTC, datetime

import pytest

from trimaran.control.naming import DataName, EntryName, MomentName, Names, ObjectName, PredictionName, versions_of
from trimaran.core.errors import Corrupt, InputError, NotFound

MORE = 300


@pytest.fixture
def names(life):
    return Names(
        life.ledger, ["ferries"], life.objects, lambda product, id_: (product, id_) == ("ferries", "2013-07-08-trip")
    )


def entry_of(name):
    assert isinstance(name, EntryName)
    return name.entry


@pytest.mark.parametrize("text", ["v2", "ferries/v2", "version:v2", "  v2 "])
def test_a_version_is_named_with_or_without_its_product(life, names, text):
    assert entry_of(names.resolve(text)).ref == life.versions[2]


@pytest.mark.parametrize("text", ["run-000000000002", "ferries/run-000000000002", "run:run-000000000002"])
def test_a_run_is_named_with_or_without_its_product(names, text):
    assert entry_of(names.resolve(text)).subject == "ferries/run-000000000002"


def test_a_run_cut_short_is_named_where_only_one_begins_so(names):
    with pytest.raises(InputError, match="several things"):
        names.resolve("run-00000000000")
    with pytest.raises(NotFound, match="close to it: run-000000000002"):
        names.resolve("run-100000000002")


def test_an_entry_is_named_by_number_or_by_its_ref(life, names):
    assert entry_of(names.resolve("#3")).seq == 3
    ref = life.versions[1]
    assert entry_of(names.resolve(str(ref))).ref == ref
    with pytest.raises(NotFound, match="there is no entry #999"):
        names.resolve("#999")
    with pytest.raises(Corrupt, match="of another ledger"):
        names.resolve(str(ref).replace(ref.digest, "f" * 64))


@pytest.mark.parametrize("text", ["trips@1", "ferries/trips@1", "table trips@1", "table:trips@1", "table:ferries/trips@1"])
def test_a_version_of_a_table_is_named_with_or_without_its_product(names, text):
    assert names.resolve(text) == DataName("ferries", "trips", 1)


def test_an_object_is_named_by_its_digest_or_its_first_digits(life, names):
    digest = life.model(1)
    assert names.resolve(digest) == names.resolve(digest[:8]) == names.resolve(f"object:{digest}") == ObjectName(digest)
    with pytest.raises(NotFound):
        names.resolve(digest[:7])


def test_an_object_that_was_purged_keeps_its_name(life, names):
    digest = life.model(1)
    life.objects.remove([digest])
    assert names.resolve(digest) == ObjectName(digest)


def test_the_digest_of_an_entry_that_others_refer_to_names_the_entry(life, names):
    assert entry_of(names.resolve(life.versions[1].digest)).ref == life.versions[1]


def test_first_digits_that_several_objects_share_are_answered_with_all_of_them(life, names):
    class Alike:
        def digests(self):
            yield from (f"abcdef01{number:056x}" for number in range(7))

        def has(self, digest):
            return False

    with pytest.raises(InputError) as told:
        Names(life.ledger, ["ferries"], Alike()).resolve("abcdef01")
    assert "write object:abcdef010000" in str(told.value)
    assert "and 2 more" in str(told.value)


def test_a_prediction_is_looked_up_when_nothing_else_is_called_so(names):
    wanted = PredictionName("ferries", "2013-07-08-trip")
    assert names.resolve("2013-07-08-trip") == names.resolve("prediction:2013-07-08-trip") == wanted
    with pytest.raises(NotFound, match="no prediction is called"):
        names.resolve("prediction:v2")


def test_a_moment_is_read_last_and_only_where_one_may_stand(names):
    assert names.resolve("2013-07-08T12:00") == MomentName(datetime(2013, 7, 8, 12, tzinfo=UTC))
    with pytest.raises(NotFound):
        names.resolve("2013-07-08T12:00", moments=False)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("v9", "ferries has v1 to v2"),
        ("trips@7", "ferries/trips has versions 0 to 1"),
        ("tripz@0", "close to it: trips@N"),
        ("tripz@0", "ferries has the tables trips, weather"),
        ("feries/v1", "close to it: ferries"),
        ("nonsense", "write v3, PRODUCT/v3"),
        ("", "no version, run, entry"),
    ],
)
def test_what_nothing_is_called_is_answered_with_what_there_is(names, text, told):
    with pytest.raises(NotFound) as error:
        names.resolve(text)
    assert told in str(error.value)


def test_with_two_products_a_bare_name_is_ambiguous_and_an_explicit_one_is_not(life, chronicles):
    other = chronicles("buses")
    other.live_from_the_start()
    names = Names(life.ledger, ["buses", "ferries"], life.objects)
    with pytest.raises(InputError) as told:
        names.resolve("v1")
    assert "a version of buses/v1; if that is meant, write #" in str(told.value)
    assert entry_of(names.resolve("ferries/v1")).ref == life.versions[1]
    assert entry_of(Names(life.ledger, ["buses"], life.objects).resolve("v1")).ref == other.versions[1]
    assert entry_of(names.resolve("v2")).ref == life.versions[2]


def test_the_number_of_versions_is_found_among_many(life):
    for count in range(3, MORE):
        life.train()
        assert count < 40 or count % 50 or versions_of(life.ledger, "ferries") == count
    assert versions_of(life.ledger, "ferries") == MORE - 1
    assert versions_of(life.ledger, "nobody") == 0
