"""Where the runs of one process are written down: a thread that works in rounds, so that no loop waits for the disk."""

from __future__ import annotations

import atexit
import os
import socket
import sys
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from time import perf_counter_ns

import psutil

from trimaran.app.runs.load import sample
from trimaran.app.runs.log import Log, frame_of
from trimaran.app.workspace import Workspace
from trimaran.build import Source, track_code, track_environment
from trimaran.core.author import own_traceback
from trimaran.core.config import default_person
from trimaran.core.errors import Refused, TrimaranError, Unavailable
from trimaran.core.ledger import Write
from trimaran.core.nouns import Code, Environment, Ref, Started, Tracked

FLUSH = 1.0
"""Seconds after which what an open run logged is on the disk."""

GRACE = 0.05
"""Seconds that a run may be open before it is noted as begun: a shorter one needs no note, its end is all there is."""

_BATCH = 256
_MOST_WAITING = 10_000


@dataclass
class Ending:
    """A run that ended and waits to be written."""

    log: Log
    error: str | None
    ended: datetime
    seconds: float
    future: Future[Ref] = field(default_factory=Future)

    def record(self, environment: Environment) -> Tracked:
        """Return the run as the ledger keeps it."""
        log = self.log
        return Tracked(
            project=log.project,
            name=log.name,
            status="finished" if self.error is None else "failed",
            started=log.started,
            ended=self.ended,
            seconds=self.seconds,
            parent=log.parent,
            parameters=log.parameters,
            metrics=log.readings,
            tags=log.tags,
            artifacts=log.artifacts,
            data=log.data,
            points=log.stored,
            code=log.code,
            environment=environment,
            error=self.error,
        )


