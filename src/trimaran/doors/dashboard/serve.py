"""Runs the dashboard: ``python -m trimaran.doors.dashboard.serve --workspace .trimaran --port 8500``."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

from granian.constants import Interfaces
from granian.server.embed import Server

from trimaran.app.processes import say_ready
from trimaran.app.workspace import Workspace
from trimaran.core.config import default_workspace
from trimaran.core.errors import TrimaranError
from trimaran.doors.dashboard.access import check_address
from trimaran.doors.dashboard.app import make_app
from trimaran.doors.http.serving import Address, listening
from trimaran.doors.http.stopping import leave, told_to_stop

PORT = 8500


async def serve(workspace: Path, address: Address, *, ready: Callable[[str], None], ends: asyncio.Event) -> None:
    """Serve the dashboard of a workspace until ``ends`` is set; ``ready`` is told its URL once it answers.

    Raises ``NotFound`` where there is no workspace and ``Unavailable`` for a port that somebody listens on.
    """
    app = make_app(Workspace.existing(workspace, actor="dashboard"), secret=secrets.token_urlsafe(32))
    chosen, holder = address.reserved()
    server = Server(app, address=chosen.host, port=chosen.port, interface=Interfaces.ASGI, log_enabled=False)
    try:
        serving = asyncio.create_task(server.serve())
        await listening(chosen, serving)
        ready(chosen.url)
        await ends.wait()
        server.stop()  # type: ignore[no-untyped-call]  # granian says no types here
        await serving
    finally:
        if holder is not None:
            holder.close()


async def _run(workspace: Path, address: Address, *, with_parent: bool) -> None:
    await serve(workspace, address, ready=say_ready, ends=told_to_stop(with_parent=with_parent))


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and serve; return the exit code."""
    parser = argparse.ArgumentParser(description="Serve the dashboard of a workspace.")
    parser.add_argument("--workspace", type=Path, default=default_workspace(), help="the workspace folder")
    parser.add_argument("--host", default="127.0.0.1", help="the machine's own address to listen on")
    parser.add_argument("--port", type=int, default=PORT, help="0 for any free port")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input does")
    given = parser.parse_args(arguments)
    try:
        address = Address(check_address(given.host), given.port)
        asyncio.run(_run(given.workspace, address, with_parent=given.with_parent))
    except TrimaranError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    leave(main())
