"""An MLflow model directory as data: its MLmodel file, read and checked, and the files that it names. Nothing of it is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from trimaran.build import Inputs
from trimaran.core.errors import Fault, InputError

MLMODEL = "MLmodel"
FLAVOURS = ("onnx", "xgboost", "lightgbm", "sklearn")
"""The flavours that are read, in the order in which one is chosen where a directory has several: the safest first."""

_LARGEST_NOTE = 1 << 20
LARGEST = 2 << 30
"""The most bytes that a model's file may have."""

_SAID = ("run_id", "model_id", "model_uuid", "utc_time_created", "mlflow_version")


class MlflowFolder(msgspec.Struct, frozen=True, kw_only=True):
    """What a directory says: its flavour with that flavour's settings, the file of the model, its signature, and itself."""

    flavour: str
    settings: dict[str, Any]
    file: str
    data: bytes
    note: bytes
    inputs: Inputs | None
    said: dict[str, str]


def read_mlflow(folder: Path) -> MlflowFolder:
    """Return what an MLflow model directory holds.

    Raises ``InputError`` with every fault: no MLmodel file, no flavour that is known, a file that is missing, lies outside or
    is too large, a signature that is none.
    """
    note = folder / MLMODEL
    if not note.is_file():
        there = ", ".join(sorted(each.name for each in folder.iterdir())[:5]) if folder.is_dir() else "it is no directory"
        what = f"{folder} is no MLflow model directory: it has no file {MLMODEL} ({there or 'it is empty'})"
        raise InputError("MLflow model", [Fault(what=what, remedy="name the directory that mlflow's save_model wrote")])
    raw = _bytes(note, _LARGEST_NOTE)
    said = _read(raw)
    flavours = said.get("flavors")
    flavours = flavours if isinstance(flavours, dict) else {}
    known = [name for name in FLAVOURS if isinstance(flavours.get(name), dict)]
    if not known:
        there = ", ".join(map(str, flavours)) or "none"
        what = f"none of its flavours is known here: it has {there}"
        remedy = f"save it as one of {', '.join(FLAVOURS)}; whatever exports to ONNX can be brought as that"
        raise InputError("MLflow model", [Fault(what=what, where=MLMODEL, remedy=remedy)])
    settings, faults = flavours[known[0]], []
    file = next((str(settings[key]) for key in ("data", "pickled_model", "model_path") if settings.get(key)), "")
    if not file:
        faults.append(Fault(what=f"flavour {known[0]} names no file", where=MLMODEL, remedy="save the model again"))
    elif not _within(folder, file):
        faults.append(Fault(what=f"the file {file!r} is not in the directory", where=MLMODEL, remedy="save the model again"))
    inputs: Inputs | None = None
    try:
        inputs = _signature(said.get("signature"))
    except (msgspec.MsgspecError, TypeError, KeyError, ValueError) as error:
        faults.append(Fault(what=f"its signature cannot be read: {error}", where=MLMODEL, remedy="infer and save it again"))
    if faults:
        raise InputError("MLflow model", faults)
    return MlflowFolder(
        flavour=known[0],
        settings=settings,
        file=file,
        data=_bytes(folder / file, LARGEST),
        note=raw,
        inputs=inputs,
        said={name: str(said[name]) for name in _SAID if said.get(name)} | dict(_versions(known[0], settings)),
    )


def read_file(path: Path) -> bytes:
    """Return the bytes of a model's file; raises ``InputError`` for one that is not there, empty or too large."""
    return _bytes(path, LARGEST)


def _bytes(path: Path, most: int) -> bytes:
    if not path.is_file():
        raise InputError("model", [Fault(what=f"there is no file {path}", remedy="name the model's file or directory")])
    size = path.stat().st_size
    if not 0 < size <= most:
        what = f"{path.name} has {size:,} bytes"
        raise InputError("model", [Fault(what=what, remedy=f"bring one of 1 to {most:,} bytes")])
    return path.read_bytes()


def _within(folder: Path, file: str) -> bool:
    return (folder / file).resolve().is_relative_to(folder.resolve())


def _read(raw: bytes) -> Mapping[str, Any]:
    try:
        said = YAML(typ="safe", pure=True).load(raw.decode())
    except (YAMLError, UnicodeDecodeError) as error:
        where = str(error).strip().splitlines()[0]
        raise InputError(
            "MLflow model", [Fault(what=f"its file {MLMODEL} is no YAML: {where}", remedy="save it again")]
        ) from error
    if not isinstance(said, dict):
        raise InputError("MLflow model", [Fault(what=f"its file {MLMODEL} holds no fields", remedy="save the model again")])
    return said


def _signature(said: Any) -> Inputs | None:
    """Return the inputs of a signature: columns with names and types, or one tensor of a width; None where there is none."""
    if not said or not said.get("inputs"):
        return None
    columns = msgspec.json.decode(said["inputs"], type=list[dict[str, Any]])
    by = "its signature"
    if len(columns) == 1 and columns[0]["type"] == "tensor" and "name" not in columns[0]:
        spec = columns[0]["tensor-spec"]
        width = spec["shape"][-1] if len(spec["shape"]) == 2 else None  # noqa: PLR2004  rows and columns
        return Inputs(width=width if width and width > 0 else None, types={"rows": str(spec["dtype"])}, by=by)
    if not all("name" in one for one in columns):
        return Inputs(
            width=len(columns), types={f"input {place}": str(one["type"]) for place, one in enumerate(columns, 1)}, by=by
        )
    types = {str(one["name"]): _kind(one) for one in columns}
    return Inputs(names=list(types), types=types, by=by)


def _kind(column: Mapping[str, Any]) -> str:
    return str(column["tensor-spec"]["dtype"] if column["type"] == "tensor" else column["type"])


def _versions(flavour: str, settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "flavour", flavour
    for name, value in settings.items():
        if value and (name.endswith("_version") or name in {"model_class", "serialization_format", "model_format"}):
            yield name, str(value)
