"""Models that are pickles: loaded in a process of their own, that this one speaks to in plain numbers and never trusts."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any
from weakref import finalize

import msgspec
import numpy as np

from trimaran.backends.pickle_worker import Answered, Looked
from trimaran.core.errors import Fault, InputError, Unavailable
from trimaran.core.ports import Scorer

_PATIENCE = 120.0
"""Seconds that loading a pickle, or one answer of it, may take."""

_LARGEST = 2**31


class PickleFormat:
    """Loads a pickled estimator in a worker process. Whoever calls this has looked whether a person decided that it may be."""

    name = "pickle"

    def load(self, data: bytes) -> Scorer:
        """Return a scorer; raises ``InputError`` for what cannot be loaded, with the reason that the worker gave."""
        return self.read(data)[1]

    def read(self, data: bytes) -> tuple[Looked, Scorer]:
        """Return what the worker says of the model, with its safer forms where it has some, and a scorer."""
        worker = _Worker()
        looked = worker.ask(data, Looked)
        if looked.error:
            worker.close()
            remedy = (
                "install what it was made with, or save it in a form that is no pickle: ONNX, skops, XGBoost's or LightGBM's"
            )
            raise InputError("pickle", [Fault(what=f"it cannot be loaded: {looked.error}", remedy=remedy)])
        two = looked.classes is not None and len(looked.classes) == 2  # noqa: PLR2004  yes and no

        def score(features: np.ndarray) -> np.ndarray:
            rows = np.ascontiguousarray(features, dtype=np.float32)
            said = worker.ask(msgspec.msgpack.encode((rows.shape, rows.tobytes())), Answered)
            if said.error:
                raise Unavailable(f"the pickled model raised: {said.error}")
            found = np.frombuffer(said.data, dtype=np.float64).reshape(said.shape)
            return found[:, 1] if two else found

        return looked, score


class _Worker:
    """One process with one model; it ends with whoever holds it, and one that died says so."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._process = subprocess.Popen(  # noqa: S603  this very Python
            [sys.executable, "-m", "trimaran.backends.pickle_worker", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()
        self._channel = Connection(ours.detach())
        self._lock = threading.Lock()
        self._end = finalize(self, _ended, self._process, self._channel)

    def ask(self, data: bytes, kind: type[Any]) -> Any:
        # What comes back is decoded as plain values of known types: a pickle's maker may have written the worker's words.
        with self._lock:
            try:
                self._channel.send_bytes(data)
                if not self._channel.poll(_PATIENCE):
                    self.close()
                    raise Unavailable(
                        f"the process of the pickled model said nothing for {_PATIENCE:g} seconds, and was ended"
                    )
                return msgspec.msgpack.decode(self._channel.recv_bytes(_LARGEST), type=kind)
            except (EOFError, OSError) as error:
                self.close()
                code = self._process.poll()
                message = (
                    f"the process of the pickled model ended (exit code {code}): the model killed it, or its memory ran out"
                )
                raise Unavailable(message) from error
            except msgspec.MsgspecError as error:
                self.close()
                raise Unavailable(f"the process of the pickled model said what is no answer: {error}") from error

    def close(self) -> None:
        self._end()


def _ended(process: subprocess.Popen[bytes], channel: Connection) -> None:
    with suppress(OSError):
        channel.close()
    process.kill()
    process.wait()
