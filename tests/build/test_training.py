from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from trimaran.backends.onnx_format import OnnxFormat
from trimaran.build import Rival, Source, read_evidence
from trimaran.core.errors import InputError, Refused, Unavailable, UserCodeError
from trimaran.core.nouns import Balance, ModelVersion, Run
from trimaran.data.profiles import read_profile
from trimaran.testing import Failing, MemoryLedger


def train(yard, until=None, live=None, **changes):
    return yard.trainer.train(yard.definition, yard.snapshot(until), yard.job(**changes), live=live)


def kinds(yard):
    return [(entry.kind, entry.subject.split("/")[0]) for entry in yard.store.scan()]


def test_a_training_leaves_a_run_its_balances_and_a_version_with_everything_they_name(yard):
    found = train(yard)
    version, run = found.version, found.run
    assert kinds(yard) == [("run", "parcels"), ("balance", "parcels"), ("balance", "parcels"), ("version", "parcels")]
    assert version.name == "v1"
    assert version.features == ["far", "gust", "usual_delay"]
    for digest in (version.native, version.compiled, version.profile, version.code, *run.artifacts.values()):
        assert yard.objects.has(digest)
    assert yard.ledger.read(version.run, Run) == run
    assert version.trained_to <= version.tested_from < version.tested_to
    assert run.metrics["auc"] == found.evidence.measures["auc"].value > 0.8
    assert run.parameters == {"strength": 1.0, "centred": 1}
    assert read_evidence(yard.objects, run.artifacts["evidence"]) == found.evidence
    profile = read_profile(yard.objects, version.profile)
    assert (profile.rows, list(profile.features)) == (version.rows, version.features)
    assert profile.categories["depot"] == ["north", "south", "west"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: HistGradientBoostingClassifier(max_iter=10, early_stopping=True),
        lambda: RandomForestClassifier(10, max_depth=5),
        lambda: RandomForestClassifier(10, max_depth=5, n_jobs=2),
    ],
)
def test_the_same_seed_and_data_give_the_same_model_bytes(make_yard, make):
    def fit(X, y):
        return make().fit(X.to_numpy(), y)

    first, second, other = (train(make_yard(fit), seed=seed).version for seed in (7, 7, 8))
    assert (first.native, first.compiled, first.profile) == (second.native, second.compiled, second.profile)
    assert other.native != first.native


def test_seeding_leaves_the_callers_random_numbers_alone(make_yard):
    np.random.seed(1)  # noqa: NPY002
    expected = np.random.random(3)  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    train(make_yard())
    assert (np.random.random(3) == expected).all()  # noqa: NPY002


def test_a_job_done_before_is_not_done_again(yard):
    first, again = train(yard), train(yard)
    assert (again.ref, again.version, again.evidence) == (first.ref, first.version, first.evidence)
    assert yard.store.head() == 4


def test_another_job_makes_the_next_version(yard):
    train(yard)
    assert train(yard, key="second").version.name == "v2"


@pytest.mark.parametrize("written", [1, 2])
def test_a_crash_between_the_run_and_its_version_repeats_nothing(yard, kit, written):
    kept = MemoryLedger()
    struck = kit.new_yard(yard.definition, yard.frames, Failing(kept, "append", Unavailable("the power went"), call=written))
    with pytest.raises(Unavailable):
        train(struck)
    before = kept.head()
    found = train(struck)
    assert before == (0 if written == 1 else 3)
    assert kinds(struck) == [("run", "parcels"), ("balance", "parcels"), ("balance", "parcels"), ("version", "parcels")]
    assert found.version.name == "v1"


class Behind(MemoryLedger):
    """A ledger whose next scan misses all that another process has written meanwhile."""

    behind = False

    def scan(self, **wanted):
        behind, self.behind = self.behind, False
        return iter(()) if behind else super().scan(**wanted)


def test_a_number_taken_by_another_process_is_passed_over(yard, kit):
    store = Behind()
    slow = kit.new_yard(yard.definition, yard.frames, store)
    first = train(slow)
    store.behind = True
    second = train(slow, key="second")
    assert not store.behind
    assert (first.version.number, second.version.number) == (1, 2)


def test_shuffled_labels_make_a_bad_candidate_and_the_cause_says_so(make_yard):
    def fit(X, y):
        return RandomForestClassifier(20).fit(X.to_numpy(), y)

    found = train(make_yard(fit), shuffled=True)
    assert found.evidence.measures["auc"].value < 0.6
    assert "shuffled" in found.run.cause


