"""Reads a model that was trained elsewhere, whatever it comes as, into what the gate can test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from trimaran.app.registry.mlflow_folder import MLMODEL, MlflowFolder, read_file, read_mlflow
from trimaran.app.workspace import Workspace
from trimaran.build import Brought, Inputs, check_inputs
from trimaran.control.trust import PICKLE, require_trust
from trimaran.core.canon import digest
from trimaran.core.errors import Fault, InputError
from trimaran.core.nouns import Origin
from trimaran.data.declaration import Definition

SUFFIXES = {
    ".onnx": "onnx",
    ".skops": "skops",
    ".json": "xgboost",
    ".ubj": "xgboost",
    ".txt": "lightgbm",
    ".lgb": "lightgbm",
}
"""The files that are read by what their names end with."""

PICKLES = (".pkl", ".pickle", ".joblib")
_TRIED = 16


@dataclass(frozen=True)
class Came:
    """How a model came: as what, called what, with which files, and what was said of it."""

    sort: str
    source: str
    files: Mapping[str, bytes]
    said: Mapping[str, str]
    until: datetime | None
    inputs: tuple[Inputs, ...] = ()

    def origin(self, notes: list[str] | None = None) -> Origin:
        """Return it as the record keeps it."""
        return Origin(
            sort=self.sort,
            source=self.source,
            files={name: digest(data) for name, data in self.files.items()},
            said=dict(self.said),
            trained_until=self.until,
            notes=notes or [],
        )


class Bringing:
    """Makes models from elsewhere ready for one product's gate.

    Nothing of a file is run here: a pickle is loaded only on a recorded decision about its digest, in a process of its own.
    """

    def __init__(self, workspace: Workspace, definition: Definition) -> None:
        self._workspace = workspace
        self._definition = definition
        self._features = [feature.name for feature in definition.features]

    def bring(self, model: Any, trained_until: datetime | None = None) -> Brought:
        """Return a model that came as a path (an MLflow model directory, a file), an estimator or a module of PyTorch.

        Raises ``InputError`` with every fault, ``Refused`` for a pickle nobody decided to load.
        """
        if isinstance(model, str | Path):
            path = Path(model)
            return self._folder(path, trained_until) if path.is_dir() else self._file(path, trained_until)
        kind = f"{type(model).__module__}.{type(model).__qualname__}"
        if import_module("trimaran.backends.torch_modules").is_module(model):
            came = Came(
                "PyTorch module", type(model).__qualname__, {}, {"model_class": kind, **_library("torch")}, trained_until
            )
            data = import_module("trimaran.backends.torch_modules").export_module(model, len(self._features))
            return self._onnx(data, _with(came, {"model.onnx": data}))
        if not hasattr(model, "predict"):
            remedy = "bring an estimator, a PyTorch module, or the path of an MLflow model directory or of a model's file"
            raise InputError(
                "model", [Fault(what=f"a {type(model).__name__} is no model that can be adopted", remedy=remedy)]
            )
        came = Came(
            "scikit-learn object", type(model).__qualname__, {}, {"model_class": kind, **_library("sklearn")}, trained_until
        )
        return self._estimator(model, came)

    def _folder(self, path: Path, until: datetime | None) -> Brought:
        found = read_mlflow(path)
        files = {MLMODEL: found.note, found.file: found.data}
        inputs = (found.inputs,) if found.inputs is not None else ()
        came = Came(f"MLflow model ({found.flavour})", path.resolve().name, files, found.said, until, inputs)
        return self._read(_form(found), found.data, found.file, came)

    def _file(self, path: Path, until: datetime | None) -> Brought:
        form = PICKLE if path.suffix in PICKLES else SUFFIXES.get(path.suffix)
        if form is None:
            known = ", ".join([*SUFFIXES, *PICKLES])
            what = f"{path.name} is no MLflow model directory, and no file of a model that is known"
            if not path.exists():
                what = f"there is no {path}"
            raise InputError(
                "model", [Fault(what=what, remedy=f"bring a directory with a file {MLMODEL}, or one of {known}")]
            )
        data = read_file(path)
        sort = {"onnx": "ONNX file", "skops": "skops file", PICKLE: "pickle"}.get(form, f"{form} file")
        return self._read(form, data, path.name, Came(sort, path.name, {path.name: data}, {}, until))

    def _read(self, form: str, data: bytes, name: str, came: Came) -> Brought:
        match form:
            case "onnx":
                return self._onnx(data, came)
            case "skops":
                return self._estimator(self._foreign(data), came)
            case "xgboost" | "lightgbm":
                return self._booster(form, data, came)
            case _:
                return self._pickle(data, name, came)

    def _onnx(self, data: bytes, came: Came) -> Brought:
        file = import_module("trimaran.backends.onnx_files").OnnxFile(data)
        inputs = Inputs(names=file.names, width=file.width, ordered=False, by="the ONNX file")
        said = (inputs, *came.inputs)
        check_inputs(said, self._features, self._definition.task, came.source)
        rows = np.random.default_rng(0).normal(size=(_TRIED, len(self._features))).astype(np.float32)
        output = file.output(rows, self._features, self._definition.task)
        return Brought(
            origin=came.origin(),
            native=data,
            kept_as="onnx",
            scorer=file.scorer(self._features, output),
            compiled=file.rewritten(self._features, output),
            inputs=said,
            files=came.files,
            alone=False,
        )

    def _estimator(self, model: Any, came: Came) -> Brought:
        looked = import_module("trimaran.backends.pickle_worker").describe(model)
        inputs = Inputs(
            names=looked.names,
            width=looked.width,
            classes=looked.classes,
            classifies=looked.classes is not None,
            by="the model",
        )
        said = (inputs, *came.inputs)
        check_inputs(said, self._features, self._definition.task, came.source)
        native = self._workspace.native.dump(model, self._features)
        compiled, note = self._compiled(model)
        return Brought(
            origin=_with(came, came.files or {"model.skops": native}).origin(),
            native=native,
            kept_as=self._workspace.native.name,
            scorer=self._workspace.native.load(native),
            compiled=compiled,
            inputs=said,
            files=came.files,
            note=note,
        )

    def _foreign(self, data: bytes) -> Any:
        """Return the estimator in a skops file that somebody else wrote, its trees looked through."""
        model = import_module("trimaran.backends.skops_format").read_estimator(data)
        import_module("trimaran.backends.tree_bounds").check_trees(model, len(self._features))
        return model

    def _compiled(self, model: Any) -> tuple[bytes | None, str]:
        try:
            return self._workspace.compiled.dump(model, self._features), ""
        except InputError as error:
            return None, error.faults[0].what

    def _booster(self, form: str, data: bytes, came: Came) -> Brought:
        name = {"xgboost": "XgboostFormat", "lightgbm": "LightgbmFormat"}[form]
        found = getattr(import_module("trimaran.backends.boosters"), name)().read(data)
        inputs = Inputs(names=found.names, width=found.width, classifies=found.classifies, by=f"the {form} model")
        return Brought(
            origin=came.origin(),
            native=data,
            kept_as=form,
            scorer=found.scorer,
            compiled=None,
            inputs=(inputs, *came.inputs),
            files=came.files,
            note=f"{form} answers by its own library",
        )

    def _pickle(self, data: bytes, name: str, came: Came) -> Brought:
        require_trust(self._workspace.ledger, digest(data), name)
        looked, scorer = import_module("trimaran.backends.pickle_format").PickleFormat().read(data)
        inputs = Inputs(
            names=looked.names,
            width=looked.width,
            classes=looked.classes,
            classifies=looked.classes is not None,
            by="the model",
        )
        said = {**came.said, "model_class": looked.kind}
        origin = _with(came, came.files, said).origin(looked.notes)
        # What is no pickle serves: a form that the worker wrote is believed no more than a stranger's, and read by the reviewed list.
        native = looked.skops
        if native is not None:
            self._foreign(native)
        return Brought(
            origin=origin,
            native=native if native is not None else data,
            kept_as=self._workspace.native.name if native is not None else PICKLE,
            scorer=self._workspace.native.load(native) if native is not None else scorer,
            compiled=looked.onnx,
            inputs=(inputs, *came.inputs),
            files=came.files,
            note="it does not compile to ONNX",
        )


def _form(found: MlflowFolder) -> str:
    """Return the form that a flavour's file is in: those of scikit-learn's kind are pickles unless they are skops files."""
    if found.flavour == "onnx":
        return "onnx"
    booster = found.flavour if found.flavour in {"xgboost", "lightgbm"} else ""
    if booster and not found.file.endswith((*PICKLES, ".skops")):
        return booster
    return "skops" if found.file.endswith(".skops") else PICKLE


def _with(came: Came, files: Mapping[str, bytes], said: Mapping[str, str] | None = None) -> Came:
    return Came(came.sort, came.source, files, said if said is not None else came.said, came.until, came.inputs)


def _library(name: str) -> dict[str, str]:
    return {f"{name}_version": str(import_module(name).__version__)}
