"""Every record trimaran keeps; this list is the glossary."""

from trimaran.core.nouns.build import Code, Environment, ModelVersion, Run
from trimaran.core.nouns.control import Approval, Declared, Notice, Trigger, Turn
from trimaran.core.nouns.data import Balance, Ingest, Quarantine
from trimaran.core.nouns.deploy import Label, Mode, Prediction, Release, Role, Stage, Traffic
from trimaran.core.nouns.judging import Finding, Measurement, Outcome, Verdict
from trimaran.core.nouns.record import GENESIS, Draft, Entry, Record, Ref, UnknownKind

__all__ = [
    "GENESIS",
    "Approval",
    "Balance",
    "Code",
    "Declared",
    "Draft",
    "Entry",
    "Environment",
    "Finding",
    "Ingest",
    "Label",
    "Measurement",
    "Mode",
    "ModelVersion",
    "Notice",
    "Outcome",
    "Prediction",
    "Quarantine",
    "Record",
    "Ref",
    "Release",
    "Role",
    "Run",
    "Stage",
    "Traffic",
    "Trigger",
    "Turn",
    "UnknownKind",
    "Verdict",
]
