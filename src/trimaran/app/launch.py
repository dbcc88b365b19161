"""Brings a workspace up: its scoring server, its dashboard, the stewards that look after its products, and the sender."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from threading import Event, Thread

from trimaran.app.processes import DashboardServer, ScoringServer, ServerProcess
from trimaran.app.sending import Sender
from trimaran.app.steward import EVERY, Stewards, Tell
from trimaran.app.workspace import Workspace
from trimaran.core.errors import Unavailable
from trimaran.core.ports import Progress

PATIENCE = 30.0
"""Seconds that a round under way may take to end once it is told to; a training is cut off, and taken up the next time."""


class Up:
    """A workspace that is up, until ``stop``: where it answers, and what it watches.

    The servers are processes of their own and end with this one. Raises ``Unavailable`` when one of them does not start.
    """

    def __init__(
        self,
        workspace: Workspace,
        progress: Progress,
        tell: Tell,
        *,
        port: int = 0,
        dashboard_port: int = 0,
        every: timedelta = EVERY,
    ) -> None:
        self.workspace = workspace
        stewards = Stewards(workspace, progress, tell, every=every)
        self.watches = stewards.duties()
        self._servers = _both(workspace, port, dashboard_port)
        self.url, self.dashboard_url = (server.url for server in self._servers)
        self._ends = Event()
        # A thread of its own: a training holds the stewards' round up for hours, and a notice must not wait for that.
        sender = Sender(workspace, tell)
        self._threads = [
            Thread(target=stewards.keep, args=(self._ends,), daemon=True, name="stewards"),
            Thread(target=sender.keep, args=(self._ends, every), daemon=True, name="sender"),
        ]
        for thread in () if stewards.idle else self._threads:
            thread.start()

    def check(self) -> None:
        """Raise ``Unavailable`` with the last words of a server that has ended by itself."""
        for server in self._servers:
            if not server.running:
                raise Unavailable(f"the {server.name} server has ended: {server.last_words()}")

    def stop(self) -> None:
        """End the stewards, the sender and both servers, which answer what is under way; again changes nothing."""
        if self._ends.is_set():
            return
        self._ends.set()
        with ExitStack() as last:
            for server in self._servers:
                last.callback(server.stop)
            for thread in self._threads:
                if thread.is_alive():
                    thread.join(PATIENCE)

    def __repr__(self) -> str:
        state = "stopped" if self._ends.is_set() else f"predictions at {self.url}, dashboard at {self.dashboard_url}"
        return "\n".join([f"{self.workspace.root}: {state}", *self.watches])


def _both(workspace: Workspace, port: int, dashboard_port: int) -> tuple[ServerProcess, ServerProcess]:
    """Start both servers at once, since each takes seconds; when one fails, the other is ended."""
    with ThreadPoolExecutor(2) as pool:
        starting: list[Future[ServerProcess]] = [
            pool.submit(ScoringServer, workspace.root, port=port),
            pool.submit(DashboardServer, workspace.root, port=dashboard_port),
        ]
    failed = next((error for one in starting if (error := one.exception()) is not None), None)
    if failed is not None:
        for one in starting:
            if one.exception() is None:
                one.result().stop()
        raise failed
    return starting[0].result(), starting[1].result()
