"""A process that loads one pickle, says what it is, and answers with it: what it runs stays in here."""

from __future__ import annotations

import pickle
import sys
import warnings
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

import msgspec
import numpy as np
import polars as pl

from trimaran.core.errors import TrimaranError


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What a pickle turned out to be: its class, what it takes and tells apart, and its forms that are no pickle.

    ``error`` says why it could not be loaded; ``skops`` and ``onnx`` are None where it has no such form.
    """

    error: str = ""
    kind: str = ""
    names: list[str] | None = None
    width: int | None = None
    classes: list[str] | None = None
    skops: bytes | None = None
    onnx: bytes | None = None
    notes: list[str] = []


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """Answers: their shape, and their bytes as float64; or the error that was raised."""

    error: str = ""
    shape: list[int] = []
    data: bytes = b""


def describe(model: Any) -> Looked:
    """Return what an estimator of scikit-learn's kind is."""
    names = getattr(model, "feature_names_in_", None)
    width = getattr(model, "n_features_in_", None)
    classes = getattr(model, "classes_", None)
    return Looked(
        kind=f"{type(model).__module__}.{type(model).__qualname__}",
        names=[str(name) for name in names] if names is not None else None,
        width=int(width) if width is not None else None,
        classes=[class_name(one) for one in np.asarray(classes).tolist()] if classes is not None else None,
    )


def class_name(value: object) -> str:
    """Return a class as a text; True and False are 1 and 0.

    >>> class_name(True), class_name(2), class_name("late")
    ('1', '2', 'late')
    """
    return str(int(value)) if isinstance(value, bool | float) else str(value)


def serve(channel: Connection) -> None:
    """Load the pickle that comes first, say what it is, then answer rows until the channel is closed."""
    try:
        model, looked = _load(channel.recv_bytes())
    except Exception as error:  # noqa: BLE001  whatever loading it does
        channel.send_bytes(msgspec.msgpack.encode(Looked(error=_told(error))))
        return
    channel.send_bytes(msgspec.msgpack.encode(looked))
    while True:
        try:
            asked = channel.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            said = _answer(model, looked, asked)
        except Exception as error:  # noqa: BLE001  whatever the model does
            said = Answered(error=_told(error))
        channel.send_bytes(msgspec.msgpack.encode(said))


def _load(data: bytes) -> tuple[Any, Looked]:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model = pickle.loads(data)  # noqa: S301  a person decided that this one may be
    looked = describe(model)
    if not hasattr(model, "predict"):
        return model, Looked(error=f"it holds a {looked.kind}, which has no predict")
    notes = list(dict.fromkeys(str(one.message).splitlines()[0] for one in seen))
    names = looked.names or [f"f{place}" for place in range(looked.width or 0)]
    forms = {
        "skops": _form("skops_format", "SkopsFormat", model, names),
        "onnx": _form("onnx_format", "OnnxFormat", model, names),
    }
    return model, msgspec.structs.replace(looked, notes=notes, **forms)


def _form(module: str, name: str, model: Any, names: list[str]) -> bytes | None:
    try:
        made: bytes = getattr(import_module(f"trimaran.backends.{module}"), name)().dump(model, names)
    except TrimaranError:
        return None
    return made


def _answer(model: Any, looked: Looked, asked: bytes) -> Answered:
    shape, data = msgspec.msgpack.decode(asked, type=tuple[list[int], bytes])
    features = np.frombuffer(data, dtype=np.float32).reshape(shape)
    rows = features if looked.names is None else pl.DataFrame(features, schema=looked.names)
    method = model.predict_proba if looked.classes is not None and hasattr(model, "predict_proba") else model.predict
    found = np.ascontiguousarray(method(rows), dtype=np.float64)
    return Answered(shape=list(found.shape), data=found.tobytes())


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
