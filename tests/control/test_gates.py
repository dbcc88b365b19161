from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import polars as pl
import pytest

from trimaran.build import evidence as proof
from trimaran.control.gates import judge_candidate
from trimaran.core.nouns import Measurement
from trimaran.data.declaration import Declaration, Naive

TESTED = datetime(2024, 2, 1, tzinfo=UTC)


def measured(value, n=5000, half=0.02):
    return Measurement(value=value, n=n, low=value - half, high=value + half, level=0.95)


@pytest.fixture
def definition(tmp_path):
    rows = pl.DataFrame({"id": ["a"], "carrier": ["AA"], "wind": [1.0], "due": [TESTED], "late": [True]})
    rows.write_parquet(tmp_path / "trips.parquet")
    product = Declaration("trips", owner="ops", predict_at="due")
    trips = product.table("trips.parquet", key="id", time="due")
    product.feature(trips)(lambda wind: wind)
    product.label(trips, wait="1d")(lambda late: late)
    product.model()(lambda X, y: None)
    product.accept(
        out_of_time="30d",
        auc=">= 0.7",
        brier="< 0.2",
        against_live="-0.01",
        worst_slice=("carrier", "auc >= 0.6"),
        p99="< 10ms",
    )
    return product.freeze(tmp_path)


@pytest.fixture
def evidence():
    fast = Measurement(value=0.001, n=1000)
    return proof.Evidence(
        rows=5000,
        tested_from=TESTED - timedelta(days=30),
        tested_to=TESTED,
        threshold=0.5,
        measures={"auc": measured(0.75), "brier": measured(0.15), "p99": fast},
        slices=[
            proof.Slice(column="carrier", value="AA", rows=3000, measures={"auc": measured(0.76)}),
            proof.Slice(column="carrier", value="B6", rows=2000, measures={"auc": measured(0.70)}),
        ],
        live=None,
        tests=[proof.TestResult(name="wind_hurts", rows=100, held=100, share=1.0)],
        parity=proof.Parity(rows=5000, difference=1e-7, flips=0.0, holds=True),
        latency=proof.Latency(form="onnx", p50=fast, p99=fast),
        numerics=proof.Numerics(rows=5000, broken=0, alone=0.0, noise=1e-6, flips=0.0),
        weeks=[],
        roc=[],
        calibration=[],
        importance={},
    )


def changed(evidence, **fields):
    return msgspec.structs.replace(evidence, **fields)


def finding(verdict, check):
    return next(found for found in verdict.findings if found.check.startswith(check))


def test_a_sound_candidate_passes_and_every_check_says_why(definition, evidence):
    verdict = judge_candidate(definition, evidence, "ab" * 32, stored="cd" * 32)
    assert (verdict.outcome, verdict.policy, verdict.about, verdict.evidence) == ("pass", "gate", "ab" * 32, "cd" * 32)
    assert [found.check.split(":")[0] for found in verdict.findings] == [
        "test wind_hurts",
        "numerics",
        "parity",
        "auc >= 0.7",
        "brier < 0.2",
        "against live",
        "worst carrier",
        "p99 < 0.01",
    ]
    assert all(found.reason for found in verdict.findings)


def test_without_a_live_version_there_is_nothing_to_be_worse_than(definition, evidence):
    found = finding(judge_candidate(definition, evidence, "ab"), "against live")
    assert found.outcome == "pass"
    assert "nothing is live yet" in found.reason


@pytest.mark.parametrize(("live", "outcome"), [(0.755, "pass"), (0.77, "fail")])
def test_a_candidate_may_be_worse_than_live_by_the_margin_and_no_more(definition, evidence, live, outcome):
    comparison = proof.Comparison(
        number=4, measures={"auc": measured(live)}, differences={"auc": measured(0.75 - live, half=0.005)}
    )
    found = finding(judge_candidate(definition, changed(evidence, live=comparison), "ab"), "against live")
    assert found.outcome == outcome
    assert f"live v4 has {live:g} on the same rows" in found.reason
    assert "interval" in found.reason


def test_a_live_version_that_cannot_be_measured_leaves_it_unknown(definition, evidence):
    nothing = Measurement(value=None, note="only one class")
    comparison = proof.Comparison(number=4, measures={"auc": nothing}, differences={"auc": nothing})
    assert judge_candidate(definition, changed(evidence, live=comparison), "ab").outcome == "unknown"


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"tests": [proof.TestResult(name="wind_hurts", rows=100, held=99, share=1.0, failure="row 3")]}, "test wind_hurts"),
        ({"numerics": proof.Numerics(rows=9, broken=1, alone=0.0, noise=1e-6, flips=0.0)}, "numerics"),
        ({"numerics": proof.Numerics(rows=9, broken=0, alone=0.1, noise=1e-6, flips=0.0)}, "numerics"),
        ({"numerics": proof.Numerics(rows=9, broken=0, alone=0.0, noise=1e-6, flips=0.2)}, "numerics"),
        ({"measures": {"auc": measured(0.69), "brier": measured(0.15), "p99": Measurement(value=0.001, n=1000)}}, "auc"),
        ({"measures": {"auc": measured(0.75), "brier": measured(0.15), "p99": Measurement(value=0.02, n=1000)}}, "p99"),
    ],
)
def test_one_fault_fails_the_candidate(definition, evidence, change, check):
    verdict = judge_candidate(definition, changed(evidence, **change), "ab")
    assert verdict.outcome == "fail"
    assert finding(verdict, check).outcome == "fail"
    assert [found.check for found in verdict.findings if found.outcome == "fail"] == [finding(verdict, check).check]


