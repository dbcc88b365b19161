"""When a server's process is to end: a signal, or the end of the process that started it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

from trimaran.app.processes import with_parent as end_with_parent


def told_to_stop(*, with_parent: bool) -> asyncio.Event:
    """Return an event of the running loop that is set by SIGINT or SIGTERM and, on request, by the parent's end."""
    loop, ends = asyncio.get_running_loop(), asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, ends.set)
    if with_parent:
        arguments = (os.getppid(), lambda: loop.call_soon_threadsafe(ends.set))
        threading.Thread(target=end_with_parent, args=arguments, daemon=True, name="parent").start()
    return ends
