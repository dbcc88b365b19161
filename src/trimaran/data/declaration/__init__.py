"""How a product is declared, and what the declaration amounts to."""

from trimaran.data.declaration.declaration import Declaration
from trimaran.data.declaration.definition import Definition
from trimaran.data.declaration.ordering import order, steps
from trimaran.data.declaration.parts import (
    Acceptance,
    Expectation,
    Feature,
    Label,
    Model,
    ModelTest,
    Moment,
    ReleasePolicy,
    Retraining,
    Suggestion,
    Table,
    Value,
    Watch,
)
from trimaran.data.declaration.spaces import Choices, Interval, Space, integer, log, uniform

__all__ = [
    "Acceptance",
    "Choices",
    "Declaration",
    "Definition",
    "Expectation",
    "Feature",
    "Interval",
    "Label",
    "Model",
    "ModelTest",
    "Moment",
    "ReleasePolicy",
    "Retraining",
    "Space",
    "Suggestion",
    "Table",
    "Value",
    "Watch",
    "integer",
    "log",
    "order",
    "steps",
    "uniform",
]
