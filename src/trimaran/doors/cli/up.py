"""trimaran up: predictions over HTTP, the dashboard and the loop, until the process is told to stop."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from trimaran.app.launch import Up
from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_file
from trimaran.app.progress import progress
from trimaran.app.workspace import Workspace
from trimaran.core.config import default_workspace
from trimaran.core.ports import Progress
from trimaran.doors.cli.options import WorkspaceOption, open_workspace
from trimaran.doors.cli.output import say
from trimaran.doors.dashboard.serve import PORT as DASHBOARD_PORT
from trimaran.doors.http.serving import PORT

app = typer.Typer(add_completion=False)

ACTOR = "steward"
_GLANCE = 2.0


@app.command()
def up(
    product_file: Annotated[
        Path | None, typer.Argument(metavar="PRODUCT.py", help="A product file to declare as it is now.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The folder of its data; the file's own by default.")] = None,
    workspace: WorkspaceOption = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The scoring server's port; 0 takes any.")] = PORT,
    dashboard_port: Annotated[
        int, typer.Option(min=0, max=65535, help="The dashboard's port; 0 takes any.")
    ] = DASHBOARD_PORT,
    every: Annotated[float, typer.Option(min=1, help="Seconds between two looks at the sources.")] = 60.0,
) -> None:
    """Serve predictions and the dashboard, and look after the products, until stopped."""
    with progress() as shown:
        opened = _opened(product_file, data, workspace, shown)
        ends = Event()
        with _told_to_stop(ends):
            running = Up(opened, shown, _complain, port=port, dashboard_port=dashboard_port, every=timedelta(seconds=every))
            try:
                for product in sorted(opened.products()):
                    say(f"predictions  {running.url}/predict/{product}")
                say(f"dashboard    {running.dashboard_url}", *running.watches, "stop with Ctrl-C")
                while not ends.wait(_GLANCE):
                    running.check()
            finally:
                running.stop()


@contextmanager
def _told_to_stop(ends: Event) -> Iterator[None]:
    """Set ``ends`` when the process is told to stop, by Ctrl-C or by its supervisor."""
    signs = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(sign, lambda *_: ends.set()) for sign in signs]
    try:
        yield
    finally:
        for sign, handler in zip(signs, before, strict=True):
            signal.signal(sign, handler)


def _opened(product_file: Path | None, data: Path | None, folder: Path | None, shown: Progress) -> Workspace:
    if product_file is None:
        return open_workspace(folder, actor=ACTOR)
    loaded = load_file(product_file, root=data)
    opened = Workspace(folder or default_workspace(), actor=ACTOR)
    opened.data_root = data or product_file.parent
    Lifecycle(opened, loaded, shown, path=product_file).declare()
    return opened


def _complain(words: str) -> None:
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()
