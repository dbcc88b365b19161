"""A scoring server as a process of its own, held by the process that started it."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from trimaran.core.errors import Unavailable

READY = "ready "
"""What the line on the server's standard output starts with that tells where it answers, once it does."""

LOG = "scoring.log"
PATIENCE = 60.0

_LAST_WORDS = 2_000


class ScoringServer:
    """Starts a workspace's scoring server and ends it; it ends by itself when this process dies, however it dies.

    ``port`` 0 takes any free one. Returns from the start once the models are loaded and the server answers at ``url``;
    raises ``Unavailable`` with the server's own words when it ends before, or takes longer than ``patience`` seconds.
    What the server writes to its log is ``scoring.log`` in the workspace.
    """

    def __init__(self, workspace: Path, *, port: int = 0, socket: Path | None = None, patience: float = PATIENCE) -> None:
        self._log = workspace / LOG
        command = [sys.executable, "-m", "trimaran.doors.http.serve", "--workspace", str(workspace), "--with-parent"]
        command += ["--port", str(port)] if socket is None else ["--socket", str(socket)]
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

    def stop(self, *, patience: float = 30.0) -> int:
        """Let the server answer what is under way, end it, and return its exit code; it is killed after ``patience``."""
        if self._process.poll() is None:
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
                    raise Unavailable(f"the scoring server was not ready in time; it said: {self._last_words()}")
                part = os.read(output.fileno(), 1024)
                if not part:
                    raise Unavailable(f"the scoring server did not start: {self._last_words()}")
                line += part
        return line.decode().removeprefix(READY).strip()

    def _last_words(self) -> str:
        self._process.poll()
        text = self._log.read_bytes()[self._said :].decode(errors="replace").strip()
        return text[-_LAST_WORDS:] or "nothing"
