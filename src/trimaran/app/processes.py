"""Servers as processes of their own, held by the process that started them."""

from __future__ import annotations

import os
import select
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from trimaran.core.errors import Unavailable

READY = "ready "
"""What the line on a server's standard output starts with that tells where it answers, once it does."""

PATIENCE = 60.0

_LAST_WORDS = 2_000
_POLL = 1.0


class ServerProcess:
    """Starts a server of a workspace and ends it; it ends by itself when this process dies, however it dies.

    ``module`` is run with ``--workspace``, ``--with-parent`` and ``options``; it says ``READY`` and its URL once it
    answers. Returns from the start then, with ``url``; raises ``Unavailable`` with the server's own words when it ends
    before, or takes longer than ``patience`` seconds. What it writes to standard error is ``name``.log in the workspace.
    """

    def __init__(self, name: str, module: str, workspace: Path, options: Sequence[str], patience: float = PATIENCE) -> None:
        self.name = name
        self._log = workspace / f"{name}.log"
        command = [sys.executable, "-m", module, "--workspace", str(workspace), "--with-parent", *options]
        workspace.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._said = log.tell()
            self._process = subprocess.Popen(  # noqa: S603  our own interpreter, our own module
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )
        try:
            self.url = self._until_ready(time.monotonic() + patience)
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is still there."""
        return self._process.poll() is None

    def stop(self, *, patience: float = 30.0) -> int:
        """Let the server answer what is under way, end it, and return its exit code; it is killed after ``patience``."""
        if self.running:
            self._process.terminate()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
        return self._close()

    def kill(self) -> int:
        """End the server at once, as a crash would, and return its exit code."""
        self._process.kill()
        return self._close()

    def last_words(self) -> str:
        """Return the end of what the server has written to its log since it was started."""
        text = self._log.read_bytes()[self._said :].decode(errors="replace").strip()
        return text[-_LAST_WORDS:] or "nothing"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None) -> None:
        self.stop()

    def _close(self) -> int:
        code = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        return code

    def _until_ready(self, deadline: float) -> str:
        output = self._process.stdout
        line = b""
        with selectors.DefaultSelector() as selector:
            if output is not None:
                selector.register(output, selectors.EVENT_READ)
            while output is not None and not line.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise Unavailable(f"the {self.name} server was not ready in time; it said: {self.last_words()}")
                part = os.read(output.fileno(), 1024)
                if not part:
                    self._process.wait()
                    raise Unavailable(f"the {self.name} server did not start: {self.last_words()}")
                line += part
        return line.decode().removeprefix(READY).strip()


class ScoringServer(ServerProcess):
    """The scoring server of a workspace; ``port`` 0 takes any free one."""

    def __init__(self, workspace: Path, *, port: int = 0, socket: Path | None = None, patience: float = PATIENCE) -> None:
        options = ["--port", str(port)] if socket is None else ["--socket", str(socket)]
        super().__init__("scoring", "trimaran.doors.http.serve", workspace, options, patience)


class DashboardServer(ServerProcess):
    """The dashboard of a workspace; ``port`` 0 takes any free one."""

    def __init__(self, workspace: Path, *, port: int = 0, patience: float = PATIENCE) -> None:
        super().__init__("dashboard", "trimaran.doors.dashboard.serve", workspace, ["--port", str(port)], patience)


def say_ready(url: str) -> None:
    """Tell the process that started this server where it answers."""
    sys.stdout.write(f"{READY}{url}\n")
    sys.stdout.flush()


def with_parent(parent: int, end: Callable[[], None]) -> None:
    """Call ``end`` when the parent process is gone: its end of our standard input closes, however it died."""
    while os.getppid() == parent:
        readable, _, _ = select.select([0], [], [], _POLL)
        if readable and not os.read(0, 1024):
            break
    end()
