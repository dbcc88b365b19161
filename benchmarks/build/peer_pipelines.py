"""Runs 20 trivial steps, and a fan-out of 100, in one peer and prints seconds; run by pipelines.py in the peer's environment."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

STEPS, WIDE, RUNS = 20, 100, 3


def median(act: Callable[[int], object], runs: int = RUNS) -> float:
    act(0)
    times = []
    for turn in range(1, runs + 1):
        began = time.perf_counter()
        act(turn)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def hamilton(folder: Path) -> dict[str, float]:
    from hamilton import driver  # noqa: PLC0415
    from hamilton.execution import executors  # noqa: PLC0415

    chain = "def s0(start: int) -> int:\n    return start\n" + "".join(
        f"\ndef s{n}(s{n - 1}: int) -> int:\n    return s{n - 1} + 1\n" for n in range(1, STEPS)
    )
    fan = (
        "from hamilton.htypes import Collect, Parallelizable\n\n"
        f"def item(start: int) -> Parallelizable[int]:\n    yield from range(start, start + {WIDE})\n\n"
        "def made(item: int) -> int:\n    return item * 2\n\n"
        "def total(made: Collect[int]) -> int:\n    return sum(made)\n"
    )
    (folder / "chain_h.py").write_text(chain)
    (folder / "fan_h.py").write_text(fan)
    sys.path.insert(0, str(folder))
    import chain_h  # noqa: PLC0415
    import fan_h  # noqa: PLC0415

    whole = driver.Builder().with_modules(chain_h).with_cache(path=str(folder / "cache")).build()
    wide = (
        driver.Builder()
        .with_modules(fan_h)
        .enable_dynamic_execution(allow_experimental_mode=True)
        .with_local_executor(executors.SynchronousLocalTaskExecutor())
        .with_remote_executor(executors.SynchronousLocalTaskExecutor())
        .with_cache(path=str(folder / "cache"))
        .build()
    )
    last = f"s{STEPS - 1}"
    return {
        "fresh": median(lambda turn: whole.execute([last], inputs={"start": 1000 * turn})),
        "cached": median(lambda _: whole.execute([last], inputs={"start": 0})),
        "fan": median(lambda turn: wide.execute(["total"], inputs={"start": 1000 * turn})),
    }


def dagster(folder: Path) -> dict[str, float]:  # noqa: C901  every op is a function
    from dagster import DagsterInstance, DynamicOut, DynamicOutput, job, op  # noqa: PLC0415

    def numbered(n: int) -> object:
        @op(name=f"s{n}")
        def one(before: int) -> int:
            return before + 1

        return one

    @op
    def begin() -> int:
        return 0

    steps = [numbered(n) for n in range(1, STEPS)]

    @job
    def chain() -> None:
        value = begin()
        for one in steps:
            value = one(value)

    @op(out=DynamicOut(int))
    def items():  # noqa: ANN202
        for n in range(WIDE):
            yield DynamicOutput(n, mapping_key=str(n))

    @op
    def made(item: int) -> int:
        return item * 2

    @op
    def total(all_of_them: list[int]) -> int:
        return sum(all_of_them)

    @job
    def fan() -> None:
        total(items().map(made).collect())

    with DagsterInstance.local_temp(str(folder)) as instance:
        return {
            "fresh": median(lambda _: chain.execute_in_process(instance=instance), 1),
            "fan": median(lambda _: fan.execute_in_process(instance=instance), 1),
        }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        found = {"hamilton": hamilton, "dagster": dagster}[sys.argv[1]](Path(folder))
    print(json.dumps(found), file=sys.__stdout__, flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