class Desk:
    """Writes the runs of this process into one workspace.

    Law: a future of ``finish`` is done once the run's points and then its entry are on the disk. What an open run logged is
    on the disk at the latest ``FLUSH`` seconds later. A chunk of points or an entry that is tried again is there once.
    Runs that end while a round is under way share the commit of the next one.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._open: dict[str, Log] = {}
        self._ended: deque[Ending] = deque()
        self._codes: dict[Path, Code] = {}
        self._wake = threading.Event()
        self._round = threading.Lock()
        self._process = os.getpid()
        self._thread = threading.Thread(target=self._serve, name="trimaran-runs", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @cached_property
    def environment(self) -> Environment:
        """The packages of this process; they cannot change under a running interpreter."""
        return track_environment(self.workspace.objects)

    @property
    def open_runs(self) -> list[Log]:
        """The runs that were begun and have not ended."""
        return list(self._open.values())

    def code(self, source: Source) -> Code:
        """Return the tracked code: that of a file once a process, since what runs was read when the process began."""
        if source.path is None:
            return track_code(self.workspace.objects, source)
        if source.path not in self._codes:
            self._codes[source.path] = track_code(self.workspace.objects, source)
        return self._codes[source.path]

    def begin(self, log: Log) -> None:
        """Look after a run from now on."""
        self._mine(log)
        idle = not self._open
        self._open[log.subject] = log
        if idle:
            self._wake.set()

    def finish(self, ending: Ending) -> None:
        """Queue a run's end; its future says when it is on the disk."""
        self._mine(ending.log)
        self._open.pop(ending.log.subject, None)
        self._ended.append(ending)
        self._wake.set()
        if len(self._ended) > _MOST_WAITING:
            ending.future.exception()  # who ends runs faster than they can be written waits here

    def hurry(self) -> None:
        """Begin the next round now."""
        self._wake.set()

    def close(self) -> None:
        """End what is still open, as the interpreter ends, and write everything; says so where it cannot."""
        if os.getpid() != self._process:
            return
        raised = getattr(sys, "last_value", None)
        error = own_traceback(raised) if isinstance(raised, BaseException) else None
        now, ticks = self.workspace.clock.now(), perf_counter_ns()
        for log in self.open_runs:
            self.finish(Ending(log, error, now, (ticks - log.ticks) / 1e9))
        waiting = list(self._ended)
        self._work()
        for ending in waiting:
            fault = ending.future.exception()
            if fault is not None:
                sys.stderr.write(f"run {ending.log.subject} is not recorded: {fault}\n")

    def _serve(self) -> None:
        with suppress(TrimaranError):  # it is tried again, and told, where a run ends
            self.environment  # noqa: B018  listing the packages takes a quarter of a second: begin with it
        while True:
            fresh = any(not log.noted for log in self.open_runs)
            self._wake.wait((GRACE if fresh else FLUSH) if self._open else None)
            self._wake.clear()
            self._work()

    def _work(self) -> None:
        """Do one round: sample the machine, note what is under way, then points, then ends."""
        with self._round:
            ended: list[Ending] = []
            while self._ended:
                ended.append(self._ended.popleft())
            under_way = self.open_runs
            now = perf_counter_ns()
            for log in under_way:
                sample(log, now)
            faults = self._points([*under_way, *(ending.log for ending in ended)], {ending.log.subject for ending in ended})
            self._note([log for log in under_way if not log.noted and now - log.ticks > GRACE * 1e9])
            self._write(ended, faults)

    def _points(self, logs: Sequence[Log], ending: set[str]) -> dict[str, Exception]:
        """Store what was logged, and return the error of each run whose points could not be; they are tried again."""
        waiting = []
        faults: dict[str, Exception] = {}
        for log in logs:
            log.take()
            if log.subject in ending and log.told_by_readings:
                log.unsaved.clear()
            for chunk in list(log.unsaved):
                try:
                    waiting.append((log, chunk, self.workspace.metrics.submit(log.subject, frame_of(chunk), key=chunk.key)))
                except TrimaranError as error:
                    faults[log.subject] = error
        for log, chunk, future in waiting:
            fault = future.exception()
            if fault is None:
                log.unsaved.remove(chunk)
                log.stored += len(chunk.names)
            else:
                faults[log.subject] = fault if isinstance(fault, Exception) else Unavailable(str(fault))
        return faults

    def _note(self, logs: Sequence[Log]) -> None:
        """Write down that runs are under way, so that a killed process leaves a trace; a fault is met again at their end."""
        host, born = socket.gethostname(), psutil.Process().create_time()
        writes = []
        for log in logs:
            record = Started(
                project=log.project,
                name=log.name,
                parent=log.parent,
                started=log.started,
                host=host,
                process=self._process,
                born=born,
                attempt=log.attempt,
            )
            writes.append(Write(record=record, subject=log.subject, key=f"started:{log.subject}:{log.attempt}"))
        try:
            self.workspace.ledger.append_all(writes)
        except TrimaranError:
            return
        for log in logs:
            log.noted = True

    def _write(self, ended: Sequence[Ending], faults: dict[str, Exception]) -> None:
        for ending in ended:
            if ending.log.subject in faults:
                ending.future.set_exception(faults[ending.log.subject])
        ready = [ending for ending in ended if ending.log.subject not in faults]
        for start in range(0, len(ready), _BATCH):
            self._append(ready[start : start + _BATCH])

    def _append(self, ended: Sequence[Ending]) -> None:
        try:
            environment = self.environment
            writes = [
                Write(record=one.record(environment), subject=one.log.subject, key=f"tracked:{one.log.subject}")
                for one in ended
            ]
            refs = self.workspace.ledger.append_all(writes)
        except Exception as error:  # noqa: BLE001  a worker loop: the error belongs to whoever ended the run
            if len(ended) == 1 or isinstance(error, Unavailable):
                for one in ended:
                    one.future.set_exception(error)
                return
            for one in ended:
                self._append([one])
        else:
            for one, ref in zip(ended, refs, strict=True):
                one.future.set_result(ref)

    def _mine(self, log: Log) -> None:
        if os.getpid() != self._process:
            raise Refused(
                f"run {log.subject} was started by process {self._process}, and this is its child {os.getpid()}: "
                "start a run of its own here"
            )


def desk_of(root: Path) -> Desk:
    """Return the desk of a workspace's folder in this process."""
    return _desk(root.resolve(), os.getpid())


@lru_cache(maxsize=32)
def _desk(root: Path, process: int) -> Desk:  # noqa: ARG001  a forked child needs a desk of its own
    return Desk(Workspace(root, actor=default_person()))
