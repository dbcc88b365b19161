"""Rules as data: ``"auc >= 0.68"``, ``"errors > 1% or drift > 0.25"``, ``"auc < live - 0.03"``, or ``rule.p99 < "10ms"``."""

from __future__ import annotations

import re
from typing import Literal, cast

import msgspec

from trimaran.core.durations import UNITS
from trimaran.core.errors import Fault, InputError

Operator = Literal[">=", ">", "<=", "<"]

MEASURES = {
    "auc": "area under the ROC curve",
    "brier": "mean squared error of the probability",
    "log_loss": "mean negative log-likelihood",
    "accuracy": "share of right answers: decisions at the threshold, or classes",
    "ece": "expected calibration error",
    "value": "value of the decisions, by row, in the product's own money",
    "mae": "mean absolute error",
    "rmse": "root of the mean squared error",
    "r2": "share of the label's variance that is explained",
    "bias": "by how much answers are too high in the mean",
    "pinball": "mean pinball loss at the label's quantile",
    "mase": "mean absolute error in units of the naive forecast's on the rows trained on",
    "macro_f1": "mean of the classes' F1",
    "ndcg": "mean over groups of the normalised discounted cumulative gain of their first places",
    "map": "mean over groups of the average precision",
    "mrr": "mean over groups of one over the place of the first relevant row",
    "errors": "share of requests that failed",
    "drift": "population stability index",
    "p50": "median seconds to answer",
    "p99": "99th percentile of seconds to answer",
}
LOWER = frozenset({"brier", "log_loss", "ece", "mae", "rmse", "pinball", "mase", "errors", "drift", "p50", "p99"})
"""The measures of which less is better; of bias neither is."""

_NUMBER = r"[-+]?\d+(?:\.\d+)?"
_BOUND = re.compile(rf"(?:(live)\s*([-+])\s*)?({_NUMBER})\s*(%|us|ms|s|m|h|d|w)?|(live)")
_RULE = re.compile(r"([a-z_][a-z_0-9]*)?\s*(>=|<=|>|<)\s*(.+)")


class Rule(msgspec.Struct, frozen=True):
    """A comparison of one measure with a bound, or with the live version's value moved by ``bound``.

    Durations are bounds in seconds, percentages are shares.

    >>> str(parse_rule("p99 < 10ms"))
    'p99 < 0.01'
    >>> parse_rule("auc < live - 0.03").limit(live=0.70)
    0.67
    """

    measure: str
    operator: Operator
    bound: float
    against_live: bool = False

    def limit(self, live: float | None = None) -> float | None:
        """Return the bound as a number; None when it needs a live version's value and there is none."""
        if not self.against_live:
            return self.bound
        return None if live is None else round(live + self.bound, 12)

    def holds(self, value: float, live: float | None = None) -> bool:
        """Return whether a value satisfies the comparison."""
        limit = self.limit(live)
        if limit is None:
            return False
        return {">=": value >= limit, ">": value > limit, "<=": value <= limit, "<": value < limit}[self.operator]

    def __str__(self) -> str:
        live = f"live {'-' if self.bound < 0 else '+'} {abs(self.bound):g}" if self.against_live else f"{self.bound:g}"
        return f"{self.measure} {self.operator} {live}"

    def __or__(self, other: Rule | Rules) -> Rules:
        return Rules((self, *(other.any_of if isinstance(other, Rules) else (other,))))


class Rules(msgspec.Struct, frozen=True):
    """Alarms of which any one suffices."""

    any_of: tuple[Rule, ...]

    def __or__(self, other: Rule | Rules) -> Rules:
        return Rules((*self.any_of, *(other.any_of if isinstance(other, Rules) else (other,))))

    def __str__(self) -> str:
        return " or ".join(map(str, self.any_of))


def parse_rule(text: str | Rule, *, measure: str | None = None) -> Rule:
    """Return the rule a text states; ``measure`` is the one meant when the text does not name any.

    Raises ``InputError`` that points at the part that cannot be read and lists the valid choices.

    >>> parse_rule(">= 0.68", measure="auc")
    Rule(measure='auc', operator='>=', bound=0.68, against_live=False)
    """
    if isinstance(text, Rule):
        return text
    match = _RULE.fullmatch(text.strip())
    if not match:
        raise _unreadable(text, 0, "a comparison", "write a measure, one of >= > <= <, and a bound, like 'auc >= 0.68'")
    name, operator, bound = match.groups()
    name = name or measure
    if name not in MEASURES:
        raise _unreadable(text, 0, f"the measure {name!r}", f"choose one of: {', '.join(MEASURES)}")
    number, against_live = _parse_bound(text, bound.strip(), match.start(3))
    return Rule(name, cast("Operator", operator), number, against_live)


def parse_rules(text: str | Rule | Rules) -> Rules:
    """Return alarms joined by ``or``.

    >>> str(parse_rules("errors > 1% or drift > 0.25"))
    'errors > 0.01 or drift > 0.25'
    """
    if isinstance(text, Rules):
        return text
    if isinstance(text, Rule):
        return Rules((text,))
    return Rules(tuple(parse_rule(part) for part in re.split(r"\s+or\s+", text.strip())))


def _parse_bound(text: str, bound: str, position: int) -> tuple[float, bool]:
    match = _BOUND.fullmatch(bound)
    if not match:
        raise _unreadable(text, position, f"the bound {bound!r}", "write a number, 1%, 10ms or 'live - 0.03'")
    live, sign, number, unit, bare = match.groups()
    if bare:
        return 0.0, True
    value = float(number)
    if unit == "%":
        value /= 100
    elif unit:
        value *= UNITS[unit].total_seconds()
    return (-value if sign == "-" else value), live is not None


def _unreadable(text: str, position: int, what: str, remedy: str) -> InputError:
    pointer = f"{text!r} at character {position + 1}"
    return InputError("rule", [Fault(what=f"cannot read {what} in {pointer}", remedy=remedy)])


class Measured:
    """A measure in the object form of a rule: comparing it gives a ``Rule``.

    >>> str(rule.p99 < "10ms")
    'p99 < 0.01'
    >>> str((rule.errors > "1%") | (rule.drift > 0.25))
    'errors > 0.01 or drift > 0.25'
    """

    __hash__ = None  # type: ignore[assignment]  # comparing builds a rule, so a measure can be no key

    def __init__(self, name: str) -> None:
        self._name = name

    def __lt__(self, bound: str | float) -> Rule:
        return parse_rule(f"{self._name} < {bound}")

    def __le__(self, bound: str | float) -> Rule:
        return parse_rule(f"{self._name} <= {bound}")

    def __gt__(self, bound: str | float) -> Rule:
        return parse_rule(f"{self._name} > {bound}")

    def __ge__(self, bound: str | float) -> Rule:
        return parse_rule(f"{self._name} >= {bound}")


class _Measures:
    """One attribute a measure, so that editors complete them."""

    auc = Measured("auc")
    brier = Measured("brier")
    log_loss = Measured("log_loss")
    accuracy = Measured("accuracy")
    ece = Measured("ece")
    value = Measured("value")
    mae = Measured("mae")
    rmse = Measured("rmse")
    r2 = Measured("r2")
    bias = Measured("bias")
    pinball = Measured("pinball")
    mase = Measured("mase")
    macro_f1 = Measured("macro_f1")
    errors = Measured("errors")
    drift = Measured("drift")
    p50 = Measured("p50")
    p99 = Measured("p99")


rule = _Measures()
