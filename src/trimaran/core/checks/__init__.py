"""Rules as data and the one engine that judges by them."""

from trimaran.core.checks.judging import alarm, conclude, require
from trimaran.core.checks.keeping import Keep, parse_keep
from trimaran.core.checks.rules import LOWER, MEASURES, Measured, Rule, Rules, parse_rule, parse_rules, rule

__all__ = [
    "LOWER",
    "MEASURES",
    "Keep",
    "Measured",
    "Rule",
    "Rules",
    "alarm",
    "conclude",
    "parse_keep",
    "parse_rule",
    "parse_rules",
    "require",
    "rule",
]
