"""How a server's process ends: told by a signal or by the end of the process that started it, and at once."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
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


def leave(code: int) -> None:
    """End a server's process with an exit code, once everything it had to keep is on the disk.

    The interpreter is not taken down: in one of sixteen stops under load a thread of granian's still asked for it then,
    and the process was aborted.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
