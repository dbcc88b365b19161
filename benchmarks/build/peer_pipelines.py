"""Runs 20 trivial steps, and a fan-out of 100, in one peer and prints seconds; run by pipelines.py in the peer's environment."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
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


def prefect(folder: Path) -> dict[str, float]:
    os.environ |= {
        "PREFECT_HOME": str(folder),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "ERROR",
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
    }
    from prefect import flow, task  # noqa: PLC0415
    from prefect.cache_policies import INPUTS, TASK_SOURCE  # noqa: PLC0415

    @task(cache_policy=INPUTS + TASK_SOURCE)
    def one(before: int, n: int) -> int:  # noqa: ARG001  the number tells the steps apart
        return before + 1

    @task(cache_policy=INPUTS + TASK_SOURCE)
    def made(item: int) -> int:
        return item * 2

    @flow
    def chain(start: int) -> int:
        value = start
        for n in range(STEPS):
            value = one(value, n)
        return value

    @flow
    def fan(start: int) -> int:
        return sum(each.result() for each in made.map(list(range(start, start + WIDE))))

    return {
        "fresh": median(lambda turn: chain(1000 * turn), 1),
        "cached": median(lambda _: chain(0), 1),
        "fan": median(lambda turn: fan(1000 * turn), 1),
    }


def zenml(folder: Path) -> dict[str, float]:
    os.environ |= {"ZENML_CONFIG_PATH": str(folder), "ZENML_ANALYTICS_OPT_IN": "false", "ZENML_LOGGING_VERBOSITY": "ERROR"}
    os.environ["ZENML_CUSTOM_SOURCE_ROOT"] = str(folder)
    (folder / "steps_z.py").write_text(
        "from zenml import pipeline, step\n\n@step\ndef one(before: int) -> int:\n    return before + 1\n\n"
        f"def chain(start: int) -> None:\n    value = start\n    for n in range({STEPS}):\n"
        "        value = one(value, id=f's{n}')\n\n"
        "fresh = pipeline(enable_cache=False)(chain)\nkept = pipeline(enable_cache=True)(chain)\n"
    )
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    from steps_z import fresh, kept  # noqa: PLC0415

    return {"fresh": median(lambda turn: fresh(start=1000 * turn), 1), "cached": median(lambda _: kept(start=0), 1)}


METAFLOW = """
from metaflow import FlowSpec, step

class Chain(FlowSpec):
    @step
    def start(self):
        self.value = 0
        self.next(self.s1)
{steps}
    @step
    def end(self):
        pass

if __name__ == "__main__":
    Chain()
"""
METAFLOW_FAN = """
from metaflow import FlowSpec, step

class Fan(FlowSpec):
    @step
    def start(self):
        self.items = list(range({wide}))
        self.next(self.made, foreach="items")

    @step
    def made(self):
        self.value = self.input * 2
        self.next(self.total)

    @step
    def total(self, inputs):
        self.value = sum(each.value for each in inputs)
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Fan()
"""


def metaflow(folder: Path) -> dict[str, float]:
    steps = "".join(
        f"\n    @step\n    def s{n}(self):\n        self.value += 1\n"
        f"        self.next(self.{'end' if n == STEPS - 2 else f's{n + 1}'})\n"
        for n in range(1, STEPS - 1)
    )
    around = os.environ | {"USERNAME": "bench", "METAFLOW_USER": "bench", "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder)}

    def run(name: str, text: str, *options: str) -> float:
        (folder / name).write_text(text)
        began = time.perf_counter()
        command = [sys.executable, name, "--quiet", "run", *options]
        subprocess.run(command, cwd=folder, env=around, check=True, stdout=sys.stderr)
        return time.perf_counter() - began

    return {
        "fresh": run("chain.py", METAFLOW.format(steps=steps)),
        "fan": run("fan.py", METAFLOW_FAN.format(wide=WIDE), "--max-num-splits", str(2 * WIDE)),
    }


PEERS: dict[str, Callable[[Path], dict[str, float]]] = {
    "hamilton": hamilton,
    "dagster": dagster,
    "prefect": prefect,
    "zenml": zenml,
    "metaflow": metaflow,
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        found = PEERS[sys.argv[1]](Path(folder))
    print(json.dumps(found), file=sys.__stdout__, flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
