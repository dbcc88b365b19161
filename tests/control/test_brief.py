"""Few words keep the number, the bound and the reason that counted."""

import pytest

from trimaran.control.brief import MOST, brief, failing, listed, shown, why
from trimaran.core.nouns import Finding, Measurement, Release, Traffic, Verdict

ERRORS = Finding(check="errors > 0.01", outcome="unknown", reason="0 of 303 answers failed, not yet shown to be below 0.01")
DRIFT = Finding(
    check="drift > 0.25", outcome="fail", reason="drift is 1.24 over 545 observations, the alarm is at > 0.25", value=1.24
)
HARM = Finding(
    check="no harm: brier - live brier < 0.005",
    outcome="unknown",
    reason="only 0 rows have both scores and a label, at least 300 are needed",
)


def verdict(policy, outcome, *findings):
    return Verdict(policy=policy, outcome=outcome, findings=list(findings), about="m" * 64)


def release(stage, reason="because"):
    return Release(product="p", number=2, model="m" * 64, stage=stage, traffic=Traffic(live=1), reason=reason)


@pytest.mark.parametrize(
    ("check", "reason", "said"),
    [
        (
            "worst carrier: auc >= 0.6",
            "carrier MQ: auc is 0.55 (99% interval 0.5 to 0.6, n 2103) where >= 0.6 is required; by chance",
            "carrier MQ: auc is 0.55 where >= 0.6 is required",
        ),
        ("no harm: brier - live brier < 0.005", "no harm is done: it differs by 0.1", "no harm is done: it differs by 0.1"),
        (
            "numerics",
            "crosswind is missing in 4.1%, in training in 1.2%",
            "numerics: crosswind is missing in 4.1%, in training in 1.2%",
        ),
        ("test storms", "holds on 98 of 100 real rows", "test storms: holds on 98 of 100 real rows"),
    ],
)
def test_a_finding_keeps_its_number_and_says_what_it_is_about_once(check, reason, said):
    assert brief(Finding(check=check, outcome="fail", reason=reason)) == said


def test_a_drift_names_the_column_that_moved_most_and_how_many_moved():
    seen = Measurement(value=2.591, n=900, note="delay_by_carrier")
    reason = (
        "4 of 9 columns drifted: delay_by_carrier (PSI 2.59, more than in any of the 45 weeks), seats (PSI 1.1) and 2 more"
    )
    told = brief(Finding(check="drift", outcome="fail", reason=reason, value=2.591, measurement=seen))
    assert told == "4 of 9 columns drifted, most delay_by_carrier (PSI 2.59)"


def test_an_endless_reason_is_cut_at_a_word():
    told = brief(Finding(check="x", outcome="fail", reason="word " * 200))
    assert len(told) <= MOST
    assert told.endswith("word …")


def test_only_what_failed_is_told_and_what_is_unknown_where_nothing_failed():
    assert failing(verdict("shadow", "fail", ERRORS, DRIFT, HARM)) == DRIFT.reason
    assert failing(verdict("shadow", "unknown", ERRORS, HARM)).startswith("errors: 0 of 303 answers failed")
    assert failing(verdict("gate", "pass")) == ""


def test_many_findings_are_told_by_two_and_named_beyond():
    told = listed([DRIFT, ERRORS, HARM, Finding(check="p99 < 0.01", outcome="fail", reason="p99 is 0.2")])
    assert told.endswith("; and no harm, p99")


def test_what_passed_is_shown_by_its_numbers_and_many_checks_by_their_count():
    fine = Finding(check="errors > 0.01", outcome="pass", reason="0 of 303 answers failed, shown to be below 0.01")
    assert shown(verdict("canary", "pass", fine)) == "0 of 303 answers failed"
    auc = Finding(
        check="auc >= 0.6",
        outcome="pass",
        reason="auc is 0.7 (95% interval 0.6 to 0.8, n 9) where >= 0.6 is required",
        measurement=Measurement(value=0.7),
    )
    assert (
        shown(verdict("gate", "pass", fine, fine, fine, fine, auc)) == "5 checks hold, auc is 0.7 where >= 0.6 is required"
    )


def test_a_roll_back_is_told_by_the_finding_that_failed():
    seen = [verdict("shadow", "pass", ERRORS), verdict("canary", "fail", ERRORS, DRIFT)]
    assert why(release("rolled back"), seen) == f"canary failed: {DRIFT.reason}"


def test_a_person_who_moved_a_version_against_its_verdict_is_told_in_their_own_words():
    assert why(release("rolled back", "asked by ops"), [verdict("canary", "pass", ERRORS)]) == "asked by ops"
    assert why(release("refused", "risk says no"), [verdict("gate", "pass", ERRORS)]) == "risk says no"
    assert (
        why(release("staging", "trained because of drift"), [verdict("gate", "fail", DRIFT)]) == "trained because of drift"
    )
