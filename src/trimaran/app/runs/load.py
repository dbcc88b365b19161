"""How busy the machine is while a run is under way: processor, memory, and graphics card where there is one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from time import perf_counter_ns
from typing import Any

import psutil

from trimaran.app.runs.log import Log

FIRST = 1.0
"""Seconds after which a run is sampled first; later every ``sample`` seconds."""


def sample(log: Log, now: int) -> None:
    """Append the machine's load to a run's points if it is time to."""
    due = log.sampled + log.sample * 1e9 if log.sampled else log.ticks + min(FIRST, log.sample) * 1e9
    if not log.sample or now < due:
        return
    log.sampled = now
    for name, value in _readings():
        log.buffer.append((f"system/{name}", value, None, perf_counter_ns()))


def _readings() -> Iterator[tuple[str, float]]:
    process = _process(os.getpid())
    with process.oneshot():
        yield "process_cpu_percent", process.cpu_percent()
        yield "process_memory_mb", process.memory_info().rss / 1e6
    yield "cpu_percent", psutil.cpu_percent()
    yield "memory_percent", psutil.virtual_memory().percent
    cards = _cards()
    for number in range(cards.nvmlDeviceGetCount() if cards is not None else 0):
        handle = cards.nvmlDeviceGetHandleByIndex(number)
        yield f"gpu_{number}_percent", float(cards.nvmlDeviceGetUtilizationRates(handle).gpu)
        yield f"gpu_{number}_memory_mb", cards.nvmlDeviceGetMemoryInfo(handle).used / 1e6


@lru_cache(maxsize=1)
def _process(number: int) -> psutil.Process:
    process = psutil.Process(number)
    process.cpu_percent()  # the first answer is about nothing
    psutil.cpu_percent()
    return process


@lru_cache(maxsize=1)
def _cards() -> Any:
    """Return NVIDIA's own library (``pip install nvidia-ml-py``), None where it or a card is missing."""
    try:
        library = import_module("pynvml")
        library.nvmlInit()
    except Exception:  # noqa: BLE001  whatever a driver raises: there is no card to ask
        return None
    return library
