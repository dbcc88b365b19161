"""Runs the scoring server of a workspace: ``python -m trimaran.doors.http.serve --workspace .trimaran --port 8400``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from trimaran.app.workspace import Workspace
from trimaran.core.config import default_workspace
from trimaran.core.errors import TrimaranError
from trimaran.doors.http.server import READY
from trimaran.doors.http.serving import PORT, Address, serve

_POLL = 1.0


def _with_parent(parent: int, end: Callable[[], None]) -> None:
    """Call ``end`` when the parent process is gone: its end of our standard input closes, however it died."""
    while os.getppid() == parent:
        readable, _, _ = select.select([0], [], [], _POLL)
        if readable and not os.read(0, 1024):
            break
    end()


async def _run(workspace: Path, address: Address, *, with_parent: bool) -> None:
    opened = Workspace.existing(workspace, actor="scoring")
    loop, ends = asyncio.get_running_loop(), asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, ends.set)
    if with_parent:
        arguments = (os.getppid(), lambda: loop.call_soon_threadsafe(ends.set))
        threading.Thread(target=_with_parent, args=arguments, daemon=True, name="parent").start()

    def ready(url: str) -> None:
        sys.stdout.write(f"{READY}{url}\n")
        sys.stdout.flush()

    await serve(opened, address, ready=ready, ends=ends)


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and serve; return the exit code."""
    parser = argparse.ArgumentParser(description="Serve the released models of a workspace.")
    parser.add_argument("--workspace", type=Path, default=default_workspace(), help="the workspace folder")
    parser.add_argument("--host", default="127.0.0.1", help="the machine's own address to listen on")
    parser.add_argument("--port", type=int, default=PORT, help="0 for any free port")
    parser.add_argument("--socket", type=Path, help="a Unix socket to listen on instead")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input does")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        address = Address(given.host, given.port, given.socket)
        asyncio.run(_run(given.workspace, address, with_parent=given.with_parent))
    except TrimaranError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
