"""Runs the scoring server of a workspace: ``python -m trimaran.doors.http.serve --workspace .trimaran --port 8400``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine
from importlib import import_module
from pathlib import Path
from typing import Any

from trimaran.app.processes import say_ready
from trimaran.app.workspace import Workspace
from trimaran.core.config import default_workspace
from trimaran.core.errors import TrimaranError
from trimaran.doors.http.serving import PORT, Address, serve
from trimaran.doors.http.stopping import leave, told_to_stop


async def _run(workspace: Path, address: Address, *, with_parent: bool) -> None:
    opened = Workspace.existing(workspace, actor="scoring")
    await serve(opened, address, ready=say_ready, ends=told_to_stop(with_parent=with_parent))


def _loop() -> Callable[[Coroutine[Any, Any, None]], None]:
    """Return what runs the server: uvloop where there is one, which answers twice as many requests a second as asyncio."""
    if sys.platform == "win32":
        return asyncio.run
    run: Callable[[Coroutine[Any, Any, None]], None] = import_module("uvloop").run  # here: it takes 20 ms
    return run


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
        _loop()(_run(given.workspace, address, with_parent=given.with_parent))
    except TrimaranError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    leave(main())
