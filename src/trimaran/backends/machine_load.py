"""How busy this machine is: processor, memory, and graphics cards where there are any."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from typing import Any

import psutil


def readings() -> Iterator[tuple[str, float]]:
    """Yield figures of this process, of the machine, and of each card, by name: shares in percent, memory in MB."""
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
