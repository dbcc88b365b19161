"""The laws of ``Engine``; each takes one that is ready, with nothing under way."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import polars as pl

from trimaran.core.engines import Attempt, Engine, Made
from trimaran.core.steps import Call, Conduct, Step, Values, attempt
from trimaran.testing.laws import holds

_PATIENCE = 120.0
"""Seconds after which an attempt counts as never ended."""


def made_of(engine: Engine, functions: Sequence[Callable[..., Any]], **limits: Any) -> list[Made]:
    """Run some functions as steps on an engine, and return what came of each, in their order."""
    values, waiting = Values(), list(enumerate(functions))
    under_way, found = 0, dict[int, Made]()
    until = time.monotonic() + _PATIENCE
    while waiting or under_way:
        while waiting and engine.room() > 0:
            number, function = waiting.pop(0)
            call = Call(Step(function, Conduct(), {}), {}, 7, values)
            engine.start(Attempt(number, function.__name__, attempt, call, {}, (__name__,), **limits))
            under_way += 1
        for number, made in engine.wait(1.0):
            holds(number not in found, "an attempt ends once")
            found[number] = made
            under_way -= 1
        holds(time.monotonic() < until, f"every attempt ends: {len(found)} of {len(functions)} did")
    return [found[number] for number in range(len(functions))]


def one() -> int:
    """Return 1."""
    return 1


def what_is_made_does_not_depend_on_the_engine(engine: Engine) -> None:
    """Give the same bytes as a call here, frames, random numbers and all."""

    def frame() -> dict[str, Any]:
        import random  # noqa: PLC0415  where it runs

        return {"rows": pl.DataFrame({"x": [1, 2]}).with_columns(y=pl.col("x") * 2), "drawn": random.random(), "t": (1, "a")}  # noqa: S311

    here = attempt(Call(Step(frame, Conduct(), {}), {}, 7, Values()), {})
    (there,) = made_of(engine, [frame])
    holds(there.error == "", f"it ends well: {there.error}")
    holds(there.output == here.output and there.data == here.data, "the same bytes under the same digests")


def each_of_many_ends_once(engine: Engine) -> None:
    """Run more attempts than there is room for."""

    def numbered(number: int) -> Callable[[], int]:
        return lambda: number

    found = made_of(engine, [numbered(number) for number in range(40)])
    holds([made.output and made.output.note for made in found] == [str(number) for number in range(40)], "each its own")


def an_act_that_raises_is_an_error_and_the_others_go_on(engine: Engine) -> None:
    """Say what was raised; ``sys.exit`` is an error too."""

    def raises() -> None:
        message = "no use"
        raise LookupError(message)

    def leaves() -> None:
        sys.exit(3)

    def imports() -> None:
        import there_is_no_such_package  # type: ignore[import-not-found]  # noqa: F401, PLC0415

    first, second, third, fourth = made_of(engine, [raises, leaves, imports, one])
    holds("LookupError: no use" in first.error, f"it is told: {first.error}")
    holds("SystemExit: 3" in second.error, f"it is told: {second.error}")
    holds("'there_is_no_such_package' is not installed where the step ran" in third.error, f"it is told: {third.error}")
    holds(fourth.error == "", "the others go on")


def an_act_that_takes_too_long_is_ended(engine: Engine) -> None:
    """Name the limit, and go on."""

    def hangs() -> None:
        while True:
            with suppress(Exception):
                time.sleep(60)

    began = time.monotonic()
    (made,) = made_of(engine, [hangs], timeout=timedelta(seconds=1))
    holds("longer than the 1s that it may" in made.error, f"the limit is named: {made.error}")
    holds(time.monotonic() - began < _PATIENCE / 2, "soon")
    holds(made_of(engine, [one])[0].error == "", "the others go on")


def what_is_printed_is_kept_at_both_ends(engine: Engine) -> None:
    """Let 20 MB pass, and say how much is left out."""

    def prints() -> int:
        print("begins")  # noqa: T201  what is proved
        for _ in range(20):
            print("x" * 1_000_000)  # noqa: T201
        print("ends")  # noqa: T201
        return 1

    (made,) = made_of(engine, [prints])
    holds(made.error == "", f"it ends well: {made.error}")
    holds(made.log.startswith("begins\n") and made.log.endswith("ends\n"), "both ends are there")
    holds("characters left out" in made.log and len(made.log) < 100_000, "the middle is left out, and that is said")


def stopped_attempts_make_room(engine: Engine) -> None:
    """Forget them, and take others."""
    call = Call(Step(one, Conduct(), {}), {}, 7, Values())
    engine.start(Attempt(1, "one", attempt, call, {}, (__name__,)))
    engine.stop([1])
    engine.wait(0.1)
    holds(engine.room() > 0, "there is room")
    holds(made_of(engine, [one])[0].error == "", "others go on")


def a_process_that_dies_is_an_error_of_its_step(engine: Engine) -> None:
    """Name what killed it, and go on."""

    def killed() -> None:
        os.write(1, b"last words\n")
        os.kill(os.getpid(), signal.SIGKILL)

    def crashes() -> None:
        os.abort()

    def leaves() -> None:
        os._exit(5)

    first, second, third, fourth = made_of(engine, [killed, crashes, leaves, one])
    holds("SIGKILL" in first.error and "last words" in first.log, f"it is told: {first.error} {first.log}")
    holds("SIGABRT" in second.error, f"it is told: {second.error}")
    holds("exit code 5" in third.error, f"it is told: {third.error}")
    holds(fourth.error == "" and not first.lost, "the others go on")


def an_act_that_takes_too_much_memory_is_ended(engine: Engine) -> None:
    """Name the limit and what it took, of its children too."""

    def grows() -> int:
        held = []
        while True:
            held.append(bytearray(b"x" * 20_000_000))
            time.sleep(0.02)

    (made,) = made_of(engine, [grows], memory=400_000_000)
    holds("more than the 400 MB that it may" in made.error, f"the limit is named: {made.error}")
    holds(made_of(engine, [one])[0].error == "", "the others go on")


def an_act_that_forks_ends_once(engine: Engine) -> None:
    """Let the copy neither answer nor stay."""

    def forks() -> int:
        if os.fork() == 0:
            return 2
        return 1

    def leaves_behind() -> int:
        if os.fork() == 0:
            time.sleep(600)
        return 1

    first, second = made_of(engine, [forks, leaves_behind])
    holds(first.output is not None and first.output.note == "1", f"the first of both answers: {first}")
    # A worker that took both may still be ending the copy of the first.
    holds("processes behind, which were ended" in "".join(second.warnings), f"it is told: {second.warnings} {second.error}")
    holds(made_of(engine, [one])[0].error == "", "the others go on")


def threads_that_go_on_do_not_hold_the_engine(engine: Engine) -> None:
    """End the attempt when the act returns."""

    def starts() -> int:
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        return 1

    holds(made_of(engine, [starts, one])[1].error == "", "the others go on")


LAWS: tuple[Callable[[Engine], None], ...] = (
    what_is_made_does_not_depend_on_the_engine,
    each_of_many_ends_once,
    an_act_that_raises_is_an_error_and_the_others_go_on,
    an_act_that_takes_too_long_is_ended,
    what_is_printed_is_kept_at_both_ends,
    stopped_attempts_make_room,
    threads_that_go_on_do_not_hold_the_engine,
)
"""What every engine keeps."""

APART: tuple[Callable[[Engine], None], ...] = (
    a_process_that_dies_is_an_error_of_its_step,
    an_act_that_takes_too_much_memory_is_ended,
    an_act_that_forks_ends_once,
)
"""What engines keep whose steps run in other processes."""
