"""Which engine a word means: in this process, in processes of this machine, on a Ray cluster."""

from __future__ import annotations

from importlib import import_module

from trimaran.backends.local_steps import LocalEngine
from trimaran.core.engines import Engine
from trimaran.core.errors import Fault, InputError, Unavailable

ENGINES = "local, processes, processes:4, ray, ray://host:port"


def open_engine(said: str | Engine) -> Engine:
    """Return the engine that a text names: ``local``, ``processes`` (as many as cores), ``processes:4``, ``ray://host:port``.

    ``ray`` alone is the cluster that this machine belongs to, ``ray://local`` one of its own. Raises ``Unavailable`` without
    the extra ``ray``.
    """
    if not isinstance(said, str):
        return said
    name, _, rest = said.partition(":")
    made: Engine
    if said == "local":
        return LocalEngine()
    if name == "processes" and (not rest or rest.isdigit()):
        made = import_module("trimaran.backends.process_steps").ProcessEngine(int(rest) if rest else None)
        return made
    if name == "ray" and (not rest or rest.startswith("//")):
        try:
            backend = import_module("trimaran.backends.ray_steps")
        except ModuleNotFoundError as error:
            message = "steps on Ray need a library that is not installed: run `pip install 'trimaran[ray]'`"
            raise Unavailable(message) from error
        made = backend.RayEngine(rest.removeprefix("//") or "auto")
        return made
    raise InputError("engine", [Fault(what=f"there is no engine {said!r}", remedy=f"choose one of: {ENGINES}")])
