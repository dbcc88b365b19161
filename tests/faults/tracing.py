"""A child process seen at every system call that changes a disk: counted, recorded, killed or answered with an error.

Plain ptrace with a seccomp filter, so that only these calls stop and nothing needs to be installed: Linux on x86-64.
The process that watches must have one thread and no other children; the child may have any number of threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import stat
import struct
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

HERE = sys.platform == "linux" and os.uname().machine == "x86_64"
GO, KILL = 0, -1

_CALLS = {
    1: "write", 2: "open", 18: "pwrite64", 20: "writev", 40: "sendfile", 44: "sendto", 74: "fsync", 75: "fdatasync",
    76: "truncate", 77: "ftruncate", 82: "rename", 83: "mkdir", 84: "rmdir", 85: "creat", 86: "link", 87: "unlink",
    88: "symlink", 257: "openat", 258: "mkdirat", 263: "unlinkat", 264: "renameat", 265: "linkat", 266: "symlinkat",
    285: "fallocate", 296: "pwritev", 316: "renameat2", 326: "copy_file_range", 328: "pwritev2", 425: "io_uring_setup",
    437: "openat2",
}  # fmt: skip
WRITES = ("write", "pwrite64", "writev", "pwritev", "pwritev2", "sendfile", "copy_file_range")
SYNCS = ("fsync", "fdatasync")
OPENS = ("open", "openat", "creat")
_OF_HANDLES = {**dict.fromkeys((*WRITES, *SYNCS, "ftruncate", "fallocate"), 0), "copy_file_range": 2}
_OF_PATHS = {"open": 0, "creat": 0, "openat": 1, "truncate": 0, "rename": 0, "renameat": 1, "renameat2": 1, "mkdir": 0}
_OF_PATHS |= {"mkdirat": 1, "rmdir": 0, "unlink": 0, "unlinkat": 1, "link": 0, "linkat": 1}
_TO_PATHS = {"rename": 1, "renameat": 3, "renameat2": 3, "link": 1, "linkat": 3}
_AT_FDCWD = 2**32 - 100

_TRACEME, _POKEUSER, _CONT, _SYSCALL, _SETOPTIONS, _GET_SYSCALL_INFO = 0, 6, 7, 24, 0x4200, 0x420E
_OPTIONS = 0x1 | 0x2 | 0x4 | 0x8 | 0x80 | 0x100000  # sysgood, fork, vfork, clone, seccomp, kill the child with its watcher
_EVENT_SECCOMP, _SYSCALL_STOP, _WALL = 7, signal.SIGTRAP | 0x80, 0x40000000
_RAX, _ORIG_RAX = 10 * 8, 15 * 8
_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


@dataclass
class Call:
    """One system call below the watched folder; ``number`` counts them from 1, over all threads, in order of entry.

    ``since`` is how many calls had been answered when this one was entered, ``error`` what it was answered with.
    """

    number: int
    name: str
    path: str
    target: str = ""
    inode: int = 0
    created: bool = False
    truncated: bool = False
    offset: int = 0
    length: int = 0
    data: bytes = b""
    since: int = 0
    error: int = 0
    handle: int = -1
    moment: float = 0.0


@dataclass
class Seen:
    """What a watched run did: its calls in order of their end, how many were entered, and how the child ended."""

    calls: list[Call] = field(default_factory=list)
    entered: int = 0
    status: int = 0

    def told(self) -> list[tuple[int, str]]:
        """Return what the child told, each with the number of calls that had ended before."""
        return [(place, call.data.decode()) for place, call in enumerate(self.calls) if call.name == "sendto"]


def watch(act: Callable[[Callable[[str], None]], None], root: Path, answer: Callable[[Call], int]) -> Seen:
    """Run ``act`` in a child and return what it did below ``root``.

    The child may tell its watcher texts; telling is a call like any other. ``answer`` looks at each call on its way in and
    says GO, KILL (the call does not happen) or the number of the error to answer with (the call does not happen either).
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _live(act, theirs)
    seen = _Watch(child, theirs.fileno(), str(root), answer, ours).run()
    ours.close()
    theirs.close()
    return seen


