"""Steps in processes of this machine: what takes one of them down is an error of one step."""

from __future__ import annotations

import fcntl
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import msgspec
import psutil

from trimaran.backends.packing_steps import packed
from trimaran.backends.step_worker import BEGUN
from trimaran.core.durations import format_duration
from trimaran.core.engines import Attempt, Made
from trimaran.core.steps import Log

_LOOK = 0.1
"""Seconds between two looks at how long and how large the attempts under way are."""

_PIPE = 1 << 20
_BLOCK = 1 << 16
_decode = msgspec.msgpack.Decoder(Made).decode


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    channel: Connection
    output: int
    attempt: Attempt | None = None
    log: Log = field(default_factory=Log)
    begun: float | None = None

    def kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.channel.close()
        os.close(self.output)

    def drain(self, *, whole: bool = False) -> None:
        """Take what was printed: a block of it, or all that is there."""
        while True:
            try:
                block = os.read(self.output, _BLOCK)
            except BlockingIOError:
                return
            self.log.write(block.decode(errors="replace"))
            if not block or not whole:
                return


class ProcessEngine:
    """An ``Engine`` of some processes that stay up from step to step, each in a session of its own.

    One that takes too long, takes too much memory (with all its children, looked at ten times a second), is killed or ends by
    itself is an error of its step, and another takes its place. What steps print is read by this process, so that any amount
    passes. ``count`` is as many as the machine has cores by default.
    """

    name = "processes"

    def __init__(self, count: int | None = None) -> None:
        self._count = count or psutil.cpu_count() or 1
        self._workers: list[_Worker] = []
        self._ended: list[tuple[int, Made]] = []

    def room(self) -> int:
        """Return how many more attempts may be started now."""
        return self._count - sum(worker.attempt is not None for worker in self._workers)

    def start(self, attempt: Attempt) -> None:
        """Hand an attempt to a process that is free, or to a new one."""
        try:
            act = packed((attempt.act, attempt.call), attempt.modules)
        except Exception as error:  # noqa: BLE001  whatever the project's objects do when they are packed
            self._ended.append((attempt.number, Made(error=f"{attempt.name}: it cannot be sent to a process: {error}")))
            return
        worker = next((one for one in self._workers if one.attempt is None), None) or self._new()
        worker.attempt, worker.log, worker.begun = attempt, Log(), None
        try:
            worker.channel.send_bytes(pickle.dumps((attempt.name, sys.path, act)))
            worker.channel.send_bytes(pickle.dumps(dict(attempt.data), protocol=5))
        except OSError:
            self._lost(worker)

    def wait(self, patience: float | None = None) -> list[tuple[int, Made]]:
        """Return what came of attempts that ended, at least one of those under way; none after ``patience`` seconds."""
        until = None if patience is None else time.monotonic() + patience
        while not self._ended:
            busy = [one for one in self._workers if one.attempt is not None]
            left = _LOOK if until is None else min(_LOOK, max(until - time.monotonic(), 0.0))
            heard: list[Any] = wait([place for one in busy for place in (one.channel, one.output)], left)
            for worker in busy:
                if worker.output in heard:
                    worker.drain()
                if worker.channel in heard:
                    self._hear(worker)
                elif worker.process.poll() is not None:
                    self._lost(worker)
            self._hold_limits()
            if not busy or (until is not None and time.monotonic() >= until):
                break
        ended, self._ended = self._ended, []
        return ended

    def stop(self, numbers: Sequence[int]) -> None:
        """Kill the processes of some attempts."""
        for worker in [one for one in self._workers if one.attempt is not None and one.attempt.number in numbers]:
            self._remove(worker)

    def close(self) -> None:
        """End all processes."""
        for worker in list(self._workers):
            self._remove(worker)

    def _new(self) -> _Worker:
        ours, theirs = socket.socketpair()
        output, printed = os.pipe()
        with suppress(OSError, AttributeError):
            fcntl.fcntl(output, fcntl.F_SETPIPE_SZ, _PIPE)
        os.set_blocking(output, False)
        process = subprocess.Popen(  # noqa: S603  this very Python
            [sys.executable, "-m", "trimaran.backends.step_worker", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        os.close(printed)
        theirs.close()
        worker = _Worker(process, Connection(ours.detach()), output)
        self._workers.append(worker)
        return worker

    def _hear(self, worker: _Worker) -> None:
        try:
            said = worker.channel.recv_bytes()
        except (EOFError, OSError):
            self._lost(worker)
            return
        if said == BEGUN:
            worker.begun = time.monotonic()
            return
        worker.drain(whole=True)
        made = _decode(said)
        left = _end_children(worker.process.pid)
        warnings = (*made.warnings, *([f"it left {left} processes behind, which were ended"] if left else []))
        self._end(worker, msgspec.structs.replace(made, log=worker.log.text(), warnings=warnings))

    def _end(self, worker: _Worker, made: Made) -> None:
        if worker.attempt is not None:
            self._ended.append((worker.attempt.number, made))
        worker.attempt = None

    def _lost(self, worker: _Worker) -> None:
        """Tell of an attempt whose process ended before it did."""
        with suppress(subprocess.TimeoutExpired):
            worker.process.wait(_LOOK)
        code = worker.process.poll()
        name = worker.attempt.name if worker.attempt is not None else ""
        self._fail(worker, f"{name}: {_how(code)}")

    def _fail(self, worker: _Worker, error: str) -> None:
        worker.drain(whole=True)
        seconds = time.monotonic() - worker.begun if worker.begun is not None else 0.0
        self._end(worker, Made(error=error, log=worker.log.text(), seconds=seconds))
        self._remove(worker)

    def _remove(self, worker: _Worker) -> None:
        worker.kill()
        self._workers.remove(worker)

    def _hold_limits(self) -> None:
        now = time.monotonic()
        for worker in [one for one in self._workers if one.attempt is not None and one.begun is not None]:
            attempt, begun = worker.attempt, worker.begun
            if attempt is None or begun is None:
                continue
            if attempt.timeout is not None and now - begun > attempt.timeout.total_seconds():
                limit = format_duration(attempt.timeout)
                self._fail(worker, f"{attempt.name}: it took longer than the {limit} that it may, and was ended")
            elif attempt.memory is not None and (size := _resident(worker.process.pid)) > attempt.memory:
                words = f"{size / 1e6:,.0f} MB of memory, more than the {attempt.memory / 1e6:,.0f} MB that it may"
                self._fail(worker, f"{attempt.name}: it took {words}, and was ended")


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        why = ": the machine may have had no memory left" if code == -signal.SIGKILL else ""
        return f"its process was killed by {signal.Signals(-code).name}{why}"
    return f"its process ended by itself, with exit code {code}" if code is not None else "its process was lost"


def _resident(pid: int) -> int:
    total = 0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in [process, *process.children(recursive=True)]:
            with suppress(psutil.Error):
                total += int(one.memory_info().rss)
    return total


def _end_children(pid: int) -> int:
    """End what a step started and left running, and return how many these were."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        found = children.read_text(encoding="ascii").split()
    except OSError:
        return 0
    ended = 0
    for child in found:
        with suppress(psutil.Error):
            process = psutil.Process(int(child))
            if process.status() != psutil.STATUS_ZOMBIE:
                for one in [*process.children(recursive=True), process]:
                    one.kill()
                    ended += 1
    return ended
