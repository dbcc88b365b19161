import polars as pl
import pytest

from trimaran.build import replicate, segment_values
from trimaran.core.errors import InputError
from trimaran.core.nouns import Run


@pytest.fixture
def yard(make_yard):
    return make_yard(replicate="depot")


def test_each_segment_gets_its_own_line_of_versions(yard):
    found = replicate(yard.trainer, yard.definition, yard.snapshot(), yard.job())
    assert [segment.value for segment in found] == ["north", "south", "west"]
    assert [segment.candidate.version.number for segment in found] == [1, 1, 1]
    assert {entry.subject for entry in yard.store.scan(kinds=["version"])} == {f"parcels[{s.value}]/v1" for s in found}
    assert all(segment.candidate.evidence.measures["auc"].value > 0.7 for segment in found)


def test_a_segments_model_is_trained_on_its_own_rows(yard):
    found = replicate(yard.trainer, yard.definition, yard.snapshot(), yard.job())
    whole = yard.trainer.train(yard.definition, yard.snapshot(), yard.job(key="whole"))
    assert sum(segment.candidate.version.rows for segment in found) == whole.version.rows
    assert sum(segment.candidate.evidence.rows for segment in found) == whole.evidence.rows


def test_a_segment_that_fails_says_why_and_the_others_go_on(yard):
    parcels = yard.frames["parcels"]
    calm = parcels.with_columns(
        delay=pl.when((pl.col("depot") == "south") & pl.col("delay").is_not_null()).then(0.0).otherwise("delay"),
        depot=pl.when(pl.col("parcel").is_in([f"p{number:05d}" for number in range(50)]))
        .then(pl.lit("attic"))
        .otherwise("depot"),
    )
    yard.frames = {**yard.frames, "parcels": calm}
    found = {s.value: s for s in replicate(yard.trainer, yard.definition, yard.snapshot(), yard.job())}
    assert found["north"].candidate is not None
    assert found["west"].candidate is not None
    assert "0 positives" in found["south"].reason
    assert found["attic"].reason == "attic has 50 rows, 200 are needed for a model of its own"
    assert yard.ledger.latest(Run, next(e.subject for e in yard.store.scan(kinds=["run"]) if "south" in e.subject))[1].error


def test_only_the_segments_asked_for_are_trained(yard):
    found = replicate(yard.trainer, yard.definition, yard.snapshot(), yard.job(), values=["west"])
    assert [segment.value for segment in found] == ["west"]


def test_a_product_without_segments_says_how_to_declare_them(make_yard):
    other = make_yard()
    with pytest.raises(InputError, match="replicate"):
        segment_values(other.definition, other.snapshot())
