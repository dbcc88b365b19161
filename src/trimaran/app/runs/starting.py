"""Starts runs, in any script or notebook, and knows which one is under way."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from functools import lru_cache
from itertools import count
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from trimaran.app.manuscript import Birth
from trimaran.app.runs.desk import Desk, desk_of
from trimaran.app.runs.log import Log
from trimaran.app.runs.run import LONGEST, ActiveRun
from trimaran.build import Source
from trimaran.core.canon import digest_of
from trimaran.core.config import default_workspace
from trimaran.core.errors import Conflict, Fault, InputError
from trimaran.core.nouns import Code, Started, Tracked

_CURRENT: ContextVar[ActiveRun | None] = ContextVar("run", default=None)
_COUNT = count()
_NAME = re.compile(rf"[^\x00-\x1f\x7f/\"]{{1,{LONGEST}}}")


def start_run(
    name: str | None = None,
    *,
    project: str | None = None,
    workspace: str | Path | None = None,
    key: str | None = None,
    parent: ActiveRun | None = None,
    tags: Mapping[str, str] | None = None,
    parameters: Mapping[str, Any] | None = None,
    sample: float = 10.0,
) -> ActiveRun:
    """Start a run, to be used in a ``with`` or ended by hand; its code, packages and machine load are tracked unasked.

    ``name`` says what it is, and a few characters are added to it, so that no two runs have one name. A run that is started
    inside the ``with`` of another one is a part of it, as is one with a ``parent``; it is in that one's project and
    workspace. ``key`` names what is done: the same key again is a ``Conflict`` once that run has ended, and goes on with it
    where it was cut off. Every ``sample`` seconds (0: never) the load of the machine is logged as ``system/…``; a part of
    another run leaves that to it.

    >>> import tempfile
    >>> with start_run("fit", workspace=tempfile.mkdtemp(), parameters={"depth": 3}) as run:
    ...     run.log_metric("auc", 0.71)
    >>> run.ended
    True
    """
    outer = parent or _enclosing()
    if outer is not None and outer.ended:
        raise Conflict(f"run {outer.subject} has ended, and nothing can be a part of it any more; start a run of its own")
    desk = outer._desk if outer is not None else desk_of(Path(workspace or default_workspace()))  # noqa: SLF001  as above
    told = project if project is not None else outer._log.project if outer is not None else "default"  # noqa: SLF001  as above
    faults = [
        Fault(what=f"{said!r} cannot be a {what}", remedy=f'write 1 to {LONGEST} printable characters without / and "')
        for what, said in (("name", name), ("project", told))
        if said is not None and (_NAME.fullmatch(said) is None or said != said.strip())
    ]
    if faults:
        raise InputError("run", faults)
    log = Log(
        project=told,
        name=_unlike_others(name or "run", told, key),
        parent=outer.subject if outer is not None else None,
        started=desk.workspace.clock.now(),
        ticks=perf_counter_ns(),
        attempt=_fresh(),
        sample=0.0 if outer is not None else sample,
        code=outer._log.code if outer is not None else _code(desk),  # noqa: SLF001  as above
    )
    if key is not None:
        _go_on(desk, log)
    run = ActiveRun(desk, log, outer)
    _CURRENT.set(run)
    run.log_parameters(parameters or {})
    run.set_tags(tags or {})
    return run


def active_run() -> ActiveRun | None:
    """Return the run that was started last here and has not ended, None where there is none."""
    run = _CURRENT.get()
    while run is not None and run.ended:
        run = run._parent  # noqa: SLF001  a run's parent is a run
    return run


def _enclosing() -> ActiveRun | None:
    run = active_run()
    while run is not None and not run.inside:
        run = run._parent  # noqa: SLF001  as above
    return run


def _unlike_others(name: str, project: str, key: str | None) -> str:
    return f"{name}-{_fresh() if key is None else digest_of([project, name, key])[:12]}"


def _fresh() -> str:
    """Return twelve characters that no run has: chance once a process, and a count that goes through a hash."""
    told = hashlib.blake2b(next(_COUNT).to_bytes(8, "big"), key=_chance(os.getpid()), digest_size=6)
    return told.hexdigest()


@lru_cache(maxsize=1)
def _chance(process: int) -> bytes:  # noqa: ARG001  a forked child must not go on with its parent's
    return secrets.token_bytes(32)


def _go_on(desk: Desk, log: Log) -> None:
    """Let a run with a key go on where one of this key was cut off; raises ``Conflict`` where it has ended or is under way."""
    ledger = desk.workspace.ledger
    if ledger.latest(Tracked, log.subject) is not None:
        raise Conflict(f"the run of this key has ended: it is {log.subject}; give another key to what is another run")
    if any(one.subject == log.subject for one in desk.open_runs):
        raise Conflict(f"the run of this key is under way in this very process: it is {log.subject}; end it first")
    if ledger.latest(Started, log.subject) is not None:
        before = desk.workspace.metrics.points(log.subject)
        moments = before["at"].dt.epoch("us")
        log.resume(before["name"].to_list(), before["step"].to_list(), before["value"].to_list(), moments.to_list())


def _code(desk: Desk) -> Code | None:
    """Return the code of the script that runs, of the file that started the run, or of the notebook's cells so far."""
    birth = Birth.here()
    cells = birth.names.get("In")
    if birth.path is None:
        text = "\n\n".join(str(cell) for cell in cells) if isinstance(cells, list) else ""
        return desk.code(Source(text)) if text else None
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    inside = (sys.prefix, sys.base_prefix)
    path = Path(script) if script and Path(script).is_file() and not script.startswith(inside) else birth.path
    return desk.code(Source(path.read_text(encoding="utf-8", errors="replace"), path))