def _live(act: Callable[[Callable[[str], None]], None], wire: socket.socket) -> None:
    code = 1
    try:
        _libc.ptrace(_TRACEME, 0, None, None)
        os.kill(os.getpid(), signal.SIGSTOP)
        _only_stop_at(_CALLS)
        act(lambda text: wire.send(text.encode()) and None)
        code = 0
    except BaseException:  # noqa: BLE001 - a forked child must not return into its parent's code
        traceback.print_exc()
    finally:
        os._exit(code)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def _only_stop_at(numbers: dict[int, str]) -> None:
    steps = [struct.pack("HBBI", 0x20, 0, 0, 0)]  # load the number of the call
    for place, number in enumerate(numbers):
        steps.append(struct.pack("HBBI", 0x15, len(numbers) - place, 0, number))  # equal: jump to the trace
    steps += [struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000), struct.pack("HBBI", 0x06, 0, 0, 0x7FF00000)]
    code = ctypes.create_string_buffer(b"".join(steps))
    program = _Program(len(steps), ctypes.addressof(code))
    if _libc.prctl(38, 1, 0, 0, 0) or _libc.prctl(22, 2, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel takes no seccomp filter")


class _Watch:
    def __init__(self, child: int, wire: int, root: str, answer: Callable[[Call], int], drain: socket.socket) -> None:
        self.child, self.wire, self.root, self.answer, self.drain = child, wire, root, answer, drain
        self.seen, self.known = Seen(), {child}
        self.under_way: dict[int, Call] = {}

    def run(self) -> Seen:
        os.waitpid(self.child, _WALL)
        if _libc.ptrace(_SETOPTIONS, self.child, None, _OPTIONS) == -1:
            raise OSError(ctypes.get_errno(), "the kernel does not let a process watch its child")
        self._go(self.child)
        while True:
            try:
                thread, status = os.waitpid(-1, _WALL)
            except ChildProcessError:
                return self.seen
            if os.WIFSTOPPED(status):
                self._stopped(thread, os.WSTOPSIG(status), status >> 16)
            elif thread == self.child:
                self.seen.status = os.waitstatus_to_exitcode(status)

    def _go(self, thread: int, request: int = _CONT, signal_: int = 0) -> None:
        _libc.ptrace(request, thread, None, signal_)  # fails when the thread was killed meanwhile: waitpid will tell

    def _stopped(self, thread: int, signal_: int, event: int) -> None:
        if event == _EVENT_SECCOMP:
            self._enter(thread)
        elif signal_ == _SYSCALL_STOP:
            self._leave(thread)
        elif event or signal_ == signal.SIGTRAP or (signal_ == signal.SIGSTOP and thread not in self.known):
            self.known.add(thread)
            self._go(thread)
        else:
            self._go(thread, signal_=signal_)

    def _enter(self, thread: int) -> None:
        try:
            call = self._read(thread)
        except (FileNotFoundError, ProcessLookupError):  # the thread was killed between its stop and our look
            call = None
        if call is None:
            self._go(thread)
            return
        self.seen.entered += 1
        verdict = self.answer(call)
        if verdict == KILL:
            os.kill(self.child, signal.SIGKILL)
        elif verdict:
            _libc.ptrace(_POKEUSER, thread, _ORIG_RAX, ctypes.c_void_p(-1))
            _libc.ptrace(_POKEUSER, thread, _RAX, ctypes.c_void_p(-verdict))
            call.error = verdict
            self.seen.calls.append(call)
            self._go(thread)
        else:
            self.under_way[thread] = call
            self._go(thread, _SYSCALL)

    def _leave(self, thread: int) -> None:
        result = self._info(thread)[1]
        call = self.under_way.pop(thread, None)
        if call is not None and result >= 0:
            try:
                self._complete(thread, call, result)
            except (FileNotFoundError, ProcessLookupError):
                call.name = "lost sight of"
            self.seen.calls.append(call)
        self._go(thread)

    def _info(self, thread: int) -> tuple[int, int, tuple[int, ...]]:
        buffer = ctypes.create_string_buffer(88)
        if _libc.ptrace(_GET_SYSCALL_INFO, thread, ctypes.c_void_p(88), ctypes.addressof(buffer)) <= 0:
            raise ProcessLookupError(thread)
        number, *rest = struct.unpack_from("q6Q", buffer, 24)
        return buffer.raw[0], number, tuple(rest)

    def _read(self, thread: int) -> Call | None:
        _, number, args = self._info(thread)
        name = _CALLS[number]
        call = Call(self.seen.entered + 1, name, "", since=len(self.seen.calls), moment=time.monotonic())
        if name == "sendto":
            call.data = self._memory(thread, args[1], args[2])
            return call if args[0] == self.wire else None
        if name in {"io_uring_setup", "openat2", "symlink", "symlinkat"}:
            raise RuntimeError(f"the watched process calls {name}, which the model of a disk does not know")
        if name in _OF_HANDLES:
            call.handle = args[_OF_HANDLES[name]]
            call.path = str(Path(f"/proc/{thread}/fd/{call.handle}").readlink())
        else:
            call.path = self._path(thread, args, _OF_PATHS[name])
        if not call.path.startswith(self.root + "/") and call.path != self.root:
            return None
        if name in _TO_PATHS:
            call.target = self._path(thread, args, _TO_PATHS[name])
        return self._opening(call, args) if name in OPENS else self._changing(thread, call, args)

    def _opening(self, call: Call, args: tuple[int, ...]) -> Call | None:
        flags = os.O_CREAT | os.O_TRUNC | os.O_WRONLY if call.name == "creat" else args[1 + (call.name == "openat")]
        there = os.path.lexists(call.path)
        call.created = bool(flags & os.O_CREAT) and not there
        call.truncated = bool(flags & os.O_TRUNC) and there
        return call if call.created or call.truncated else None

    def _changing(self, thread: int, call: Call, args: tuple[int, ...]) -> Call | None:
        if call.name in {"mkdir", "mkdirat"} and os.path.lexists(call.path):
            return None
        if call.handle >= 0:
            call.inode = Path(f"/proc/{thread}/fd/{call.handle}").stat().st_ino
        elif os.path.lexists(call.path):
            call.inode = os.lstat(call.path).st_ino
        if call.name in {"ftruncate", "truncate"}:
            call.length = args[1]
        elif call.name == "fallocate":
            call.offset, call.length, call.truncated = args[2], args[3], args[1] == 0
        elif call.name in {"pwrite64", "pwritev", "pwritev2"}:
            call.offset = args[3]
        elif call.name in WRITES:
            call.offset = -1
        return call

    def _complete(self, thread: int, call: Call, result: int) -> None:
        if call.name == "sendto":
            self.drain.recv(1 << 16)
        elif call.created or call.name in {"mkdir", "mkdirat"} or call.name in OPENS:
            call.inode = os.lstat(call.path).st_ino
        elif call.name in WRITES:
            if call.offset < 0:  # written where the file stood
                position = Path(f"/proc/{thread}/fdinfo/{call.handle}").read_text(encoding="ascii").split()[1]
                call.offset = int(position) - result
            call.data = _bytes(f"/proc/{thread}/fd/{call.handle}", call.offset, result)

    def _path(self, thread: int, args: tuple[int, ...], place: int) -> str:
        text = self._memory(thread, args[place], 4096).split(b"\0", 1)[0].decode()
        relative = place in {1, 3} and args[place - 1] & 0xFFFFFFFF != _AT_FDCWD
        folder = f"/proc/{thread}/fd/{args[place - 1]}" if relative else f"/proc/{thread}/cwd"
        return text if text.startswith("/") else os.path.normpath(Path(folder).readlink() / text)

    def _memory(self, thread: int, address: int, size: int) -> bytes:
        with Path(f"/proc/{thread}/mem").open("rb", buffering=0) as memory:
            memory.seek(address)
            found = memory.read(min(size, 4096 - address % 4096))
            if len(found) < size and b"\0" not in found:
                found += memory.read(size - len(found))
            return found


def _bytes(path: str, offset: int, size: int) -> bytes:
    handle = os.open(path, os.O_RDONLY)
    try:
        return os.pread(handle, size, offset) if stat.S_ISREG(os.fstat(handle).st_mode) else b""
    finally:
        os.close(handle)