@pytest.mark.parametrize(
    "change",
    [
        {"measures": {"auc": measured(0.75, n=999), "brier": measured(0.15), "p99": Measurement(value=0.001, n=1000)}},
        {"measures": {"auc": measured(0.75), "brier": measured(0.15), "p99": Measurement(value=0.001, n=99)}},
        {"measures": {"auc": measured(0.75), "brier": measured(0.15)}},
        {"tests": [proof.TestResult(name="wind_hurts", rows=0, held=0, share=1.0)]},
        {"slices": []},
    ],
)
def test_too_little_evidence_never_passes(definition, evidence, change):
    assert judge_candidate(definition, changed(evidence, **change), "ab").outcome == "unknown"


def test_a_model_that_is_served_natively_passes_with_a_warning(definition, evidence):
    parity = proof.Parity(rows=0, difference=None, flips=None, holds=False, note="there is no compiled form, native serves")
    verdict = judge_candidate(definition, changed(evidence, parity=parity), "ab")
    assert verdict.outcome == "warn"
    assert "native serves" in finding(verdict, "parity").reason


def slices(*values, rows=2000, half=0.03):
    return [
        proof.Slice(column="carrier", value=f"c{place}", rows=rows, measures={"auc": measured(value, half=half)})
        for place, value in enumerate(values)
    ]


def test_a_slice_that_is_shown_to_be_worse_fails_and_is_named(definition, evidence):
    found = finding(judge_candidate(definition, changed(evidence, slices=slices(0.8, 0.5, 0.55)), "ab"), "worst carrier")
    assert (found.outcome, found.value) == ("fail", 0.5)
    assert "carrier c1" in found.reason


def test_a_slice_that_chance_alone_may_explain_warns(definition, evidence):
    found = finding(judge_candidate(definition, changed(evidence, slices=slices(0.8, 0.59)), "ab"), "worst carrier")
    assert found.outcome == "warn"
    assert "chance alone may explain it" in found.reason


def test_the_pooled_slice_of_small_ones_is_not_judged(definition, evidence):
    small = proof.Slice(column="carrier", value=proof.SMALL, rows=2000, measures={"auc": measured(0.4)})
    verdict = judge_candidate(definition, changed(evidence, slices=[*slices(0.8), small]), "ab")
    assert verdict.outcome == "pass"


def test_the_worst_of_the_good_slices_is_told(definition, evidence):
    found = finding(judge_candidate(definition, evidence, "ab"), "worst carrier")
    assert found.value == 0.70
    assert "carrier B6" in found.reason
    assert "the worst of 2 values" in found.reason


def test_a_slice_with_one_outcome_only_leaves_it_unknown(definition, evidence):
    one = proof.Slice(
        column="carrier", value="HA", rows=400, measures={"auc": Measurement(value=None, n=400, note="only one class")}
    )
    found = finding(judge_candidate(definition, changed(evidence, slices=[*slices(0.8), one]), "ab"), "worst carrier")
    assert found.outcome == "unknown"
    assert "only one class" in found.reason


@pytest.fixture
def forecast(definition):
    return replace(definition, naive=Naive("late_lag_7d", ("carrier",)))


@pytest.mark.parametrize(
    ("gap", "half", "outcome", "told"),
    [
        (0.5, 0.1, "fail", "it is no better than no model"),
        (0.0, 0.1, "fail", "it is no better than no model"),
        (-0.5, 0.6, "warn", "chance alone may explain it"),
        (-0.5, 0.1, "pass", "a difference of -0.5"),
    ],
)
def test_a_model_that_does_not_beat_the_naive_forecast_does_not_pass_silently(forecast, evidence, gap, half, outcome, told):
    seen = proof.AgainstNaive(
        feature="late_lag_7d",
        rows=5000,
        missing=3,
        measure="mae",
        value=measured(4.0 + gap),
        naive=measured(4.0),
        difference=measured(gap, half=half),
    )
    verdict = judge_candidate(forecast, changed(evidence, naive=seen), "ab")
    found = finding(verdict, "beats late_lag_7d")
    assert (found.outcome, verdict.outcome) == (outcome, outcome)
    assert told in found.reason


def test_a_measure_of_which_more_is_better_is_held_the_other_way_round(forecast, evidence):
    seen = proof.AgainstNaive(
        feature="late_lag_7d",
        rows=5000,
        missing=0,
        measure="r2",
        value=measured(0.5),
        naive=measured(0.7),
        difference=measured(-0.2, half=0.05),
    )
    assert finding(judge_candidate(forecast, changed(evidence, naive=seen), "ab"), "beats").outcome == "fail"
    better = msgspec.structs.replace(seen, difference=measured(0.2, half=0.05))
    assert finding(judge_candidate(forecast, changed(evidence, naive=better), "ab"), "beats").outcome == "pass"


def test_a_naive_forecast_that_is_hardly_ever_known_leaves_it_unknown(forecast, evidence):
    few = proof.AgainstNaive(
        feature="late_lag_7d",
        rows=40,
        missing=4960,
        measure="mae",
        value=measured(4.0, n=40),
        naive=measured(5.0, n=40),
        difference=measured(-1.0, n=40),
    )
    found = finding(judge_candidate(forecast, changed(evidence, naive=few), "ab"), "beats")
    assert found.outcome == "unknown"
    assert "is its lag as long as its value takes to be known?" in found.reason
    assert judge_candidate(forecast, evidence, "ab").outcome == "unknown"
