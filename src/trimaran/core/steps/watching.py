"""Sees what a step does while it runs, as far as Python tells: the files that it reads, where it connects to, what it starts."""

from __future__ import annotations

import os
import sys
import sysconfig
import tempfile
import threading
from typing import Any, Self

_PASSED = ("/proc/", "/sys/", "/dev/", "/etc/", "/usr/", "/lib", tempfile.gettempdir() + "/trimaran-")
_CODE = (".py", ".pyc", ".so", ".pyi", ".pth")
_ASIDE = (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), sys.prefix + "/")


class Watch:
    """While it is open: the files that this thread reads and does not write itself, and what else may differ next time.

    Libraries that open files by themselves, not through Python, are not seen: Polars reads Parquet so. Paths that stand in
    the code, or are given as parameters, count by their content all the same.
    """

    def __init__(self) -> None:
        self.read: dict[str, None] = {}
        self.unsteady: dict[str, None] = {}
        self._written: set[str] = set()
        self._around: Watch | None = None

    def __enter__(self) -> Self:
        _install()
        self._around, _watched.one = _watched.one, self
        return self

    def __exit__(self, *_: object) -> None:
        _watched.one = self._around

    def opened(self, path: Any, mode: Any, flags: int) -> None:
        """Take note of a file that is opened."""
        if not isinstance(path, str | bytes | os.PathLike):
            return
        name = os.path.abspath(os.fsdecode(path))  # noqa: PTH100  a path object would open files of its own
        writes = bool(flags & (os.O_WRONLY | os.O_RDWR)) or (isinstance(mode, str) and set(mode) & set("wax+"))
        if writes:
            self._written.add(name)
        elif name not in self._written and not name.startswith((*_PASSED, *_ASIDE)) and not name.endswith(_CODE):
            self.read[name] = None


class _Watched(threading.local):
    one: Watch | None = None


_watched = _Watched()
_installed = threading.Event()


def _install() -> None:
    if not _installed.is_set():
        _installed.set()
        sys.addaudithook(_heard)  # it cannot be taken away again: with nothing to watch it does nothing


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    watch = _watched.one
    if watch is None:
        return
    if event == "open":
        watch.opened(*arguments)
    elif event == "socket.connect":
        watch.unsteady[f"it was seen to connect to {arguments[1]!r}"] = None
    elif event == "subprocess.Popen":
        watch.unsteady[f"it was seen to start {arguments[0]!r}"] = None
