"""A model is stale when the newest row it was proven on is too old."""

from datetime import UTC, datetime, timedelta

import pytest

from trimaran.monitor.staleness import judge

START = datetime(2013, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("days", "outcome"), [(29.9, "pass"), (30, "pass"), (30.1, "fail")])
def test_a_model_is_stale_past_its_bound(days, outcome):
    finding = judge(START, timedelta(days=30), START + timedelta(days=days))
    assert (finding.check, finding.outcome, finding.bound) == ("stale", outcome, 30.0)
    assert finding.value == pytest.approx(days)
    assert finding.reason.startswith(f"the newest row it was proven on is {days:.1f} days old")
