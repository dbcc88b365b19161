"""trimaran up: predictions over HTTP and the dashboard, until the process is told to stop."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from trimaran.doors.cli.options import WorkspaceOption, open_workspace
from trimaran.doors.cli.output import say
from trimaran.doors.dashboard.serve import PORT, serve
from trimaran.doors.http.server import ScoringServer
from trimaran.doors.http.serving import PORT as SCORING_PORT

app = typer.Typer(add_completion=False)


@app.command()
def up(
    workspace: WorkspaceOption = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The dashboard's port.")] = PORT,
    scoring_port: Annotated[
        int, typer.Option(min=0, max=65535, help="The scoring server's port; 0 takes any.")
    ] = SCORING_PORT,
) -> None:
    """Serve predictions and the dashboard, both on this machine's own address, until stopped."""
    opened = open_workspace(workspace)
    with ScoringServer(opened.root, port=scoring_port) as server:
        for product in sorted(opened.products()):
            say(f"predictions  {server.url}/predict/{product}")
        asyncio.run(serve(opened.root, port=port, ready=lambda url: say(f"dashboard    {url}", "stop with Ctrl-C")))