def test_an_authors_error_is_recorded_and_the_job_is_refused_after(make_yard):
    def fit(X, y):
        raise ValueError("no such luck")

    yard = make_yard(fit)
    with pytest.raises(UserCodeError, match="no such luck"):
        train(yard)
    assert kinds(yard) == [("run", "parcels"), ("balance", "parcels"), ("balance", "parcels")]
    with pytest.raises(Refused, match="no such luck"):
        train(yard)
    assert yard.store.head() == 3


def test_a_model_that_cannot_predict_says_what_to_return(make_yard):
    def fit(X, y):
        LogisticRegression().fit(X.select("far").to_numpy(), y)

    with pytest.raises(InputError, match="return the fitted classifier"):
        train(make_yard(fit))


def test_rows_of_one_outcome_make_no_model(yard):
    early = yard.frames["parcels"].with_columns(delay=yard.frames["parcels"]["delay"] * 0)
    yard.frames = {**yard.frames, "parcels": early}
    with pytest.raises(InputError, match="0 positives"):
        train(yard)


def test_given_parameters_are_used_instead_of_tuning(make_yard):
    yard = make_yard(tune={"strength": [5.0, 6.0]}, trials=2)
    assert train(yard, parameters={"strength": 3.0}).run.parameters == {"strength": 3.0, "centred": 1}
    tuned = train(yard, key="tuned").run
    assert tuned.trials == 2
    assert tuned.parameters["strength"] in {5.0, 6.0}
    assert yard.objects.has(tuned.artifacts["trials"])


def test_a_model_that_does_not_compile_serves_natively(make_yard):
    def fit(X, y):
        return make_pipeline(SimpleImputer(), RBFSampler(), LogisticRegression()).fit(X.to_numpy(), y)

    found = train(make_yard(fit))
    assert found.version.compiled is None
    assert "native serves" in found.evidence.parity.note
    assert found.evidence.latency.form == "skops"


class Skewed(OnnxFormat):
    """A compiled form that answers a hundredth too low."""

    def load(self, data):
        scorer = super().load(data)
        return lambda rows: scorer(rows) * 0.99


def test_a_compiled_form_that_answers_otherwise_is_not_kept(yard, kit):
    found = train(kit.new_yard(yard.definition, yard.frames, compiled=Skewed()))
    assert found.version.compiled is None
    assert not found.evidence.parity.holds
    assert "differs by up to" in found.evidence.parity.note


def test_the_live_version_is_measured_on_the_same_rows_in_its_own_features(yard):
    fewer = replace(yard.definition, features=yard.definition.features[1:])
    first = yard.trainer.train(fewer, yard.snapshot(), yard.job())
    assert first.version.features == ["gust", "usual_delay"]
    rival = Rival(1, fewer, yard.trainer._compiled.load(yard.objects.get(first.version.compiled)))
    found = train(yard, key="second", live=rival)
    assert found.version.features == ["far", "gust", "usual_delay"]
    assert found.evidence.live.measures["auc"] == first.evidence.measures["auc"]
    assert found.evidence.live.differences["auc"].value == pytest.approx(
        found.evidence.measures["auc"].value - first.evidence.measures["auc"].value
    )


def test_suggested_text_is_kept_with_the_version(yard):
    found = train(yard, source=Source("text", suggested="# more"))
    assert yard.objects.get(found.version.suggested) == b"# more"
    assert yard.objects.get(found.version.code) == b"text"


def test_the_balance_of_a_training_has_nothing_missing(yard):
    train(yard)
    _, balance = yard.ledger.latest(Balance, "parcels/training")
    assert balance.missing == 0
    assert balance.entered == yard.frames["parcels"].height
    _, built = yard.ledger.latest(Balance, "parcels/features")
    assert built.missing == 0
    assert built.entered == balance.left["trained"] + balance.left["tested"]


def test_a_training_at_an_earlier_moment_sees_only_what_was_there(yard):
    until = yard.snapshot().until - timedelta(days=20)
    found = train(yard, until=until)
    assert found.version.tested_to <= until - timedelta(days=1)
    assert yard.ledger.latest(ModelVersion, "parcels/v1") == (found.ref, found.version)
