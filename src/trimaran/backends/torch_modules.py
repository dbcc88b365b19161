"""Modules of PyTorch as ONNX: exported once, and nothing of PyTorch is needed after."""

from __future__ import annotations

import io
import warnings
from importlib import import_module
from typing import Any

from trimaran.core.errors import Fault, InputError, Unavailable

OPSET = 18
_ROWS = 2


def is_module(value: Any) -> bool:
    """Tell whether a value is a module of PyTorch, without importing it."""
    return any(one.__module__.startswith("torch.nn") and one.__name__ == "Module" for one in type(value).__mro__)


def export_module(module: Any, width: int) -> bytes:
    """Return a module that takes (n, width) float32 rows as ONNX, as it answers when it is not trained.

    It is left as it was. Raises ``InputError`` with what PyTorch says against it.
    """
    torch = import_module("torch")
    trained = [part for part in module.modules() if part.training]
    module.eval()
    buffer = io.BytesIO()
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of the exporter's own future
            rows = torch.zeros(_ROWS, width)
            module(rows)
            torch.onnx.export(
                module,
                (rows,),
                buffer,
                input_names=["features"],
                output_names=["answer"],
                dynamic_axes={"features": {0: "rows"}, "answer": {0: "rows"}},
                opset_version=OPSET,
                dynamo=False,
            )
    except ModuleNotFoundError as error:
        raise Unavailable(f"PyTorch's exporter needs {error.name}: run `pip install {error.name}`") from error
    except Exception as error:  # whatever the module or its exporter raises
        said = str(error).strip().splitlines() or [type(error).__name__]
        what = f"{type(module).__name__} does not export to ONNX for ({_ROWS}, {width}) float32 rows: {said[0]}"
        raise InputError("PyTorch module", [Fault(what=what, remedy="let it take one matrix of all features")]) from error
    finally:
        for part in trained:
            part.training = True
    return buffer.getvalue()
