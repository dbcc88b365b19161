"""A product's policies as data: one line each, as they are kept with every declaration."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import timedelta

import msgspec

from trimaran.core.durations import format_duration
from trimaran.data.declaration import Definition, Label


def policies_of(definition: Definition) -> dict[str, str]:
    """Return every policy of a product in words, by the name it is declared with."""
    parts = {
        "accept": definition.acceptance,
        "release": definition.release,
        "watch": definition.watch,
        "retrain": definition.retraining,
        "value": definition.value,
    }
    label = definition.label
    said = {name: _said(part) for name, part in parts.items()}
    said["predict_at"] = str(definition.predict_at)
    said["label"] = f"{label.name} of {label.table}, wait {format_duration(label.wait)}{_kind(label)}"
    if definition.replication is not None:
        said["replicate"] = _said(definition.replication)
    return said


def _kind(label: Label) -> str:
    """Return what a label is, in words; nothing of a yes or no, which is what it is unless said otherwise."""
    if label.kind == "binary":
        return ""
    if label.classes:
        return f", multiclass {' | '.join(label.classes)}"
    if label.group is not None:
        return f", ranking within {label.group} at {label.at}"
    return f", regression at quantile {label.quantile:g}"


def _said(part: object) -> str:
    if isinstance(part, timedelta):
        return format_duration(part)
    if isinstance(part, tuple):
        return "[" + ", ".join(map(_said, part)) + "]"
    if is_dataclass(part):
        return ", ".join(f"{field.name} {_said(getattr(part, field.name))}" for field in fields(part))
    if isinstance(part, msgspec.Struct):
        return str(part)
    return f"{part:g}" if isinstance(part, float) else str(part)
