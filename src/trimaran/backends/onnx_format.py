"""Models as ONNX: compiled, without any code of ours or the author's in them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # it ships no types
from onnxruntime.capi import onnxruntime_pybind11_state as runtime
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator

from trimaran.backends.booster_trees import LIBRARIES, learn_to_convert
from trimaran.core.errors import Fault, InputError
from trimaran.core.ports import Scorer

OPSET = {"": 18, "ai.onnx.ml": 3}
"""The operator sets that models are compiled to: fixed, so that a newer library gives the same bytes."""

INPUT, PROBABILITIES, NUMBER = "features", "probabilities", "variable"
"""The name of the packed input, and of the output: probabilities a class, or one number a row."""

_TWO = 2
UNREADABLE = (
    DecodeError,
    runtime.Fail,
    runtime.InvalidArgument,
    runtime.InvalidGraph,
    runtime.InvalidProtobuf,
    runtime.NotImplemented,
    onnx.checker.ValidationError,
)
"""What ONNX and its runtime raise for bytes that are no model they can run."""


class OnnxFormat:
    """A ``ModelFormat`` for classifiers and regressors of scikit-learn, LightGBM's and XGBoost's among them.

    One packed float32 input, one thread a session.

    A conversion can be legal and wrong: compare its answers with the model's on real rows before it is trusted.
    """

    name = "onnx"

    def dump(self, model: Any, features: Sequence[str]) -> bytes:
        """Return the compiled model; raises ``InputError`` for one that cannot be compiled faithfully."""
        faults = list(_unfaithful(model))
        if faults:
            raise InputError("model", faults)
        learn_to_convert(list(_parts(model)))
        width = FloatTensorType([None, len(features)])
        try:
            with warnings.catch_warnings():
                # protobuf deprecates the NumPy integers that skl2onnx hands it; whoever sees warnings as errors would fail.
                warnings.simplefilter("ignore", DeprecationWarning)
                compiled = convert_sklearn(
                    model,
                    name="model",
                    initial_types=[(INPUT, width)],
                    options={"zipmap": False} if hasattr(model, "classes_") else None,
                    target_opset=OPSET,
                )
        except (MissingConverter, MissingShapeCalculator, RuntimeError, ValueError, TypeError) as error:
            fault = Fault(what=f"{type(model).__name__} does not compile to ONNX: {error}", remedy="serve the native model")
            raise InputError("model", [fault]) from error
        return normalised(compiled)

    def load(self, data: bytes) -> Scorer:
        """Return a scorer; raises ``InputError`` for bytes that are not a model this format wrote."""
        try:
            model = onnx.load_from_string(data)
            _refuse_foreign(model)
            session = open_session(data)
        except UNREADABLE as error:
            raise _not_onnx(str(error)) from error

        output = next(each.name for each in session.get_outputs() if each.name in {PROBABILITIES, NUMBER})

        def score(features: np.ndarray) -> np.ndarray:
            (found,) = session.run([output], {INPUT: np.ascontiguousarray(features, dtype=np.float32)})
            answers = np.asarray(found).astype(np.float64)
            if output == NUMBER:
                return answers.reshape(-1)
            return answers[:, 1] if answers.shape[1] == _TWO else answers

        return score


def open_session(data: bytes) -> Any:
    """Return a session of the runtime on one thread of this machine's processor."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def normalised(model: onnx.ModelProto) -> bytes:
    """Return a model's bytes, the same for equal models: what names the tool and not the model is emptied."""
    model.producer_name = model.producer_version = model.domain = model.doc_string = ""
    versions = {opset.domain: opset.version for opset in model.opset_import}
    del model.opset_import[:]
    model.opset_import.extend(onnx.helper.make_opsetid(domain, version) for domain, version in sorted(versions.items()))
    del model.metadata_props[:]
    return bytes(model.SerializeToString(deterministic=True))


def _unfaithful(model: Any) -> Iterator[Fault]:
    # Measured: skl2onnx compiles categorical splits of gradient boosting without complaint and wrongly.
    for part in _parts(model):
        if np.any(getattr(part, "is_categorical_", None)):
            what = f"{type(part).__name__} with categorical features compiles to ONNX wrongly"
            yield Fault(what=what, remedy="encode them as numbers, or serve the native model")


def _parts(model: Any) -> Iterator[Any]:
    if isinstance(model, list | tuple):
        for item in model:
            yield from _parts(item)
    elif type(model).__module__.partition(".")[0] in LIBRARIES:
        yield model
    elif type(model).__module__.startswith("sklearn."):
        yield model
        for value in getattr(model, "__dict__", {}).values():
            yield from _parts(value)


def _refuse_foreign(model: onnx.ModelProto) -> None:
    onnx.checker.check_model(model)
    faults = list(unsafe(model))
    outputs = {value.name for value in model.graph.output}
    if [value.name for value in model.graph.input] != [INPUT] or not outputs & {PROBABILITIES, NUMBER}:
        what = f"its input is not {INPUT!r} or its output neither {PROBABILITIES!r} nor {NUMBER!r}"
        faults.append(Fault(what=what, remedy="dump it with this format"))
    if faults:
        raise InputError("model", faults)


def unsafe(model: onnx.ModelProto) -> Iterator[Fault]:
    """Yield what keeps a model from standing for itself: operators of others, weights in other files."""
    foreign = sorted({opset.domain for opset in model.opset_import} - OPSET.keys())
    if foreign:
        yield Fault(what=f"it uses the operators of {', '.join(foreign)}", remedy="use standard operators only")
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in _tensors(model.graph)):
        yield Fault(what="it keeps weights in another file", remedy="keep all weights inside")


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for inner in (attribute.g, *attribute.graphs):
                yield from _tensors(inner)


def _not_onnx(reason: str) -> InputError:
    return InputError(
        "model", [Fault(what=f"these bytes are not an ONNX model: {reason}", remedy="dump it with this format")]
    )
