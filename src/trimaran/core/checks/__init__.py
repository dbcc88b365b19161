"""Rules as data and the one engine that judges by them."""

from trimaran.core.checks.judging import alarm, conclude, require
from trimaran.core.checks.rules import MEASURES, Measured, Rule, Rules, parse_rule, parse_rules, rule

__all__ = ["MEASURES", "Measured", "Rule", "Rules", "alarm", "conclude", "parse_rule", "parse_rules", "require", "rule"]
