"""What a table may hold: deliveries are judged here, and refused rows keep their reasons."""

from trimaran.data.contracts.checks import Allowance, Check, Policy, Surroundings
from trimaran.data.contracts.columns import Finite, Length, Pattern, Range, Required, Values
from trimaran.data.contracts.contract import Contract, Delivery, identity, judge_delivery
from trimaran.data.contracts.declared import as_contract, recorded, settled, settles
from trimaran.data.contracts.expressions import Expression
from trimaran.data.contracts.inference import infer_contract
from trimaran.data.contracts.judging import REASONS, Judged, judge, unfit
from trimaran.data.contracts.odcs import parse_contract, read_contract
from trimaran.data.contracts.pandera_schemas import from_pandera
from trimaran.data.contracts.tables import Fresh, Reference, Rows, Unique

__all__ = [
    "REASONS",
    "Allowance",
    "Check",
    "Contract",
    "Delivery",
    "Expression",
    "Finite",
    "Fresh",
    "Judged",
    "Length",
    "Pattern",
    "Policy",
    "Range",
    "Reference",
    "Required",
    "Rows",
    "Surroundings",
    "Unique",
    "Values",
    "as_contract",
    "from_pandera",
    "identity",
    "infer_contract",
    "judge",
    "judge_delivery",
    "parse_contract",
    "read_contract",
    "recorded",
    "settled",
    "settles",
    "unfit",
]
