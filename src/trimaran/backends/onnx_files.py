"""ONNX models that others wrote: looked at, and rewritten to one packed input and one output, so that they serve like ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

from trimaran.backends.onnx_format import INPUT, NUMBER, PROBABILITIES, UNREADABLE, normalised, open_session, unsafe
from trimaran.core.errors import Fault, InputError
from trimaran.core.ports import Scorer
from trimaran.core.tasks import Task

_PREFIX = "theirs/"
_NUMBERS = {
    TensorProto.FLOAT: np.float32,
    TensorProto.DOUBLE: np.float64,
    TensorProto.INT64: np.int64,
    TensorProto.INT32: np.int32,
    TensorProto.BOOL: np.bool_,
}
_TYPES = {kind: np.dtype(of).name for kind, of in _NUMBERS.items()}
_TWO = 2
_LIKELY = ("probabilities", "output_probability", "probability")


class OnnxFile:
    """An ONNX model as somebody else exported it: one matrix of rows goes in, or one column an input.

    Raises ``InputError`` with everything that keeps it from being used: operators or weights from elsewhere, inputs that
    are no rows of numbers, a fixed number of rows.
    """

    def __init__(self, data: bytes) -> None:
        try:
            model = onnx.load_from_string(data)
            onnx.checker.check_model(model)
            faults = list(unsafe(model))
            if faults:
                raise InputError("ONNX file", faults)
            _drop_maps(model)
            self._session = open_session(model.SerializeToString())
        except UNREADABLE as error:
            remedy = "bring a file that onnx.checker and ONNX Runtime accept"
            fault = Fault(what=f"it is no ONNX model that can be run: {str(error).splitlines()[0]}", remedy=remedy)
            raise InputError("ONNX file", [fault]) from error
        self._model = model
        held = {each.name for each in model.graph.initializer}
        self._inputs = [each for each in model.graph.input if each.name not in held]
        faults = list(_faults(self._inputs))
        if faults:
            raise InputError("ONNX file", faults)

    @property
    def names(self) -> list[str] | None:
        """The names of the inputs where there is one a column, None where all columns are one matrix."""
        return None if self._packed else [each.name for each in self._inputs]

    @property
    def width(self) -> int | None:
        """How many columns it takes, None where it does not say."""
        if not self._packed:
            return len(self._inputs)
        shape = self._inputs[0].type.tensor_type.shape.dim
        return int(shape[1].dim_value) or None

    @property
    def types(self) -> dict[str, str]:
        """The type of each input."""
        return {each.name: _TYPES[each.type.tensor_type.elem_type] for each in self._inputs}

    def output(self, rows: np.ndarray, features: Sequence[str], task: Task) -> str:
        """Return the output that answers what a product asks; raises ``InputError`` that lists the outputs and their shapes."""
        try:
            found = dict(zip(self._outputs, self._run(rows, features, None), strict=True))
        except UNREADABLE as error:
            fault = Fault(what=f"it cannot answer {len(rows)} rows: {str(error).splitlines()[0]}", remedy="mend its export")
            raise InputError("ONNX file", [fault]) from error
        wanted = _shapes(len(rows), task)
        fitting = [name for name, value in found.items() if _is_float(value) and value.shape in wanted]
        chosen = next((name for name in _LIKELY if name in fitting), fitting[0] if len(fitting) == 1 else None)
        if chosen is None:
            listed = ", ".join(f"{name} {_shape(value)}" for name, value in found.items())
            asked = " or ".join(map(str, wanted))
            what = f"{len(fitting)} of its outputs answer {len(rows)} rows as the product asks, {asked}: it has {listed}"
            raise InputError("ONNX file", [Fault(what=what, remedy="export it with the one output that is asked")])
        return chosen

    def scorer(self, features: Sequence[str], output: str) -> Scorer:
        """Return what answers as the file does, by one of its outputs."""
        names = list(features)

        def score(features: np.ndarray) -> np.ndarray:
            (found,) = self._run(features, names, [output])
            answers = np.asarray(found).astype(np.float64)
            if answers.ndim == 1 or answers.shape[1] == 1:
                return answers.reshape(-1)
            return answers[:, 1] if answers.shape[1] == _TWO else answers

        return score

    def rewritten(self, features: Sequence[str], output: str) -> bytes:
        """Return the model with the packed input and the output that our own compiled models have."""
        model = compose.add_prefix(self._model, _PREFIX)
        packed = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, len(features)])
        head = list(self._head(features))
        shape = next(each for each in self._session.get_outputs() if each.name == output).shape
        wide = len(shape) == _TWO and shape[1] != 1
        name = PROBABILITIES if wide else NUMBER
        tail = helper.make_node("Cast", [_PREFIX + output], [name], to=TensorProto.FLOAT)
        theirs = {_PREFIX + each.name for each in self._inputs}
        kept = [each for each in model.graph.input if each.name not in theirs]
        nodes = [*head, *model.graph.node, tail]
        del model.graph.node[:], model.graph.input[:], model.graph.output[:]
        model.graph.node.extend(nodes)
        model.graph.input.extend([packed, *kept])
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * len(shape)))
        if not self._packed:
            places = [numpy_helper.from_array(np.array([place]), f"place/{place}") for place in range(len(features))]
            model.graph.initializer.extend([*places, numpy_helper.from_array(np.array([-1]), "flat")])
        try:
            onnx.checker.check_model(model)
        except onnx.checker.ValidationError as error:
            fault = Fault(what=f"it cannot be given one packed input: {error}", remedy="export it with one matrix as input")
            raise InputError("ONNX file", [fault]) from error
        return normalised(model)

    @property
    def _packed(self) -> bool:
        return len(self._inputs) == 1

    @property
    def _outputs(self) -> list[str]:
        return [each.name for each in self._session.get_outputs()]

    def _head(self, features: Sequence[str]) -> Iterator[onnx.NodeProto]:
        for each in self._inputs:
            kind, name = each.type.tensor_type.elem_type, _PREFIX + each.name
            if self._packed:
                yield helper.make_node("Cast", [INPUT], [name], to=kind)
                continue
            place = list(features).index(each.name)
            flat = len(each.type.tensor_type.shape.dim) == 1
            column, part = f"column/{place}", f"part/{place}"
            yield helper.make_node("Gather", [INPUT, f"place/{place}"], [column], axis=1)
            if flat:
                yield helper.make_node("Reshape", [column, "flat"], [part])
            yield helper.make_node("Cast", [part if flat else column], [name], to=kind)

    def _run(self, rows: np.ndarray, features: Sequence[str], outputs: list[str] | None) -> list[Any]:
        fed: dict[str, np.ndarray] = {}
        for each in self._inputs:
            values = rows if self._packed else rows[:, [list(features).index(each.name)]]
            if len(each.type.tensor_type.shape.dim) == 1:
                values = values[:, 0]
            fed[each.name] = np.ascontiguousarray(values.astype(_NUMBERS[each.type.tensor_type.elem_type]))
        found: list[Any] = self._session.run(outputs, fed)
        return found


def with_flat_outputs(data: bytes, classes: Sequence[str]) -> bytes:
    """Return a model of ours with one output of a number a row: ``score``, or the probability of each of several classes.

    Whoever puts outputs into the columns of a table can then do so; the inputs stay as they are.
    """
    model = onnx.load_from_string(data)
    answer = next(each.name for each in model.graph.output if each.name in {PROBABILITIES, NUMBER})
    wide = answer == PROBABILITIES
    columns = dict(enumerate(classes)) if classes else {1 if wide else 0: "score"}
    model = compose.add_prefix(model, _PREFIX, rename_inputs=False, rename_outputs=True)
    del model.graph.output[:]
    for place, name in columns.items():
        chosen = numpy_helper.from_array(np.array([place]), f"column/{place}")
        if wide:
            model.graph.initializer.append(chosen)
            model.graph.node.append(helper.make_node("Gather", [_PREFIX + answer, f"column/{place}"], [name], axis=1))
        else:
            model.graph.node.append(helper.make_node("Identity", [_PREFIX + answer], [name]))
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]))
    onnx.checker.check_model(model)
    return normalised(model)


def answer_row(data: bytes, row: np.ndarray) -> list[float]:
    """Return what a model with flat outputs answers to one row, an output each."""
    found = open_session(data).run(None, {INPUT: row.astype(np.float32).reshape(1, -1)})
    return [float(np.asarray(one).reshape(-1)[0]) for one in found]


def _drop_maps(model: onnx.ModelProto) -> None:
    """Give out the tensor of probabilities that scikit-learn's converter puts into a list of dictionaries."""
    for node in [one for one in model.graph.node if one.op_type == "ZipMap"]:
        places = [place for place, one in enumerate(model.graph.output) if one.name == node.output[0]]
        model.graph.node.remove(node)
        for place in places:
            given = helper.make_tensor_value_info(node.input[0], TensorProto.FLOAT, [None, None])
            model.graph.output[place].CopyFrom(given)


