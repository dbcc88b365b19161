"""The Open Inference Protocol, version 2: rows as named tensors, answers as named tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import polars as pl

from trimaran.core.errors import Fault, InputError, Unavailable
from trimaran.core.nouns import name_of
from trimaran.core.tasks import Kind, Task
from trimaran.deploy import Answer, Column, RequestReader, Row, parse, shown

_DATATYPES: tuple[tuple[type[pl.DataType], str], ...] = (
    (pl.Boolean, "BOOL"),
    (pl.Float32, "FP32"),
    (pl.Float64, "FP64"),
    *((kind, kind.__name__.upper()) for kind in (pl.Int8, pl.Int16, pl.Int32, pl.Int64)),
    *((kind, kind.__name__.upper()) for kind in (pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)),
)


_ANSWERED: dict[Kind, tuple[tuple[str, str], ...]] = {
    "binary": (("decision", "BOOL"),),
    "multiclass": (("class", "BYTES"), ("probabilities", "FP64")),
    "regression": (),
    "ranking": (("rank", "INT32"),),
}


class Tensor(msgspec.Struct, frozen=True, kw_only=True):
    """One named tensor of a response: of shape [n], or [n, classes] for probabilities."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any]


class Inferred(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The response to an inference request; the notes of each row are a parameter."""

    model_name: str
    model_version: str
    outputs: list[Tensor]
    id: str | None = None
    parameters: dict[str, Any] = {}


def metadata(product: str, version: int | None, reader: RequestReader, task: Task) -> dict[str, Any]:
    """Return a model's metadata: the tensors it takes and gives, and its classes where there are several."""
    answered = [("id", "BYTES"), ("score", "FP64"), *_ANSWERED[task.kind], ("version", "BYTES")]
    width = {"probabilities": [-1, len(task.classes)]}
    return {
        "name": product,
        "versions": [] if version is None else [str(version)],
        "platform": "trimaran",
        "inputs": [{"name": each.name, "datatype": datatype(each), "shape": [-1]} for each in reader.columns],
        "outputs": [{"name": name, "datatype": kind, "shape": width.get(name, [-1])} for name, kind in answered],
    } | ({"parameters": {"classes": list(task.classes)}} if task.classes else {})


def datatype(column: Column) -> str:
    """Return the protocol's name for a column's type; texts and times are BYTES."""
    return next((name for kind, name in _DATATYPES if isinstance(column.dtype, kind)), "BYTES")


def rows_in(product: str, reader: RequestReader, body: bytes) -> tuple[str | None, list[Row]]:
    """Return a request's own id and its rows; raises ``InputError`` with every fault of its tensors, or of its rows."""
    payload = parse(product, body)
    inputs = payload.get("inputs") if isinstance(payload, dict) else None
    if not isinstance(inputs, list):
        remedy = 'send {"inputs": [{"name": …, "datatype": …, "shape": [n], "data": […]}]}'
        raise InputError(product, [Fault(what="there are no inputs", where="inputs", remedy=remedy)])
    types = {each.name: datatype(each) for each in reader.columns}
    faults: list[Fault] = []
    columns: dict[str, list[Any]] = {}
    for index, tensor in enumerate(inputs):
        found = _column(tensor, f"inputs[{index}]", types, faults)
        if found is not None and found[0] in columns:
            faults.append(Fault(what=f"{shown(found[0])} was sent twice", where=f"inputs[{index}]", remedy="send it once"))
        elif found is not None:
            columns[found[0]] = found[1]
    sizes = {len(data) for data in columns.values()}
    if len(sizes) > 1:
        what = f"the tensors have {', '.join(map(str, sorted(sizes)))} values"
        faults.append(Fault(what=what, where="inputs", remedy="send as many values in each as there are rows"))
    if faults:
        raise InputError(product, faults)
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    name = payload.get("id")
    return (name if isinstance(name, str) else None), reader.check(rows)


def answers_out(product: str, name: str | None, answers: Sequence[Answer]) -> Inferred:
    """Return answers as tensors; raises ``Unavailable`` when a row has none, since a tensor has no place for that."""
    failed = [each for each in answers if each.score is None]
    if failed:
        raise Unavailable(f"{len(failed)} of {len(answers)} rows have no answer, the first: {failed[0].error}")
    columns: dict[str, tuple[str, list[Any]]] = {
        "id": ("BYTES", [each.id for each in answers]),
        "score": ("FP64", [each.score for each in answers]),
        **_decided(answers),
        "version": ("BYTES", [name_of(each.version) for each in answers]),
    }
    return Inferred(
        model_name=product,
        model_version=str(answers[0].version),
        outputs=[_tensor(each, kind, data) for each, (kind, data) in columns.items()],
        id=name,
        parameters={"notes": [list(each.notes) for each in answers]} if any(each.notes for each in answers) else {},
    )


def _decided(answers: Sequence[Answer]) -> dict[str, tuple[str, list[Any]]]:
    """Return the tensors that only some tasks have."""
    match answers[0].kind:
        case "binary":
            return {"decision": ("BOOL", [each.decision for each in answers])}
        case "multiclass":
            rows = [list((each.probabilities or {}).values()) for each in answers]
            return {"class": ("BYTES", [each.choice for each in answers]), "probabilities": ("FP64", rows)}
        case "ranking":
            return {"rank": ("INT32", [each.rank for each in answers])}
        case _:
            return {}


def _tensor(name: str, datatype: str, data: list[Any]) -> Tensor:
    """Return a tensor; rows of several values are laid end to end, as the protocol wants them."""
    if not data or not isinstance(data[0], list):
        return Tensor(name=name, datatype=datatype, shape=[len(data)], data=data)
    flat = [value for row in data for value in row]
    return Tensor(name=name, datatype=datatype, shape=[len(data), len(data[0])], data=flat)


def _column(tensor: Any, where: str, types: dict[str, str], faults: list[Fault]) -> tuple[str, list[Any]] | None:
    """Return a tensor's name and its values, one a row; None and a fault when it is no column."""
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str) or not isinstance(tensor.get("data"), list):
        faults.append(Fault(what=f"{shown(tensor)} is no tensor", where=where, remedy="send name, datatype, shape and data"))
        return None
    name, data, kind = tensor["name"], tensor["data"], tensor.get("datatype")
    if name not in types:
        remedy = f"the inputs are: {', '.join(types)}"
        faults.append(Fault(what=f"there is no input {shown(name)}", where=where, remedy=remedy))
        return None
    if kind != types[name]:
        faults.append(Fault(what=f"datatype {shown(kind)} of {name}", where=where, remedy=f"send {types[name]}"))
    shape = tensor.get("shape")
    if shape == [len(data), 1] and all(isinstance(value, list) and len(value) == 1 for value in data):
        data = [value for (value,) in data]
    if not isinstance(shape, list) or shape not in ([len(data)], [len(data), 1]):
        faults.append(Fault(what=f"shape {shown(shape)} with {len(data)} values", where=where, remedy=f"send [{len(data)}]"))
    return name, data
