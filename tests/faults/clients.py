"""Clients of one ledger, in processes that are killed at random moments, and the history that they leave."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from histories import REGARDLESS, Operation
from judging import NOON

from trimaran.core.errors import Conflict, Unavailable
from trimaran.core.nouns import Draft
from trimaran.core.ports import LedgerStore

KIND, SUBJECT = "notice", "p"
UNAVAILABLE = "unavailable"
THREADS = 2
READING, COMPARING, AGAIN = 0.4, 0.4, 0.1  # shares of the operations: reads, appends that compare, appends sent again
KILLS = (0.03, 0.3)  # seconds between two kills
PACE = 0.004  # seconds between the operations of a thread, at random up to this


def history(
    opening: Callable[[], LedgerStore], folder: Path, seed: int, processes: int, seconds: float, *, killing: bool = True
) -> list[Operation]:
    """Let clients work on one subject for a while, kill one after the other if so wanted, and return what they saw."""
    dice = random.Random(seed)
    until = time.monotonic() + seconds
    running = {_client(opening, folder, f"{number}", seed, until): f"{number}" for number in range(processes)}
    deaths: dict[str, float] = {}
    born = processes
    while killing and (now := time.monotonic()) < until:
        time.sleep(min(until - now, dice.uniform(*KILLS)))
        victim = dice.choice(sorted(running))
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        deaths[running.pop(victim)] = time.monotonic()
        running[_client(opening, folder, f"{born}", seed, until)] = f"{born}"
        born += 1
    for process, name in running.items():
        os.waitpid(process, 0)
        deaths[name] = time.monotonic()
    return [each for name in deaths for each in _read(folder, name, deaths[name])]


def _client(opening: Callable[[], LedgerStore], folder: Path, name: str, seed: int, until: float) -> int:
    process = os.fork()
    if process == 0:
        try:
            store = opening()
            threads = [
                threading.Thread(
                    target=_work, args=(store, folder / f"{name}.{each}", random.Random(f"{seed} {name} {each}"), until)
                )
                for each in range(THREADS)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            os._exit(0)
    return process


def _work(store: LedgerStore, log: Path, dice: random.Random, until: float) -> None:
    handle = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    keys: list[str] = []
    newest: tuple[str | None, int] = (None, 0)
    while time.monotonic() < until:
        act = dice.random()
        if act < READING:
            _told(handle, "read", None, REGARDLESS)
            answer, newest = _asked(store, newest)
            _told(handle, answer)
        else:
            key = dice.choice(keys) if keys and act > 1 - AGAIN else f"{log.name}-{len(keys)}"
            keys.append(key)
            compared = act < READING + COMPARING
            _told(handle, "append", key, newest[0] if compared else REGARDLESS)
            _told(handle, _append(store, key, newest[1] if compared else None))
        time.sleep(dice.uniform(0, PACE))


def _asked(store: LedgerStore, before: tuple[str | None, int]) -> tuple[str | None, tuple[str | None, int]]:
    try:
        entry = store.latest(KIND, SUBJECT)
    except Unavailable:
        return UNAVAILABLE, before
    except Exception as error:  # noqa: BLE001 - told, and judged by the test
        return f"broken: {type(error).__name__}: {error}", before
    newest = (entry.key, entry.seq) if entry else (None, 0)
    return newest[0], newest


def _append(store: LedgerStore, key: str, after: int | None) -> str:
    draft = Draft(at=NOON, actor="olga", kind=KIND, subject=SUBJECT, body=b"{}", key=key, after=after)
    try:
        store.append([draft])
    except Conflict:
        return "conflict"
    except Unavailable:
        return UNAVAILABLE
    except Exception as error:  # noqa: BLE001 - told, and judged by the test
        return f"broken: {type(error).__name__}: {error}"
    return "written"


def _told(handle: int, *words: object) -> None:
    # One call a line, so that a kill leaves no half of one; the end of an operation is a line like its beginning.
    os.write(handle, msgspec.json.encode([time.monotonic(), *words]) + b"\n")


def _read(folder: Path, name: str, death: float) -> Iterator[Operation]:
    for log in sorted(folder.glob(f"{name}.*")):
        lines = [msgspec.json.decode(line) for line in log.read_bytes().splitlines()]
        for place in range(0, len(lines), 2):
            began, kind, key, expects = lines[place]
            ended, answer = lines[place + 1] if place + 1 < len(lines) else (death, None)
            known = place + 1 < len(lines) and answer != UNAVAILABLE
            yield Operation(log.name, kind, began, ended, key, expects, answer, known=known)
