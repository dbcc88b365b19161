"""Decides whether a new candidate is due, from the schedule and from what the monitors found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from trimaran.control.state import ProductState
from trimaran.core.durations import format_duration
from trimaran.core.nouns import Finding
from trimaran.data.declaration import Retraining


class Cause(NamedTuple):
    """Why a candidate is due: the trigger's name, and what was seen, in words."""

    name: str
    detail: str


def due(
    policy: Retraining, state: ProductState, findings: Sequence[Finding], new_labels: int, now: datetime
) -> Cause | None:
    """Return why a candidate is due now, None when none is.

    None is due while one is on its way, before the first release, or before ``min_labels`` new labels came since the
    newest training: so a drift that lasts for weeks starts one retraining, not one a day. A finding is more urgent than
    the schedule.
    """
    if state.live is None or state.candidate is not None or not state.versions:
        return None
    if new_labels < policy.min_labels:
        return None
    for finding in findings:
        if finding.check in policy.when and finding.outcome == "fail":
            return Cause(finding.check, finding.reason)
    newest = max(version.entry.at for version in state.versions.values())
    if policy.every is not None and now - newest >= policy.every:
        return Cause("schedule", f"{format_duration(policy.every)} passed since the last training")
    return None
