import os
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

from trimaran.backends.local_tasks import LocalExecutor
from trimaran.backends.process_tasks import ProcessExecutor
from trimaran.backends.scratch import Scratch
from trimaran.build import Computing, Replicator, Rival, Trainer, read_evidence, suggest
from trimaran.build.segments import FEW, PASSING
from trimaran.control.gates import judge_segment
from trimaran.core.errors import InputError, Unavailable
from trimaran.core.nouns import SEGMENTED, Balance, ModelVersion, Run, Verdict


@pytest.fixture
def yard(make_yard):
    return make_yard(replicate="depot")


def replicate(yard, key="many", pooled=None, few=FEW, judge=None, defined=None, compiled_from=10**6, **more):
    def gate(evidence, model, stored, ref):
        return judge_segment(yard.definition, evidence, model, stored=stored, refs=[ref])

    replicator = Replicator(yard.trainer, judge or gate, few=few, defined=defined, compiled_from=compiled_from)
    return replicator.replicate(yard.definition, yard.snapshot(), yard.job(key=key), pooled=pooled, **more)


def with_pooled(yard):
    made = yard.trainer.train(yard.definition, yard.snapshot(), yard.job(key="whole"))
    scorer = yard.trainer.ports.native.load(yard.objects.get(made.version.native))
    return made.ref, Rival(made.version.number, yard.definition, scorer)


def by_name(found):
    return {model.segment: model for model in found.models}


def broken(yard):
    """A south where nothing is late, an attic with 50 rows, and a garage whose parcels have not arrived yet."""
    parcels = yard.frames["parcels"]
    first, last = parcels["parcel"].head(50).implode(), parcels["parcel"].tail(10).implode()
    yard.frames = {
        **yard.frames,
        "parcels": parcels.with_columns(
            delay=pl.when((pl.col("depot") == "south") & pl.col("delay").is_not_null()).then(0.0).otherwise("delay"),
            depot=pl.when(pl.col("parcel").is_in(first))
            .then(pl.lit("attic"))
            .when(pl.col("parcel").is_in(last))
            .then(pl.lit("garage"))
            .otherwise("depot"),
        ),
    }


def test_each_segment_gets_its_own_line_of_versions(yard):
    found = replicate(yard)
    assert [model.segment for model in found.models] == ["north", "south", "west"]
    assert [model.version - SEGMENTED for model in found.models] == [1, 2, 3]
    assert {entry.subject for entry in yard.store.scan(kinds=["version"])} == {
        "parcels[north]/s1",
        "parcels[south]/s2",
        "parcels[west]/s3",
    }
    assert all(model.measures["auc"] > 0.7 for model in found.models)
    assert found.record.fates == {"own": 3}


def test_models_of_segments_do_not_take_the_numbers_of_the_product(yard):
    replicate(yard)
    assert yard.trainer.train(yard.definition, yard.snapshot(), yard.job(key="whole")).version.name == "v1"
    again = replicate(yard, key="later")
    assert [model.version - SEGMENTED for model in again.models] == [4, 5, 6]
    assert again.record.name == "r2"


def test_a_segments_model_is_trained_on_its_own_rows(yard):
    found = replicate(yard)
    whole = yard.trainer.train(yard.definition, yard.snapshot(), yard.job(key="whole"))
    assert sum(model.rows for model in found.models) == whole.version.rows
    assert sum(model.tested for model in found.models) == whole.evidence.rows


def test_the_model_of_a_segment_is_the_one_that_its_rows_alone_give(yard):
    whole = yard.trainer.sets.make(yard.definition, yard.snapshot())
    train, test = (rows.filter(rows.asked["depot"] == "west") for rows in (whole.train, whole.test))
    alone = yard.definition.model.function(train.features, train.labels)
    version = next(one for _, one in replicate_versions(yard) if one.segment == "west")
    stored = yard.trainer.ports.native.load(yard.objects.get(version.native))
    np.testing.assert_array_equal(stored(test.matrix()), alone.predict_proba(test.matrix())[:, 1])


def replicate_versions(yard):
    replicate(yard)
    return list(yard.ledger.history((ModelVersion,)))


def test_a_segment_that_cannot_have_a_model_says_why_and_the_pooled_model_answers(yard):
    broken(yard)
    found = by_name(replicate(yard))
    assert found["north"].fate == found["west"].fate == "own"
    assert found["south"].fate == "one class"
    assert "0 positives" in found["south"].reason
    assert found["attic"].fate == "few rows"
    assert found["attic"].reason.startswith("attic has ")
    assert found["attic"].reason.endswith("200 and 50 are needed for a model of its own")
    assert found["garage"].fate == "no rows"
    assert [name for name, model in found.items() if model.version is None] == ["south", "attic", "garage"]


