"""Which engine a word means: in this process, in processes of this machine, on a Ray cluster."""

from __future__ import annotations

from importlib import import_module
from typing import Literal, NamedTuple

import psutil

from trimaran.app.settings import MOST_WORKERS
from trimaran.backends.local_steps import LocalEngine
from trimaran.core.engines import Engine
from trimaran.core.errors import Fault, InputError, Unavailable

ENGINES = "local, processes, processes:4, ray, ray://host:port, ray://local"


class Place(NamedTuple):
    """Where work is done: here, in so many processes of this machine, or on the Ray cluster at an address."""

    name: Literal["local", "processes", "ray"]
    workers: int = 1
    address: str = ""


def read_engine(said: str) -> Place:
    """Return the place that a text names; raises ``InputError`` with the choices there are.

    >>> read_engine("processes:4"), read_engine("ray://head:6379").address, read_engine("ray").address
    (Place(name='processes', workers=4, address=''), 'head:6379', 'auto')
    """
    name, _, rest = said.partition(":")
    if said == "local":
        return Place("local")
    if name == "processes" and (not rest or (rest.isdigit() and 0 < int(rest) <= MOST_WORKERS)) and said != "processes:":
        return Place("processes", int(rest) if rest else psutil.cpu_count() or 1)
    if said == "ray" or (name == "ray" and rest.startswith("//") and rest != "//"):
        return Place("ray", address=rest.removeprefix("//") or "auto")
    raise InputError("engine", [Fault(what=f"there is no engine {said!r}", remedy=f"choose one of: {ENGINES}")])


def open_engine(said: str | Engine) -> Engine:
    """Return the engine that a text names: ``local``, ``processes`` (as many as cores), ``processes:4``, ``ray://host:port``.

    ``ray`` alone is the cluster that this machine belongs to, ``ray://local`` one of its own. Raises ``Unavailable`` without
    the extra ``ray``.
    """
    if not isinstance(said, str):
        return said
    place = read_engine(said)
    if place.name == "local":
        return LocalEngine()
    made: Engine
    if place.name == "processes":
        made = import_module("trimaran.backends.process_steps").ProcessEngine(place.workers)
        return made
    try:
        backend = import_module("trimaran.backends.ray_steps")
    except ModuleNotFoundError as error:
        message = "steps on Ray need a library that is not installed: run `pip install 'trimaran[ray]'`"
        raise Unavailable(message) from error
    made = backend.RayEngine(place.address)
    return made
