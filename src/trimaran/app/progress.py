"""Progress of long acts: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from trimaran.core.ports import Progress

_STEPS = 10


class BarProgress:
    """A bar a task; a task that is started again starts its bar anew."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def start(self, task: str, total: int) -> None:
        """Show a bar at 0 of ``total``."""
        if task in self._tasks:
            self._bars.reset(self._tasks[task], total=total, visible=True, note="")
        else:
            self._tasks[task] = self._bars.add_task(task, total=total, note="")

    def advance(self, task: str, done: int = 1, note: str = "") -> None:
        """Move a bar on; a task never started has none."""
        if task in self._tasks:
            self._bars.update(self._tasks[task], advance=done, note=note)

    def finish(self, task: str) -> None:
        """Take the bar away: what came of the act is told by the act."""
        if task in self._tasks:
            self._bars.update(self._tasks[task], visible=False)


class LineProgress:
    """A line at the start, at each tenth of the way, and at the end.

    >>> shown = LineProgress(sys.stdout)
    >>> shown.start("train", 2); shown.advance("train", note="trial 1"); shown.finish("train")
    train: 0 of 2
    train: 1 of 2, trial 1
    train: done
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._tasks: dict[str, tuple[int, int]] = {}

    def start(self, task: str, total: int) -> None:
        """Say that a task begins."""
        self._tasks[task] = (0, total)
        self._say(f"{task}: 0 of {total:,}")

    def advance(self, task: str, done: int = 1, note: str = "") -> None:
        """Say how far a task is, when it came a tenth further."""
        before, total = self._tasks.get(task, (0, 0))
        now = before + done
        self._tasks[task] = (now, total)
        if total and now * _STEPS // total > before * _STEPS // total:
            self._say(f"{task}: {now:,} of {total:,}{f', {note}' if note else ''}")

    def finish(self, task: str) -> None:
        """Say that a task is done."""
        self._tasks.pop(task, None)
        self._say(f"{task}: done")

    def _say(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


@contextmanager
def progress(stream: TextIO | None = None) -> Iterator[Progress]:
    """Yield what shows progress on a stream, standard error by default: bars on a terminal, else lines."""
    to = sys.stderr if stream is None else stream
    if not to.isatty():
        yield LineProgress(to)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", style="dim"),
    )
    with Bars(*columns, console=Console(file=to), transient=True) as bars:
        yield BarProgress(bars)
