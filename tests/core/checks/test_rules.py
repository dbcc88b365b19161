"""Rules read from text and from objects are the same rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.core.checks import MEASURES, Rule, Rules, alarm, conclude, parse_rule, parse_rules, require, rule
from trimaran.core.errors import InputError
from trimaran.core.nouns import Finding, Measurement

OPERATORS = [">=", ">", "<=", "<"]


@given(st.sampled_from(sorted(MEASURES)), st.sampled_from(OPERATORS), st.floats(-1000, 1000).map(lambda x: round(x, 3)))
def test_a_rule_written_out_reads_back_the_same(measure, operator, bound):
    made = Rule(measure, operator, bound)
    assert parse_rule(f"{measure} {operator} {bound:.3f}") == made


def test_object_forms_equal_text_forms():
    assert (rule.p99 < "10ms") == parse_rule("p99 < 10ms")
    assert ((rule.errors > "1%") | (rule.drift > 0.25)) == parse_rules("errors > 1% or drift > 0.25")


def test_a_rule_against_live_has_no_limit_without_a_live_value():
    relative = parse_rule("auc < live - 0.03")
    assert relative.limit() is None
    assert relative.limit(live=0.7) == pytest.approx(0.67)
    assert not relative.holds(0.1)


@pytest.mark.parametrize("text", ["", "auc", "auc >", "auc >= x", "auc => 1", "speed > 3", "auc > 1 or", "auc > 3 parsecs"])
def test_what_cannot_be_read_is_refused_with_choices(text):
    with pytest.raises(InputError) as caught:
        parse_rules(text)
    assert all(fault.remedy for fault in caught.value.faults)


def test_unknown_never_passes():
    required = Rule("auc", ">=", 0.5)
    assert require(required, None).outcome == "unknown"
    assert require(required, Measurement(value=None, note="one class only")).reason == "one class only"
    assert require(required, Measurement(value=0.9, n=10), minimum=100).outcome == "unknown"
    assert require(parse_rule("auc >= live"), Measurement(value=0.9, n=10)).outcome == "unknown"


@given(st.lists(st.sampled_from(["pass", "warn", "fail", "unknown"]), max_size=6))
def test_a_verdict_is_its_worst_finding(outcomes):
    verdict = conclude("gate", "ab", [Finding(check="c", outcome=outcome, reason="r") for outcome in outcomes])
    order = ["pass", "warn", "unknown", "fail"]
    assert verdict.outcome == (max(outcomes, key=order.index) if outcomes else "unknown")


def test_an_alarm_needs_its_whole_interval_beyond_the_bound():
    bound = Rules((Rule("auc", "<", 0.6),)).any_of[0]
    assert alarm(bound, Measurement(value=0.55, low=0.5, high=0.59, n=500)).outcome == "fail"
    assert alarm(bound, Measurement(value=0.59, low=0.5, high=0.61, n=500)).outcome == "warn"
    assert alarm(bound, Measurement(value=0.61, low=0.6, high=0.62, n=500)).outcome == "pass"
