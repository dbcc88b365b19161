"""Findings, verdicts and moves in few words: what fits in a line of a terminal or a cell of a table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from textwrap import shorten

from trimaran.core.nouns import Finding, Release, Verdict

MOST = 110
"""The most characters of one finding."""

PASSING = ("pass", "warn")

_NAMED = 2
_FEW = 4
_ASIDE = re.compile(r" \([^)]*\)")
_WORD = re.compile(r"[a-z]\w*", re.IGNORECASE)
_MOVERS = {
    "canary": ("shadow", "canary"),
    "live": ("shadow", "canary"),
    "rolled back": ("shadow", "canary"),
    "refused": ("gate",),
}


def brief(finding: Finding) -> str:
    """Return what one finding says, in one clause: its number and its bound, without intervals and explanations.

    >>> told = "auc is 0.55 (95% interval 0.53 to 0.57, n 3000) where >= 0.68 is required"
    >>> brief(Finding(check="auc >= 0.68", outcome="fail", reason=told))
    'auc is 0.55 where >= 0.68 is required'
    >>> brief(Finding(check="errors > 0.01", outcome="fail", reason="9 of 303 answers failed; that is too many"))
    'errors: 9 of 303 answers failed'
    """
    clause = finding.reason.partition("; ")[0]
    seen = finding.measurement
    if finding.check == "drift":
        # The reason lists each column with its weeks; a line has room for how many they are and the one that moved most.
        most = (
            f", most {seen.note} (PSI {seen.value:.2f})" if seen is not None and seen.note and seen.value is not None else ""
        )
        return f"{clause.partition(':')[0]}{most}"
    said = plain(clause)
    first = _WORD.match(said)
    named = first is not None and first.group() in _WORD.findall(finding.check)
    return shorten(said if named else f"{_subject(finding.check)}: {said}", MOST, placeholder=" …")


def plain(reason: str) -> str:
    """Return the first clause of a reason, without intervals.

    >>> plain("auc is 0.55 (95% interval 0.53 to 0.57, n 3000) where >= 0.68 is required; chance may explain it")
    'auc is 0.55 where >= 0.68 is required'
    """
    return _ASIDE.sub("", reason.partition("; ")[0])


def failing(verdict: Verdict) -> str:
    """Return the findings that stood in the way, the first two in words and the others by name: failures, else unknowns."""
    return listed(_worst(verdict))


def listed(findings: Sequence[Finding]) -> str:
    """Return findings in one line: the first two in words, the others by name."""
    words = [brief(finding) for finding in findings[:_NAMED]]
    others = [_subject(finding.check) for finding in findings[_NAMED:]]
    return "; ".join([*words, f"and {', '.join(others)}"] if others else words)


def shown(verdict: Verdict) -> str:
    """Return what a passing verdict showed: its few numbers, or how many checks hold and the first measured one."""
    findings = verdict.findings
    if len(findings) <= _FEW:
        return "; ".join(_number(finding) for finding in findings)
    measured = next((finding for finding in findings if finding.measurement is not None), findings[0])
    return f"{len(findings)} checks hold, {_number(measured)}"


def why(move: Release, verdicts: Sequence[Verdict]) -> str:
    """Return why a version was moved: what was shown, or the findings that failed; in its own words where none was judged.

    ``verdicts`` are those about the version until then, oldest first.
    """
    policies = _MOVERS.get(move.stage, ())
    judged = next((verdict for verdict in reversed(verdicts) if verdict.policy in policies), None)
    passed = judged is not None and judged.outcome in PASSING
    if judged is None or passed is (move.stage in {"refused", "rolled back"}):
        # A person decided, or a monitor: the verdict at hand is not what moved it.
        return shorten(move.reason, MOST, placeholder=" …")
    if passed:
        return f"{judged.policy} passed: {shown(judged)}"
    return f"{judged.policy} {'failed' if judged.outcome == 'fail' else 'could not tell'}: {failing(judged)}"


def _worst(verdict: Verdict) -> list[Finding]:
    for outcome in ("fail", "unknown", "warn"):
        found = [finding for finding in verdict.findings if finding.outcome == outcome]
        if found:
            return found
    return []


def _subject(check: str) -> str:
    """Return what a check is about: ``against live: auc >= live - 0.005`` is about ``against live``."""
    return re.split(r":| [<>]", check, maxsplit=1)[0]


def _number(finding: Finding) -> str:
    return shorten(plain(finding.reason).partition(",")[0], MOST, placeholder=" …")
