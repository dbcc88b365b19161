"""Serves every released product of a workspace from this process, on an address of this machine only."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from granian.constants import Interfaces
from granian.server.embed import Server

from trimaran.app.serving import dataplane_of
from trimaran.app.workspace import Workspace
from trimaran.core.errors import Fault, InputError, NotFound, TrimaranError, Unavailable
from trimaran.core.nouns import Release
from trimaran.deploy import Dataplane, Lookups
from trimaran.doors.addresses import is_loopback
from trimaran.doors.http.counting import Counting
from trimaran.doors.http.features import FeatureDoor
from trimaran.doors.http.scoring import ScoringApp

log = logging.getLogger(__name__)

PORT = 8400
DRAIN_SECONDS = 10.0
SWITCH_SECONDS = 0.0002


@dataclass(frozen=True)
class Address:
    """Where to listen: a host and a port (0: any free one), or a Unix socket."""

    host: str = "127.0.0.1"
    port: int = PORT
    path: Path | None = None

    def __post_init__(self) -> None:
        if self.path is None and not is_loopback(self.host):
            fault = Fault(
                what=f"{self.host!r} can be reached from other machines, and this server has neither log-in nor TLS",
                remedy="listen on 127.0.0.1 or a Unix socket, and put a server with both in front of it",
            )
            raise InputError("address", [fault])

    @property
    def url(self) -> str:
        """The address as callers write it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"unix:{self.path}" if self.path is not None else f"http://{host}:{self.port}"

    def reserved(self) -> tuple[Address, socket.socket | None]:
        """Return the address with its port chosen, and what holds the port until the server listens there.

        Raises ``Unavailable`` when somebody listens there already: two servers on one port would share its callers.
        """
        if self.path is not None:
            return self, None
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((self.host, self.port))
        except OSError as error:
            raise Unavailable(f"{self.url} cannot be listened on ({error}); name another port, or 0 for any") from error
        holder = socket.socket(family, socket.SOCK_STREAM)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((self.host, self.port))
        return Address(self.host, holder.getsockname()[1]), holder


async def serve(workspace: Workspace, address: Address, *, ready: Callable[[str], None], ends: asyncio.Event) -> None:
    """Serve every released product of a workspace until ``ends`` is set, then answer what is under way and return.

    ``ready`` is told the URL once models are loaded and the server answers.
    """
    # The scoring thread leaves Python for Polars dozens of times a batch; by default it could wait 5 ms to come back each time.
    sys.setswitchinterval(SWITCH_SECONDS)
    app = open_app(workspace)
    counting = Counting(workspace.ledger, workspace.clock, app.metrics)
    chosen, holder = address.reserved()
    server = Server(
        app,
        address=chosen.host,
        port=chosen.port,
        uds=chosen.path,
        interface=Interfaces.RSGI,
        websockets=False,
        log_enabled=False,
    )
    try:
        serving = asyncio.create_task(server.serve())
        await listening(chosen, serving)
        ready(chosen.url)
        freshening = asyncio.create_task(app.keep_fresh())
        writing = asyncio.create_task(counting.keep(app.products))
        await ends.wait()
        freshening.cancel()
        writing.cancel()
        app.draining = True
        server.stop()  # type: ignore[no-untyped-call]  # granian says no types here
        await asyncio.wait([serving], timeout=DRAIN_SECONDS)
        if not await app.drained(DRAIN_SECONDS):
            log.error("requests were still under way after %g seconds of draining", DRAIN_SECONDS)
    finally:
        await asyncio.to_thread(counting.write, list(app.products))
        app.close()
        if holder is not None:
            holder.close()


def open_app(workspace: Workspace) -> ScoringApp:
    """Return the application with the models of every released product loaded."""
    released = [name for name in workspace.products() if workspace.ledger.latest(Release, name) is not None]
    planes = {name: dataplane_of(workspace, name) for name in released}
    for name, plane in planes.items():
        try:
            plane.warm_up()
        except TrimaranError:
            # Its requests are told so, one by one; the other products answer.
            log.exception("%s does not answer", name)
    features = FeatureDoor(lambda: _lookups(workspace), near=not workspace.settings.online.url)
    return ScoringApp(planes, lambda name: _find(workspace, name), features)


def _lookups(workspace: Workspace) -> Lookups:
    if not workspace.has_views:
        raise NotFound("no features were materialised here; run `trimaran materialise`")
    return Lookups(workspace.views, workspace.clock)


def _find(workspace: Workspace, name: str) -> Dataplane:
    if workspace.ledger.latest(Release, name) is None:
        released = [each for each in workspace.products() if workspace.ledger.latest(Release, each) is not None]
        raise NotFound(f"no product {name[:100]!r} is released; there are: {', '.join(released) or 'none'}")
    return dataplane_of(workspace, name)


async def listening(address: Address, serving: asyncio.Task[None]) -> None:
    """Wait until the server takes connections; raises what it raised instead."""
    while not serving.done():
        try:
            if address.path is not None:
                _, writer = await asyncio.open_unix_connection(address.path)
            else:
                _, writer = await asyncio.open_connection(address.host, address.port)
        except OSError:
            await asyncio.sleep(0.01)
        else:
            writer.close()
            return
    raise Unavailable(f"the server at {address.url} ended at once") from serving.exception()