def _faults(inputs: Sequence[Any]) -> Iterator[Fault]:
    for each in inputs:
        kind = each.type.tensor_type
        if not each.type.HasField("tensor_type") or kind.elem_type not in _NUMBERS:
            what = f"its input {each.name!r} is no tensor of numbers"
            yield Fault(what=what, remedy="features are float32: encode texts and times inside a feature")
            continue
        dims = kind.shape.dim
        if len(dims) > _TWO or (len(inputs) == 1 and len(dims) != _TWO) or not dims:
            yield Fault(
                what=f"its input {each.name!r} has {len(dims)} dimensions", remedy="export it for rows: (n, features)"
            )
        elif dims[0].dim_value:
            what = f"its input {each.name!r} takes exactly {dims[0].dim_value} rows at a time"
            yield Fault(what=what, remedy="export it with a first dimension that may vary")
        elif len(inputs) > 1 and len(dims) == _TWO and dims[1].dim_value not in {0, 1}:
            what = f"its inputs are {len(inputs)} and {each.name!r} has {dims[1].dim_value} columns"
            yield Fault(what=what, remedy="export it with one matrix, or with one input a feature")


def _shapes(rows: int, task: Task) -> list[tuple[int, ...]]:
    if task.classes:
        return [(rows, len(task.classes))]
    return [(rows,), (rows, 1), *([(rows, _TWO)] if task.kind == "binary" else [])]


def _is_float(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _shape(value: Any) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
