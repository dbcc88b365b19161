"""How a product is declared, and what the declaration amounts to."""

from trimaran.core.tasks import Value
from trimaran.data.declaration.budgets import Budget, parse_budget
from trimaran.data.declaration.composing import composed
from trimaran.data.declaration.declaration import Declaration
from trimaran.data.declaration.definition import Definition
from trimaran.data.declaration.draft import GROUP, PRUNERS, REPORT
from trimaran.data.declaration.encoding import target_encoding
from trimaran.data.declaration.identity import identities
from trimaran.data.declaration.ordering import order, steps
from trimaran.data.declaration.parts import (
    PREDICT_AT,
    Acceptance,
    Expectation,
    Feature,
    Function,
    Label,
    Model,
    ModelTest,
    Moment,
    Naive,
    ReleasePolicy,
    Replicating,
    Retraining,
    Suggestion,
    Table,
    Watch,
)
from trimaran.data.declaration.schemas import read_schemas, write_schemas
from trimaran.data.declaration.sharing import Features
from trimaran.data.declaration.spaces import Choices, Interval, Space, integer, log, uniform

__all__ = [
    "GROUP",
    "PREDICT_AT",
    "PRUNERS",
    "REPORT",
    "Acceptance",
    "Budget",
    "Choices",
    "Declaration",
    "Definition",
    "Expectation",
    "Feature",
    "Features",
    "Function",
    "Interval",
    "Label",
    "Model",
    "ModelTest",
    "Moment",
    "Naive",
    "ReleasePolicy",
    "Replicating",
    "Retraining",
    "Space",
    "Suggestion",
    "Table",
    "Value",
    "Watch",
    "composed",
    "identities",
    "integer",
    "log",
    "order",
    "parse_budget",
    "read_schemas",
    "steps",
    "target_encoding",
    "uniform",
    "write_schemas",
]
