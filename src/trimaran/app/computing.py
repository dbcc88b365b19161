"""By what means a workspace computes: how much memory, in this process, in several, or on a Ray cluster."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path

from trimaran.app.beside import unbind
from trimaran.app.pipelines import Place, read_engine
from trimaran.app.settings import ComputingSettings
from trimaran.app.travelling import Accompanied
from trimaran.backends.footprint import free_memory
from trimaran.backends.local_tasks import LocalExecutor
from trimaran.backends.process_tasks import ProcessExecutor, cores
from trimaran.backends.scratch import Scratch
from trimaran.build import Computing
from trimaran.core.errors import Unavailable
from trimaran.core.ports import Executor
from trimaran.data.features import READING

SCRATCH = "scratch"


def open_computing(root: Path, settings: ComputingSettings, engine: str | None = None) -> Computing:
    """Return what an engine's name says, without one what the settings of a workspace's folder say.

    Where no memory is named it is half of what is free when features are computed. Raises ``InputError`` for an engine that
    there is not, ``Unavailable`` without the extra ``ray``, and where a cluster that is named does not answer.
    """
    size = settings.bytes

    def memory() -> int:
        return max((free_memory() // 2 if size is None else size) - READING, READING)

    place = _place(settings) if engine is None else read_engine(engine)
    executor = _executor(place)
    if engine is not None and place.name == "ray":
        import_module("trimaran.backends.ray_tasks").join(place.address)  # told now, not when the first trial is due
    return Computing(
        memory,
        # Parts that the settings' processes compute would each need a share of the memory; they are there for trials.
        LocalExecutor() if engine is None and place.name == "processes" else executor,
        Scratch(root / SCRATCH).folder,
        None if place.name == "local" else executor,
        engine=place.name,
        side_by_side=place.workers if engine is not None else 1,
        segments=_segments(settings, place, executor, named=engine is not None),
    )


def accompanied(computing: Computing, text: str) -> Computing:
    """Return the means with the modules that are kept with a product's text sent along to wherever work is done."""
    texts = unbind(text).modules
    if not texts:
        return computing
    executor, trials, segments = (
        one if one is None or isinstance(one, LocalExecutor) else Accompanied(one, texts)
        for one in (computing.executor, computing.trials, computing.segments)
    )
    return replace(computing, executor=executor or computing.executor, trials=trials, segments=segments)


def _place(settings: ComputingSettings) -> Place:
    if settings.engine == "ray":
        return Place("ray", address=settings.address or "auto")
    workers = settings.workers or 1
    return Place("processes", workers) if workers > 1 else Place("local")


def _segments(settings: ComputingSettings, place: Place, executor: Executor, *, named: bool) -> Executor | None:
    """Return who makes the models of segments: the engine that is named, else a process a core."""
    if named or place.name == "ray":
        return None if place.name == "local" else executor
    count = settings.workers or cores()
    return ProcessExecutor(count) if count > 1 else None


def _executor(place: Place) -> Executor:
    if place.name == "local":
        return LocalExecutor()
    if place.name == "processes":
        return ProcessExecutor(place.workers)
    try:
        backend = import_module("trimaran.backends.ray_tasks")
    except ModuleNotFoundError as error:
        message = "computing on Ray needs a library that is not installed: run `pip install 'trimaran[ray]'`"
        raise Unavailable(message) from error
    executor: Executor = backend.RayExecutor(place.address)
    return executor
