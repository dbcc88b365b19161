"""The one judging engine: evidence in, findings out, a verdict over an ordered list of findings."""

from __future__ import annotations

from collections.abc import Sequence

from trimaran.core.checks.rules import Rule
from trimaran.core.nouns import Finding, Measurement, Outcome, Ref, Verdict

_WORST: tuple[Outcome, ...] = ("fail", "unknown", "warn", "pass")


def require(
    rule: Rule, seen: Measurement | None, *, live: float | None = None, minimum: int = 0, check: str = ""
) -> Finding:
    """Judge a requirement: it passes when the measured value keeps the rule, and is unknown without enough evidence.

    The value is judged as measured; its interval is told in the reason, so that a reader sees how sure the pass is.

    >>> require(Rule("auc", ">=", 0.6), Measurement(value=0.7, n=5000)).outcome
    'pass'
    """
    lacking = _lacking(rule, seen, live, minimum, check or str(rule))
    if lacking is not None or seen is None or seen.value is None:
        return lacking or _unknown(check or str(rule), "nothing was measured", seen)
    holds = rule.holds(seen.value, live)
    limit = rule.limit(live)
    reason = f"{rule.measure} is {seen.value:.4g}{_interval(seen)} where {rule.operator} {limit:.4g} is required"
    return Finding(
        check=check or str(rule),
        outcome="pass" if holds else "fail",
        reason=reason + (f" ({seen.note})" if seen.note else ""),
        value=seen.value,
        bound=limit,
        measurement=seen,
    )


def alarm(rule: Rule, seen: Measurement | None, *, live: float | None = None, minimum: int = 0, check: str = "") -> Finding:
    """Judge an alarm: it fails only when the whole interval lies on the alarming side, and warns when the value alone does.

    So the rate of false alarms is at most half of ``1 - level`` of the interval.

    >>> alarm(Rule("auc", "<", 0.6), Measurement(value=0.59, low=0.57, high=0.61, n=900)).outcome
    'warn'
    """
    lacking = _lacking(rule, seen, live, minimum, check or str(rule))
    if lacking is not None or seen is None or seen.value is None:
        return lacking or _unknown(check or str(rule), "nothing was measured", seen)
    low = seen.value if seen.low is None else seen.low
    high = seen.value if seen.high is None else seen.high
    mildest = high if rule.operator in ("<", "<=") else low
    outcome: Outcome = "fail" if rule.holds(mildest, live) else "warn" if rule.holds(seen.value, live) else "pass"
    return Finding(
        check=check or str(rule),
        outcome=outcome,
        reason=f"{rule.measure} is {seen.value:.4g}{_interval(seen)}, the alarm is at {rule.operator} {rule.limit(live):.4g}",
        value=seen.value,
        bound=rule.limit(live),
        measurement=seen,
    )


def conclude(
    policy: str, about: str, findings: Sequence[Finding], *, evidence: str | None = None, refs: Sequence[Ref] = ()
) -> Verdict:
    """Return the verdict over findings: the worst of them; a list without findings is unknown, and unknown never passes.

    >>> conclude("gate", "ab", []).outcome
    'unknown'
    """
    outcomes = {finding.outcome for finding in findings}
    worst: Outcome = next((outcome for outcome in _WORST if outcome in outcomes), "unknown")
    return Verdict(policy=policy, outcome=worst, findings=list(findings), about=about, evidence=evidence, refs=list(refs))


def _lacking(rule: Rule, seen: Measurement | None, live: float | None, minimum: int, check: str) -> Finding | None:
    if seen is None or seen.value is None:
        return _unknown(check, (seen.note if seen is not None else "") or "nothing was measured", seen)
    if seen.n < minimum:
        return _unknown(check, f"only {seen.n} observations, at least {minimum} are needed", seen)
    if rule.limit(live) is None:
        return _unknown(check, "there is no live version to compare with", seen)
    return None


def _unknown(check: str, reason: str, seen: Measurement | None) -> Finding:
    return Finding(check=check, outcome="unknown", reason=reason, measurement=seen)


def _interval(seen: Measurement) -> str:
    if seen.low is None or seen.high is None:
        return f" over {seen.n} observations" if seen.n else ""
    level = f"{seen.level:.0%} " if seen.level else ""
    return f" ({level}interval {seen.low:.4g} to {seen.high:.4g}, n {seen.n})"
