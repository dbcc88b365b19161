"""Samples how busy the machine is while a run is under way."""

from __future__ import annotations

from time import perf_counter_ns

from trimaran.app.runs.log import Log
from trimaran.backends.machine_load import readings

FIRST = 1.0
"""Seconds after which a run is sampled first; later every ``sample`` seconds."""


def sample(log: Log, now: int) -> None:
    """Append the machine's load to a run's points if it is time to."""
    due = log.sampled + log.sample * 1e9 if log.sampled else log.ticks + min(FIRST, log.sample) * 1e9
    if not log.sample or now < due:
        return
    log.sampled = now
    for name, value in readings():
        log.buffer.append((f"system/{name}", value, None, perf_counter_ns()))
