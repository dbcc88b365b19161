"""The story tells what is new, briefly, in the order in which it happened."""

from datetime import UTC, datetime, timedelta

import pytest

from trimaran.control.story import LONGEST, QUIET_AFTER, story
from trimaran.core.clock import ManualClock
from trimaran.core.ledger import Ledger
from trimaran.core.nouns import Finding, Measurement, Notice, Release, Traffic, Trigger, Verdict
from trimaran.testing import MemoryLedger

START = datetime(2013, 3, 1, tzinfo=UTC)
STALE = Finding(check="stale", outcome="fail", reason="the newest row is 46 days old, more than 45d", value=46.0)
SLOW = Finding(check="p99", outcome="fail", reason="p99 is 0.03 over 168 observations, the alarm is at >= 0.01", value=0.03)
FINE = Finding(check="stale", outcome="pass", reason="the newest row is 3 days old")


@pytest.fixture
def clock():
    return ManualClock(START)


@pytest.fixture
def ledger(clock):
    return Ledger(MemoryLedger(), clock, "tests")


def watched(ledger, clock, days, *findings):
    clock.set(START + timedelta(days=days))
    outcome = "fail" if any(finding.outcome == "fail" for finding in findings) else "pass"
    ledger.append(
        Verdict(policy="watch", outcome=outcome, findings=list(findings), about="m" * 64), "p/v1", key=f"day {days}"
    )


def texts(ledger, **options):
    return [event.text for event in story(ledger, "p", **options)]


def test_a_watch_tells_what_newly_fails_with_its_number_and_names_the_rest(ledger, clock):
    watched(ledger, clock, 1, SLOW)
    watched(ledger, clock, 2, SLOW)
    watched(ledger, clock, 3, STALE, SLOW)
    assert texts(ledger) == [SLOW.reason, f"stale: {STALE.reason}; still failing: p99"]
    assert len(texts(ledger, quiet=False)) == 3


def test_a_check_that_comes_and_goes_is_news_again_only_after_a_quiet_time(ledger, clock):
    watched(ledger, clock, 1, STALE)
    watched(ledger, clock, 2, FINE)
    watched(ledger, clock, 3, STALE)
    assert len(texts(ledger)) == 1
    watched(ledger, clock, 4 + QUIET_AFTER.days, STALE)
    assert len(texts(ledger)) == 2


def test_a_quiet_watch_says_so_when_everything_is_asked_for(ledger, clock):
    watched(ledger, clock, 1, FINE)
    assert texts(ledger) == []
    assert texts(ledger, quiet=False) == ["all 1 checks looked, none fails"]


def test_a_trigger_says_briefly_what_the_watch_found(ledger, clock):
    reason = "1 of 10 columns drifted: score (PSI 0.81, more than in any of the 4 weeks it was tested on); false discovery rate 5%"
    seen = Measurement(value=0.81, n=900, note="score")
    watched(ledger, clock, 1, Finding(check="drift", outcome="fail", reason=reason, value=0.81, measurement=seen))
    ledger.append(Trigger(product="p", cause="drift", detail=reason), "p")
    ledger.append(Trigger(product="p", cause="schedule", detail="30d passed"), "p")
    assert texts(ledger)[1:] == [
        "retraining because of drift: 1 of 10 columns drifted, most score (PSI 0.81)",
        "retraining because of schedule: 30d passed",
    ]


def test_the_look_at_a_canary_is_told_by_the_move_that_follows(ledger):
    failed = Finding(check="drift > 0.25", outcome="fail", reason="drift is 1.24 over 545 observations")
    ledger.append(Verdict(policy="canary", outcome="fail", findings=[failed], about="m" * 64), "p/v2")
    move = Release(product="p", number=2, model="m" * 64, stage="rolled back", traffic=Traffic(live=1), reason="long " * 90)
    ledger.append(move, "p")
    (event,) = story(ledger, "p")
    assert (event.about, event.good) == ("p/v2", False)
    assert event.text == "v2 → rolled back: canary failed: drift is 1.24 over 545 observations"


def test_no_text_is_longer_than_two_lines_and_other_products_stay_out(ledger):
    ledger.append(Trigger(product="p", cause="people", detail="word " * 300), "p")
    ledger.append(Trigger(product="pq", cause="people", detail="other"), "pq")
    ledger.append(Notice(product="p", to="mailto:a", subject="s", text="t"), "p")
    (text,) = texts(ledger)
    assert len(text) <= LONGEST
