"""The gate: whether a candidate may be released at all, judged by the product's own policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from trimaran.build import SMALL, AgainstNaive, Comparison, Evidence, Numerics, Slice, TestResult, Together, policy_of
from trimaran.core.checks import LOWER, Rule, conclude, require
from trimaran.core.nouns import Finding, Measurement, Outcome, Ref, Verdict
from trimaran.core.tasks import Kind
from trimaran.data.declaration import Definition

GATE = "gate"
REPLICATION = "replication"
"""The policy of verdicts about all models of a replication together."""

LATENCY_CALLS = 100
"""Calls that a statement about the 99th percentile needs at least."""

ALONE_TOLERANCE = 1e-5
FLIP_LIMIT = 0.01
"""The share of decisions that noise of a millionth may turn: more, and the model cuts between numbers that mean the same."""

_TIMES = ("p50", "p99")
_SCORES = {"regression": "finite numbers", "ranking": "finite numbers", "multiclass": "probabilities that sum to 1"}


def judge_candidate(
    definition: Definition, evidence: Evidence, about: str, *, stored: str | None = None, refs: Sequence[Ref] = ()
) -> Verdict:
    """Return the verdict of policy ``gate`` about the model with digest ``about``.

    In order: the author's tests, the numbers themselves, parity of the compiled form, whether a model that was trained
    elsewhere can have seen the window, each requirement, the naive forecast of a product that has one, the margin against
    the live version, the worst slices, and the time an answer takes. ``stored`` is the evidence's own object.
    """
    return conclude(GATE, about, list(_findings(definition, evidence)), evidence=stored, refs=refs)


def judge_segment(
    definition: Definition, evidence: Evidence, about: str, *, stored: str | None = None, refs: Sequence[Ref] = ()
) -> Verdict:
    """Return the verdict of policy ``gate`` about the model of one segment.

    It is the product's own gate, on as many rows as ``replicate`` asks for, and against the pooled version on the segment's
    own rows: by the margin against the live version where one is declared, else it must not be worse. Slices are judged over
    all segments together.
    """
    acceptance, policy = definition.acceptance, policy_of(definition)
    own = replace(acceptance, minimum=policy.tested, slices=(), against_live=_margins(definition))
    return judge_candidate(replace(definition, acceptance=own), evidence, about, stored=stored, refs=refs)


def judge_together(
    definition: Definition, together: Together, about: str, *, stored: str | None = None, refs: Sequence[Ref] = ()
) -> Verdict:
    """Return the verdict of policy ``replication`` about the sheet with digest ``about``: all answers of the whole window.

    In order: each requirement but the time an answer takes, which each model's own gate judges; the margin against the
    pooled version alone, which must not be better where none is declared; and the worst slices.
    """
    acceptance = definition.acceptance
    findings = [
        require(rule, together.measures.get(rule.measure), live=_live_value(together.live, rule), minimum=acceptance.minimum)
        for rule in acceptance.rules
        if rule.measure not in _TIMES
    ]
    findings += [_margin(rule, together.measures, together.live, acceptance.minimum) for rule in _margins(definition)]
    findings += [
        _worst_slice(column, rule, [part for part in together.slices if part.column == column], acceptance.slice_minimum)
        for column, rule in acceptance.slices
    ]
    return conclude(REPLICATION, about, findings, evidence=stored, refs=refs)


def _findings(definition: Definition, evidence: Evidence) -> Iterator[Finding]:
    acceptance = definition.acceptance
    yield from (_test(result) for result in evidence.tests)
    yield _numerics(evidence.numerics, evidence.task)
    yield _parity(evidence)
    if evidence.elsewhere:
        yield _unseen(evidence)
    for rule in acceptance.rules:
        if rule.measure not in _TIMES:
            live = _live_value(evidence.live, rule)
            yield require(rule, evidence.measures.get(rule.measure), live=live, minimum=acceptance.minimum)
    if definition.naive is not None:
        scaled = evidence.measures.get("mase")
        yield _against_naive(definition.naive.feature, evidence.naive, scaled, acceptance.minimum)
    for rule in acceptance.against_live:
        yield _margin(rule, evidence.measures, evidence.live, acceptance.minimum)
    for column, rule in acceptance.slices:
        yield _worst_slice(
            column, rule, [part for part in evidence.slices if part.column == column], acceptance.slice_minimum
        )
    for rule in acceptance.rules:
        if rule.measure in _TIMES:
            yield require(rule, evidence.measures.get(rule.measure), minimum=LATENCY_CALLS)


def _test(result: TestResult) -> Finding:
    outcome: Outcome = "unknown" if not result.rows else "pass" if result.passed else "fail"
    reason = f"holds on {result.held} of {result.rows} real rows, {result.share:.0%} are required"
    if outcome == "fail":
        reason += f"; the first that fails: {result.failure}"
    share = result.held / result.rows if result.rows else None
    return Finding(check=f"test {result.name}", outcome=outcome, reason=reason, value=share, bound=result.share)


def _numerics(seen: Numerics, task: Kind) -> Finding:
    faults = []
    kind, answers = ("probabilities", "decisions") if task == "binary" else (_SCORES[task], "answers")
    if seen.broken:
        faults.append(f"{seen.broken} of {seen.rows} scores are no {kind}")
    if seen.alone > ALONE_TOLERANCE:
        faults.append(f"a row scored alone differs by up to {seen.alone:.2g} from the same row in a batch")
    if seen.flips > FLIP_LIMIT:
        faults.append(
            f"changing values by a millionth turns {seen.flips:.1%} of the {answers}, at most {FLIP_LIMIT:.0%} may turn"
        )
    reason = "; ".join(faults) or (
        f"all {seen.rows} scores are {kind}, the same alone as in a batch; "
        f"changing values by a millionth turns {seen.flips:.2%} of the {answers}"
    )
    return Finding(check="numerics", outcome="fail" if faults else "pass", reason=reason, value=seen.flips, bound=FLIP_LIMIT)


def _parity(evidence: Evidence) -> Finding:
    seen = evidence.parity
    if not seen.holds:
        return Finding(check="parity", outcome="warn", reason=seen.note, value=seen.difference)
    reason = f"the compiled form gives the native model's answers on {seen.rows} rows, to within {seen.difference:.2g}"
    return Finding(check="parity", outcome="pass", reason=reason, value=seen.difference)


def _unseen(evidence: Evidence) -> Finding:
    check, until, begins = "trained before the window", evidence.trained_until, evidence.tested_from
    if until is None:
        reason = (
            "it was trained elsewhere and nobody said on rows up to when, so it may have seen the rows that it is tested on: "
            "say --trained-until"
        )
        return Finding(check=check, outcome="warn", reason=reason)
    seen = until > begins
    reason = f"it was trained elsewhere, on rows up to {until:%Y-%m-%d %H:%M} UTC, and is tested on rows after {begins:%Y-%m-%d %H:%M} UTC"
    return Finding(
        check=check, outcome="fail" if seen else "pass", reason=f"{reason}: it has seen some of them" if seen else reason
    )


def _against_naive(feature: str, seen: AgainstNaive | None, scaled: Measurement | None, minimum: int) -> Finding:
    """Judge a forecast by the naive one: worse fails, and better by so little that chance may explain it warns."""
    check = f"beats {feature}"
    if seen is None:
        return Finding(check=check, outcome="unknown", reason="it was not held against the naive forecast")
    ours, theirs, gap = seen.value.value, seen.naive.value, seen.difference
    if seen.rows < minimum or ours is None or theirs is None or gap.value is None:
        reason = (
            f"the naive forecast is known on {seen.rows} rows and missing on {seen.missing}, at least {minimum} are needed"
        )
        return Finding(
            check=check, outcome="unknown", reason=f"{reason}: is its lag as long as its value takes to be known?"
        )
    sign = 1.0 if seen.measure in LOWER else -1.0
    worst = gap.high if sign > 0 else gap.low
    sure = worst is not None and sign * worst < 0
    outcome: Outcome = "fail" if sign * gap.value >= 0 else "pass" if sure else "warn"
    reason = f"{seen.measure} is {ours:.4g} where the naive forecast has {theirs:.4g} on the same {seen.rows} rows"
    if gap.low is not None and gap.high is not None:
        reason += f", a difference of {gap.value:+.4g} ({gap.level or 0:.0%} interval {gap.low:+.4g} to {gap.high:+.4g})"
    if scaled is not None and scaled.value is not None:
        reason += f"; MASE {scaled.value:.3g}"
    said = {"fail": ": it is no better than no model", "warn": ": chance alone may explain it", "pass": ""}[outcome]
    return Finding(check=check, outcome=outcome, reason=reason + said, value=ours, bound=theirs, measurement=seen.value)


def _margins(definition: Definition) -> tuple[Rule, ...]:
    """Return how much better the pooled version may be: not at all, unless a margin is declared."""
    no_worse = Rule(definition.goal, "<=" if definition.goal in LOWER else ">=", 0.0, against_live=True)
    return definition.acceptance.against_live or (no_worse,)


def _margin(rule: Rule, measures: Mapping[str, Measurement], live: Comparison | None, minimum: int) -> Finding:
    check = f"against live: {rule}"
    if live is None:
        return Finding(check=check, outcome="pass", reason="nothing is live yet, so there is nothing to be worse than")
    theirs = _live_value(live, rule)
    finding = require(rule, measures.get(rule.measure), live=theirs, minimum=minimum, check=check)
    if theirs is None or finding.outcome == "unknown":
        return finding
    told = f"{finding.reason}: live v{live.number} has {theirs:.4g} on the same rows"
    gap = live.differences.get(rule.measure)
    if gap is not None and gap.value is not None and gap.low is not None and gap.high is not None:
        told += f", a difference of {gap.value:+.4f} ({gap.level or 0:.0%} interval {gap.low:+.4f} to {gap.high:+.4f})"
    return _told(finding, told)


def _worst_slice(column: str, rule: Rule, parts: Sequence[Slice], minimum: int) -> Finding:
    """Judge the slices of a column together: they fail when one is shown to be worse than the bound, not by chance alone."""
    check = f"worst {column}: {rule}"
    judged = [part for part in parts if part.value != SMALL and part.rows >= minimum]
    if not judged:
        return Finding(check=check, outcome="unknown", reason=f"no value of {column} has {minimum} rows to judge")
    findings = [(part, _slice(rule, part, check)) for part in judged]
    measured = [(part, finding) for part, finding in findings if finding.value is not None]
    for outcome in ("fail", "unknown", "warn"):
        found = [finding for _, finding in findings if finding.outcome == outcome]
        if found:
            return found[0] if outcome == "unknown" else _worst(rule, found)
    worst = _worst(rule, [finding for _, finding in measured])
    return _told(worst, f"{worst.reason}, the worst of {len(judged)} values with at least {minimum} rows")


def _slice(rule: Rule, part: Slice, check: str) -> Finding:
    seen = part.measures.get(rule.measure)
    finding = require(rule, seen, check=check)
    named = _told(finding, f"{part.column} {part.value}: {finding.reason}")
    best = None if seen is None else seen.high if rule.operator in {">", ">="} else seen.low
    if finding.outcome != "fail" or best is None or not rule.holds(best):
        return named
    reason = f"{named.reason}; but its interval reaches the bound, so that chance alone may explain it (5% over all slices)"
    return _told(named, reason, outcome="warn")


def _worst(rule: Rule, findings: Sequence[Finding]) -> Finding:
    key = max if rule.operator in {"<", "<="} else min
    return key(findings, key=lambda finding: finding.value if finding.value is not None else 0.0)


def _told(finding: Finding, reason: str, outcome: Outcome | None = None) -> Finding:
    return Finding(
        check=finding.check,
        outcome=outcome or finding.outcome,
        reason=reason,
        value=finding.value,
        bound=finding.bound,
        measurement=finding.measurement,
    )


def _live_value(live: Comparison | None, rule: Rule) -> float | None:
    seen = live.measures.get(rule.measure) if live is not None else None
    return seen.value if seen is not None else None