def test_a_fit_that_raises_is_an_error_of_its_segment_with_the_authors_lines_alone(make_yard):
    def picky(X, y):
        if len(y) < 1000:
            raise ValueError("too few parcels for me")
        return LogisticRegression().fit(np.nan_to_num(X.to_numpy()), y)

    yard = make_yard(picky, replicate="depot")
    found = by_name(replicate(yard))
    assert [found[name].fate for name in ("north", "south", "west")] == ["own", "own", "failed"]
    assert 'raise ValueError("too few parcels for me")' in found["west"].reason
    assert "segment_fitting" not in found["west"].reason
    run = yard.ledger.latest(Run, f"parcels[west]/{found['west'].run}")[1]
    assert run.error == found["west"].reason


def test_a_model_that_is_worse_than_the_pooled_one_is_refused_by_its_gate(make_yard):
    def moody(X, y):
        truth = np.random.default_rng(0).permutation(y) if len(y) < 1000 else y
        return LogisticRegression().fit(np.nan_to_num(X.to_numpy()), truth)

    yard = make_yard(moody, replicate="depot", auc=">= 0")
    found = by_name(replicate(yard, pooled=with_pooled(yard)))
    assert found["west"].fate == "refused"
    assert found["west"].reason.startswith("against live: auc >= live")
    assert found["west"].pooled["auc"] > found["west"].measures["auc"]


def test_the_model_of_a_large_segment_is_compiled_where_that_gives_the_same_answers(yard):
    found = by_name(replicate(yard, compiled_from=1000))
    versions = {version.segment: version for _, version in yard.ledger.history((ModelVersion,))}
    compiled = {name for name, version in versions.items() if version.compiled is not None}
    assert compiled == {name for name, version in versions.items() if version.rows >= 1000} != set(versions)
    for name in compiled:
        evidence = read_evidence(yard.objects, yard.ledger.read(versions[name].run, Run).artifacts["evidence"])
        assert evidence.parity.holds
        assert evidence.parity.rows == found[name].tested
        native, onnx = yard.trainer.ports.native, yard.trainer.ports.compiled
        inputs = np.random.default_rng(1).normal(size=(50, len(versions[name].features))).astype(np.float32)
        answers = onnx.load(yard.objects.get(versions[name].compiled))(inputs)
        assert np.allclose(answers, native.load(yard.objects.get(versions[name].native))(inputs), atol=1e-5)


@pytest.mark.parametrize(("compiled_from", "form"), [(1, "onnx"), (1000, "skops")])
def test_an_answer_is_timed_in_the_slowest_form_that_any_segment_is_served_in(yard, compiled_from, form):
    replicate(yard, compiled_from=compiled_from)
    runs = [run for _, run in yard.ledger.history((Run,))]
    assert {read_evidence(yard.objects, run.artifacts["evidence"]).latency.form for run in runs} == {form}


def test_every_model_has_a_verdict_about_its_own_digest(yard):
    for model in replicate(yard).models:
        verdict = yard.ledger.read(model.proof, Verdict)
        assert (verdict.about, verdict.policy) == (model.model, "gate")
        assert verdict.outcome in PASSING
        assert read_evidence(yard.objects, verdict.evidence).rows == model.tested


def test_all_answers_together_are_measured_against_the_pooled_model(yard):
    found = replicate(yard, pooled=with_pooled(yard))
    assert found.together.rows == sum(model.tested for model in found.models)
    assert found.together.live.number == 1
    assert found.together.measures["auc"].value > 0.7


def test_a_replication_that_was_done_is_found_again(yard):
    whole = replicate(yard)
    before = yard.store.head()
    assert replicate(yard).models == whole.models
    assert yard.store.head() == before


