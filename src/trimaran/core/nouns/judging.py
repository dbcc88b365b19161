"""Records of judging: measurements, findings and verdicts; one shape for contracts, gates, canaries and monitors."""

from __future__ import annotations

from typing import Literal

import msgspec

from trimaran.core.nouns.record import Record, Ref

Outcome = Literal["pass", "warn", "fail", "unknown"]


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """A measured value with what is known of its uncertainty: an interval at ``level`` and the sample behind it."""

    value: float | None
    n: int = 0
    low: float | None = None
    high: float | None = None
    level: float | None = None
    note: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one check said: its outcome, the value it saw, the bound it holds, and why, in words."""

    check: str
    outcome: Outcome
    reason: str
    value: float | None = None
    bound: float | None = None
    measurement: Measurement | None = None


class Verdict(Record, frozen=True, kw_only=True, tag="verdict"):
    """The findings of an ordered list of checks about one thing, bound to that thing's digest.

    ``policy`` names the list (gate, shadow, canary, watch); ``about`` is the digest of what was judged: a moved digest
    needs a new verdict. ``evidence`` is the object with everything the checks saw.
    """

    policy: str
    outcome: Outcome
    findings: list[Finding]
    about: str
    evidence: str | None = None
    refs: list[Ref] = []

    @property
    def reasons(self) -> list[str]:
        """Why it did not pass, in words; empty when it passed."""
        return [f"{finding.check}: {finding.reason}" for finding in self.findings if finding.outcome in ("fail", "unknown")]
