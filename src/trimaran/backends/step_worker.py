"""A process that makes attempts at steps, one after the other, for the process that started it."""

from __future__ import annotations

import os
import pickle
import sys
from multiprocessing.connection import Connection
from typing import Any

import msgspec

from trimaran.core.engines import Made
from trimaran.core.steps import told

BEGUN = b"begun"


def serve(channel: Connection) -> None:
    """Take attempts from a channel and send what comes of them, until it is closed."""
    home = os.getcwd()  # noqa: PTH109  a text is what is gone back to
    place = f"process {os.getpid()} of {os.uname().nodename}"
    while True:
        try:
            name, path, packed = pickle.loads(channel.recv_bytes())  # noqa: S301  from the process that started this one
            data = pickle.loads(channel.recv_bytes())  # noqa: S301  likewise
        except EOFError:
            return
        channel.send_bytes(BEGUN)
        made = msgspec.structs.replace(_made(name, path, packed, data), place=place)
        sys.stdout.flush()
        sys.stderr.flush()
        os.chdir(home)
        channel.send_bytes(msgspec.msgpack.encode(made))


def _made(name: str, path: list[str], packed: bytes, data: dict[str, bytes]) -> Made:
    sys.path[:] = path
    try:
        act, call = pickle.loads(packed)  # noqa: S301  likewise
    except Exception as error:  # noqa: BLE001  whatever importing the project's modules does
        return Made(error=told(name, error))
    made: Any = act(call, data, captures=False)
    return made if isinstance(made, Made) else Made(error=f"{name}: it made no result")


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