def test_segments_whose_runs_stand_are_not_trained_again(make_yard):
    trained = []

    def counted(X, y):
        trained.append(len(y))
        return LogisticRegression().fit(np.nan_to_num(X.to_numpy()), y)

    yard = make_yard(counted, replicate="depot")
    replicator = Replicator(yard.trainer, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        replicator.replicate(yard.definition, yard.snapshot(), yard.job(key="many"))
    first = list(trained)
    assert replicate(yard).record.fates == {"own": 3}
    assert trained[0] == first[0]
    assert len(set(trained)) == len(trained) == 3


def test_a_segment_with_features_of_its_own_stands_beside_one_without_also_when_it_is_found_again(yard):
    wide = yard.definition.with_features([replace(yard.definition.features[0], name="again")])

    def own(train):
        return (wide, "# again") if train.asked["depot"][0] == "west" else None

    def interrupted(*_):
        raise KeyboardInterrupt

    def defined(version):
        return wide if version.suggested is not None else yard.definition

    pooled = with_pooled(yard)
    whole = replicate(yard, key="whole segments", pooled=pooled, own=own)
    made = {one.segment: one for _, one in yard.ledger.history((ModelVersion,)) if one.segment is not None}
    assert {name: one.features[-1] == "again" for name, one in made.items()} == {
        "north": False,
        "south": False,
        "west": True,
    }
    assert [one.suggested is not None for one in made.values()] == [False, False, True]

    with pytest.raises(KeyboardInterrupt):
        replicate(yard, key="cut", pooled=pooled, own=own, judge=interrupted)
    again = replicate(yard, key="cut", pooled=pooled, own=own, defined=defined)
    assert again.together.measures == whole.together.measures


def test_features_that_cannot_be_suggested_are_an_error_of_their_segment(make_yard, kit):
    def mended(X, y):
        return LogisticRegression().fit(np.nan_to_num(X.to_numpy()), y)

    yard = make_yard(mended, replicate="depot", suggest=["weather"])
    first = yard.definition.features[0]
    picky = replace(first, function=lambda distance: distance.map_batches(refuse_the_west, pl.Float64))
    yard.definition = replace(yard.definition, features=(picky, *yard.definition.features[1:]))
    asked = []

    def own(train):
        asked.append(train.asked["depot"][0])
        found = suggest(yard.definition, yard.snapshot(), yard.trainer.sets, seed=0, progress=kit.Quiet(), train=train)
        return (yard.definition, found.text) if found.text else None

    found = by_name(replicate(yard, own=own, pooled=with_pooled(yard)))
    assert asked == ["north", "south", "west"]
    assert [found[name].fate for name in asked] == ["own", "own", "failed"]
    assert found["west"].reason.startswith("its own features could not be suggested: ")
    assert "ValueError: parcels of the west have no distance" in found["west"].reason
    assert "trimaran/" not in found["west"].reason
    run = yard.ledger.latest(Run, f"parcels[west]/{found['west'].run}")[1]
    assert run.error == found["west"].reason


def refuse_the_west(distances):
    if distances.len() < 1000:
        raise ValueError("parcels of the west have no distance")
    return distances


def test_a_suggestion_is_not_blamed_for_a_store_that_is_away(yard):
    def own(train):
        raise Unavailable("the ledger is away")

    with pytest.raises(Unavailable):
        replicate(yard, own=own)


def test_control_totals_are_written_once_for_all_segments(yard):
    replicate(yard)
    assert [balance.handover for _, balance in yard.ledger.history((Balance,))] == ["features", "training"]


def test_only_the_segments_asked_for_are_trained(yard):
    assert [model.segment for model in replicate(yard, values=["west"]).models] == ["west"]


def test_a_product_without_segments_says_how_to_declare_them(make_yard):
    other = make_yard()
    with pytest.raises(InputError, match="replicate"):
        replicate(other)


@pytest.mark.slow
def test_processes_make_the_same_models_and_one_that_dies_is_an_error_of_its_segment(make_yard, tmp_path):
    def deadly(X, y):
        if len(y) < 1000:
            os._exit(9)
        return LogisticRegression().fit(np.nan_to_num(X.to_numpy()), y)

    def calm(X, y):
        return LogisticRegression().fit(np.nan_to_num(X.to_numpy()), y)

    yard, here = apart(make_yard(deadly, replicate="depot"), tmp_path), make_yard(calm, replicate="depot")
    found, alone = by_name(replicate(yard, few=0)), by_name(replicate(here))
    assert [found[name].fate for name in ("north", "south", "west")] == ["own", "own", "failed"]
    assert "its process was killed" in found["west"].reason
    assert (found["north"].model, found["south"].model) == (alone["north"].model, alone["south"].model)


@pytest.mark.slow
def test_how_long_an_answer_takes_is_measured_once_for_all_segments_before_others_train_beside(make_yard, tmp_path):
    def unlucky(X, y):
        if len(y) == largest:
            raise ValueError("no model of the largest")
        return LogisticRegression().fit(np.nan_to_num(X.to_numpy()), y)

    plain = make_yard(replicate="depot")
    divided = plain.trainer.sets.make(plain.definition, plain.snapshot()).train
    largest = divided.asked["depot"].value_counts()["count"].max()
    yard = apart(make_yard(unlucky, replicate="depot"), tmp_path)
    found = replicate(yard, few=0)
    assert [model.fate for model in found.models] == ["failed", "own", "own"]
    runs = [run for _, run in yard.ledger.history((Run,)) if run.error is None]
    timed = [read_evidence(yard.objects, run.artifacts["evidence"]).latency for run in runs]
    assert len(timed) == 2
    assert timed[0] == timed[1]
    assert timed[0].p99.note == "one row a call, the least of 3 times each, on the model of south"


def apart(yard, folder):
    """Let the models of a yard's segments be made in processes."""
    ports = yard.trainer.ports
    computing = Computing(lambda: 10**9, LocalExecutor(), Scratch(folder / "scratch").folder, segments=ProcessExecutor(2))
    yard.trainer = Trainer(
        objects=yard.objects,
        ledger=yard.ledger,
        clock=ports.clock,
        native=ports.native,
        compiled=ports.native,
        progress=ports.progress,
        computing=computing,
    )
    return yard
