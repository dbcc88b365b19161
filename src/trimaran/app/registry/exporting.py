"""Hands a version out as an MLflow model directory, which needs nothing of trimaran to be opened and asked."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from ruamel.yaml import YAML

from trimaran.app.past import names
from trimaran.app.workspace import Workspace
from trimaran.backends.checkpoint_files import write_whole
from trimaran.backends.flushing import flush
from trimaran.build import Example, read_example, signature_of
from trimaran.control.naming import EntryName
from trimaran.control.trust import PICKLE
from trimaran.core.canon import canonical, digest
from trimaran.core.errors import Conflict, Corrupt, Fault, InputError, Refused
from trimaran.core.nouns import Entry, ModelVersion, Run, Signature

TOLERANCE = 1e-5
"""The greatest difference of the answer on record to that of what is handed out, on the example."""

_TYPED = "double"
"""What inputs are called: float32 and whole numbers pass for it unharmed, and pandas makes doubles of everything."""


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """A version that was handed out: where, in which flavour, and the digest of every file."""

    version: str
    model: str
    folder: str
    flavour: str
    files: dict[str, str]


class _Flavour(NamedTuple):
    """A flavour of MLflow: its settings, those of its python_function, its files, what to install, and its outputs."""

    name: str
    settings: dict[str, Any]
    function: dict[str, Any]
    files: dict[str, bytes]
    packages: tuple[str, ...]
    outputs: list[dict[str, Any]]


def meant(workspace: Workspace, text: str, product: str | None = None) -> tuple[Entry, ModelVersion]:
    """Return the version that a text names: ``v3``, ``product[EWR]/v1``, an alias, ``live``."""
    found = names(workspace, product).resolve(text, moments=False)
    if not isinstance(found, EntryName) or found.entry.kind != "version":
        fault = Fault(what=f"{text!r} names {found}, which is no version", remedy="name one, like v3, or an alias")
        raise InputError("version", [fault])
    return found.entry, workspace.ledger.read(found.entry, ModelVersion)


def export_model(workspace: Workspace, text: str, out: Path, product: str | None = None) -> Exported:
    """Write the version that a text names as an MLflow model directory and return what was written.

    It is the form that serves: ONNX where the version has it, else XGBoost, LightGBM or skops. Raises ``Conflict`` where the
    directory is there, ``Refused`` for a version that is a pickle alone, and ``Corrupt`` where it would not answer as recorded.
    """
    entry, version = meant(workspace, text, product)
    if out.exists():
        raise Conflict(f"{out} is there already and is not replaced; name another directory")
    signature = version.signature or signature_of(workspace.definition(version), version.features)
    example = read_example(workspace.objects.get(version.example)) if version.example is not None else None
    flavour = _flavour(workspace, version, signature)
    if flavour.name == "onnx" and example is not None:
        _prove(entry.subject, flavour.files["model.onnx"], version.features, example)
    files = {**flavour.files, **_around(flavour, signature, example)}
    files["MLmodel"] = _mlmodel(workspace, entry, version, flavour, signature, example)
    _write(out, files)
    return Exported(
        version=entry.subject,
        model=version.native,
        folder=str(out),
        flavour=flavour.name,
        files={name: digest(data) for name, data in sorted(files.items())},
    )


def _flavour(workspace: Workspace, version: ModelVersion, signature: Signature) -> _Flavour:
    score = [{"type": "double", "name": name, "required": True} for name in signature.classes or ["score"]]
    if version.compiled is not None:
        flat = import_module("trimaran.backends.onnx_files").with_flat_outputs
        data = flat(workspace.objects.get(version.compiled), signature.classes)
        settings = {"data": "model.onnx", "onnx_version": metadata.version("onnx"), "providers": ["CPUExecutionProvider"]}
        return _Flavour("onnx", settings, {"data": "model.onnx"}, {"model.onnx": data}, ("onnx", "onnxruntime"), score)
    tensor = [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}]
    data = workspace.objects.get(version.native)
    match version.kept_as:
        case "skops":
            classifies = signature.classes or version.signature is None or "probability" in signature.answer
            function = {"model_path": "model.skops", "predict_fn": "predict_proba" if classifies else "predict"}
            trusted = sorted(import_module("trimaran.backends.skops_format").REVIEWED)
            settings = {"pickled_model": "model.skops", "serialization_format": "skops", "skops_trusted_types": trusted}
            inside = import_module("trimaran.backends.skops_format").boosters_in(data)
            packages = ("scikit-learn", "skops", *inside)
            return _Flavour("sklearn", settings, function, {"model.skops": data}, packages, tensor)
        case "xgboost":
            file = "model.json" if data.lstrip()[1:2] == b'"' else "model.ubj"
            settings = {"data": file, "model_class": "xgboost.core.Booster", "model_format": file.rpartition(".")[2]}
            return _Flavour("xgboost", settings, {"data": file}, {file: data}, ("xgboost",), tensor)
        case "lightgbm":
            settings = {"data": "model.lgb", "model_class": "lightgbm.basic.Booster"}
            return _Flavour("lightgbm", settings, {"data": "model.lgb"}, {"model.lgb": data}, ("lightgbm",), tensor)
        case _:
            raise Refused(
                f"{version.product} {version.name} is a {PICKLE} alone, and a pickle is not handed out: whoever opens it would run"
                f" what its maker wrote; its file is object {version.native}"
            )


def _prove(subject: str, data: bytes, features: Sequence[str], example: Example) -> None:
    given = [example.inputs[name] for name in features]
    row = np.array([np.nan if value is None else value for value in given], dtype=np.float32)
    found = import_module("trimaran.backends.onnx_files").answer_row(data, row)
    told = [np.nan if value is None else value for value in example.answer]
    if not np.allclose(found, told, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
        raise Corrupt(
            f"{subject} would answer {found} to its example, {told} is on record: nothing was handed out; report this"
        )


def _around(flavour: _Flavour, signature: Signature, example: Example | None) -> dict[str, bytes]:
    """Return what stands beside the model: what to install, and the example."""
    pinned = [f"{name}=={_installed(name)}" for name in (*flavour.packages, "numpy")]
    lines = ["mlflow", "pandas", *pinned]
    python = import_module("platform").python_version()
    files = {
        "requirements.txt": "".join(f"{line}\n" for line in lines).encode(),
        "python_env.yaml": _yaml({"python": python, "build_dependencies": ["pip"], "dependencies": ["-r requirements.txt"]}),
        "conda.yaml": _yaml(
            {"name": "mlflow-env", "channels": ["conda-forge"], "dependencies": [f"python={python}", "pip", {"pip": lines}]}
        ),
    }
    if example is not None:
        row = [example.inputs[one.name] for one in signature.inputs]
        files["input_example.json"] = canonical({"columns": [one.name for one in signature.inputs], "data": [row]})
    return files


def _mlmodel(
    workspace: Workspace,
    entry: Entry,
    version: ModelVersion,
    flavour: _Flavour,
    signature: Signature,
    example: Example | None,
) -> bytes:
    run = workspace.ledger.read(version.run, Run)
    inputs = [{"type": _TYPED, "name": one.name, "required": True} for one in signature.inputs]
    function = {
        "loader_module": f"mlflow.{flavour.name}",
        "python_version": run.environment.python,
        "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
        **flavour.function,
    }
    note: dict[str, Any] = {
        "flavors": {"python_function": function, flavour.name: {"code": None, **flavour.settings}},
        "metadata": {"trimaran": {"version": entry.subject, "entry": entry.seq, "model": version.native, "run": run.name}},
        "model_uuid": version.native[:32],
        "signature": {
            "inputs": msgspec.json.encode(inputs).decode(),
            "outputs": msgspec.json.encode(flavour.outputs).decode(),
            "params": None,
        },
        "utc_time_created": _naive(entry.at),
    }
    if example is not None:
        info = {"artifact_path": "input_example.json", "pandas_orient": "split", "type": "dataframe"}
        note["saved_input_example_info"] = info
    return _yaml(note)


def _write(out: Path, files: Mapping[str, bytes]) -> None:
    """Write a directory that appears when all of it is on the disk."""
    aside = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        aside.mkdir(parents=True)
        for name, data in files.items():
            write_whole(aside / name, [data])
        aside.rename(out)
        flush(out.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _yaml(value: Mapping[str, Any]) -> bytes:
    buffer = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.dump(dict(value), buffer)
    return buffer.getvalue().encode()


def _installed(package: str) -> str:
    for name in (package, f"{package}-cpu"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    raise Refused(f"{package} is not installed, so that nobody can say by which version this model answers: install it")


def _naive(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat(sep=" ")
