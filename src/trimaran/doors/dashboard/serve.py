"""Runs the dashboard: ``python -m trimaran.doors.dashboard.serve --workspace .trimaran --port 8500``."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from granian.constants import Interfaces
from granian.server.embed import Server

from trimaran.app.workspace import Workspace
from trimaran.core.config import default_workspace
from trimaran.core.errors import TrimaranError, Unavailable
from trimaran.doors.dashboard.access import check_address
from trimaran.doors.dashboard.app import make_app

PORT = 8500


async def serve(
    workspace: Path, *, host: str = "127.0.0.1", port: int = PORT, ready: Callable[[str], None] | None = None
) -> None:
    """Serve the dashboard of a workspace until the process is told to stop; ``ready`` is told where it will answer.

    Raises ``NotFound`` where there is no workspace, ``InputError`` for an address that other machines can reach and
    ``Unavailable`` for a port that somebody listens on.
    """
    check_address(host)
    app = make_app(Workspace.existing(workspace, actor="dashboard"), secret=secrets.token_urlsafe(32))
    _check_free(host, port)
    server = Server(app, address=host, port=port, interface=Interfaces.ASGI, log_enabled=False)
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, server.stop)
    if ready is not None:
        ready(f"http://{host}:{port}")
    await server.serve()


def _check_free(host: str, port: int) -> None:
    """Raise ``Unavailable`` when the port is taken: granian would share it, and readers would meet either server."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise Unavailable(f"port {port} of {host} cannot be listened on ({error}); name another with --port") from error


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and serve; return the exit code."""
    parser = argparse.ArgumentParser(description="Serve the dashboard of a workspace.")
    parser.add_argument("--workspace", type=Path, default=default_workspace(), help="the workspace folder")
    parser.add_argument("--host", default="127.0.0.1", help="the machine's own address to listen on")
    parser.add_argument("--port", type=int, default=PORT)
    given = parser.parse_args(arguments)
    try:
        asyncio.run(serve(given.workspace, host=given.host, port=given.port))
    except TrimaranError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
