"""By what means a workspace computes features: how much memory, in this process or on a Ray cluster."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from trimaran.app.settings import ComputingSettings
from trimaran.backends.footprint import free_memory
from trimaran.backends.local_tasks import LocalExecutor
from trimaran.backends.process_tasks import ProcessExecutor
from trimaran.backends.scratch import Scratch
from trimaran.build import Computing
from trimaran.core.errors import Unavailable
from trimaran.core.ports import Executor
from trimaran.data.features import READING

SCRATCH = "scratch"


def open_computing(root: Path, settings: ComputingSettings) -> Computing:
    """Return what the settings of a workspace's folder say; raises ``Unavailable`` without the extra ``ray``.

    Where no memory is named it is half of what is free when features are computed.
    """
    size = settings.bytes

    def memory() -> int:
        return max((free_memory() // 2 if size is None else size) - READING, READING)

    executor = _executor(settings)
    trials = executor if settings.engine == "ray" else ProcessExecutor(settings.workers) if settings.workers > 1 else None
    return Computing(memory, executor, Scratch(root / SCRATCH).folder, trials)


def _executor(settings: ComputingSettings) -> Executor:
    if settings.engine == "local":
        return LocalExecutor()
    try:
        backend = import_module("trimaran.backends.ray_tasks")
    except ModuleNotFoundError as error:
        message = "computing on Ray needs a library that is not installed: run `pip install 'trimaran[ray]'`"
        raise Unavailable(message) from error
    executor: Executor = backend.RayExecutor(settings.address or "auto")
    return executor
