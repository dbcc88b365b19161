"""A pipeline as a person holds it: steps joined by names, and the act of running them."""

from __future__ import annotations

import html
import inspect
import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from threading import Event
from typing import Any

from trimaran.app.pipelines.engines import open_engine
from trimaran.app.pipelines.outcome import Outcome
from trimaran.app.pipelines.recording import Beginning, note_begun, open_results, secret, write_run
from trimaran.app.progress import progress
from trimaran.app.workspace import Workspace
from trimaran.backends.skops_values import SkopsValues
from trimaran.core.canon import digest, digest_of
from trimaran.core.config import default_person, default_workspace
from trimaran.core.engines import Engine
from trimaran.core.errors import DefinitionError, Fault, InputError, TrimaranError
from trimaran.core.nouns import PipelineRun, StepRun
from trimaran.core.ports import Progress
from trimaran.core.steps import (
    Conductor,
    Course,
    Graph,
    Order,
    PassingFolder,
    Run,
    Seals,
    Step,
    Surroundings,
    Values,
    reads,
    shown_parameters,
)


class Pipeline:
    """Steps whose parameters take the outputs of the steps of their names.

    Steps that the given ones take from, and that stand where they are defined, come along. Raises ``DefinitionError`` with
    every fault of the graph.
    """

    def __init__(self, *steps: Step, name: str | None = None) -> None:
        self.path = _file_of([one.function for one in steps])
        self.name = name or (self.path.stem if self.path is not None else "pipeline")
        self.graph = Graph(self.name, steps)

    def __repr__(self) -> str:
        lines = [f"pipeline {self.name}: {len(self.graph.steps)} steps"]
        for one, sources in self.graph.edges.items():
            lines.append(f"  {one}{' of ' + ', '.join(sources) if sources else ''}")
        return "\n".join(lines)

    def run(
        self,
        parameters: Mapping[str, Any] | None = None,
        /,
        *,
        workspace: str | Path | Workspace | None = None,
        engine: str | Engine = "local",
        again: Collection[str] = (),
        only: Collection[str] = (),
        stop: Event | None = None,
        check: bool = True,
        **named: Any,
    ) -> Outcome:
        """Run what is not known yet, and return what came of every step; parameters are given by name.

        ``engine`` is local, processes, processes:4, ray or ray://host:port, or one that is open. Steps in ``again`` are run whatever is known of them;
        ``only`` these and what they need are run, where any are named. The run ends when ``stop`` is set. With ``check`` it
        raises ``UserCodeError`` when steps failed; the run is written, and what they do not touch is run, in any case.
        """
        given = {**(parameters or {}), **named}
        with progress() as shown:
            outcome = self.go(given, Ways(opened(workspace), engine, again, only, stop), shown)
        if outcome.cancelled and stop is None:
            raise KeyboardInterrupt
        if check:
            outcome.check()
        return outcome

    def go(self, given: Mapping[str, Any], ways: Ways, shown: Progress) -> Outcome:
        """Run and write the run down, showing progress as told."""
        workspace = ways.workspace
        results, started, began = open_results(workspace), workspace.clock.now(), time.perf_counter()
        order = Order(_run_name(self.name, started), started, given, ways.again, ways.only, ways.stop)
        engine = open_engine(ways.engine)
        begun = Beginning(order.run, self.name, engine.name, started, self.graph.edges)
        beginning = _Begins(shown, lambda: note_begun(workspace, begun))
        around = Surroundings(results, values_of(), Seals(secret(workspace.root)), beginning)

        def written(course: Course, edges: dict[str, list[str]]) -> PipelineRun:
            record = PipelineRun(
                name=order.run,
                pipeline=self.name,
                engine=engine.name,
                started=started,
                ended=workspace.clock.now(),
                seconds=time.perf_counter() - began,
                parameters=shown_parameters(given),
                edges=edges,
                fates=dict(Counter(step.fate for step in course.steps if step.item is None)),
                sheet="",
                path=str(self.path or ""),
                file=self._text(workspace),
                error=_error_of(course),
            )
            return write_run(workspace, record, course.steps, results)

        try:
            course, edges = self._course(engine, around, order)
        except TrimaranError as error:
            if beginning.noted:
                with suppress(TrimaranError):  # what broke the run off is told, not that its end could not be written too
                    written(Course([StepRun(name=self.name, fate="failed", error=str(error))]), {self.name: []})
            raise
        finally:
            if engine is not ways.engine:
                engine.close()
        return Outcome(workspace, written(course, edges), course.steps, cancelled=course.cancelled)

    def figure(self) -> Any:
        """Return the graph of the steps as a Plotly figure."""
        return import_module("trimaran.app.figures.pipeline").graph_figure(self.graph.edges, {})

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"

    def _course(self, engine: Engine, around: Surroundings, order: Order) -> tuple[Course, dict[str, list[str]]]:
        edges = {name: list(sources) for name, sources in self.graph.edges.items()}
        return Run(self.graph, engine, around, order).go(), edges

    def _text(self, workspace: Workspace) -> str | None:
        if self.path is None or not self.path.is_file():
            return None
        text = self.path.read_bytes()
        found = digest(text)
        return found if workspace.objects.has(found) else workspace.objects.put(text)


@dataclass(frozen=True)
class Ways:
    """Where and how a pipeline is run: see ``Pipeline.run``."""

    workspace: Workspace
    engine: str | Engine = "local"
    again: Collection[str] = ()
    only: Collection[str] = ()
    stop: Event | None = None


class Flow(Pipeline):
    """A pipeline that is written as a function: ordinary Python, in which each call of a step is run, or served, as one.

    Calling it calls its function, with no pipeline and no workspace.
    """

    def __init__(self, function: Callable[..., Any], name: str | None = None) -> None:
        self.path = _file_of([function])
        self.name = name or function.__name__
        self.function = function
        around = inspect.unwrap(function).__globals__
        found = [around.get(read.name) for read in reads(inspect.unwrap(function).__code__)]
        self.graph = Graph(self.name, {id(one): one for one in found if isinstance(one, Step)}.values(), alone=True)
        given = inspect.signature(function).parameters
        self.graph.parameters = {one.name: one.default for one in given.values()}

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call the function."""
        return self.function(*arguments, **named)

    def _course(self, engine: Engine, around: Surroundings, order: Order) -> tuple[Course, dict[str, list[str]]]:
        unknown = [one for one in order.parameters if one not in self.graph.parameters]
        known = ", ".join(self.graph.parameters) or "none"
        faults = [Fault(where=one, what="there is no such parameter", remedy=f"choose from: {known}") for one in unknown]
        if order.only:
            faults.append(Fault(where="only", what="a function decides what it runs", remedy="leave it out"))
        if faults:
            raise InputError(f"pipeline {self.name}", faults)
        task, shown = f"pipeline {self.name}", around.progress
        shown.start(task, len(self.graph.steps))
        around = replace(around, progress=_Within(shown))
        with PassingFolder() as folder:

            def call(step: Step, given: Mapping[str, Any]) -> tuple[StepRun, Any]:
                alone = Step(step.function, step.conduct, {})
                again = [step.name] if step.name in order.again else []
                one = Order(order.run, order.now, given, again, stop=order.stop)
                course = Run(Graph(self.name, [alone], alone=True), engine, around, one).go()
                if course.cancelled:
                    raise KeyboardInterrupt
                (told,) = course.steps
                if told.output is None:
                    return told, None
                around.seals.check(told.output)
                return told, around.values.load(told.output, around.results.read, folder)

            conductor = Conductor(call)
            try:
                error = conductor.go(self.function, order.parameters)
            except KeyboardInterrupt:
                return Course(conductor.steps(), cancelled=True), conductor.edges
        shown.finish(task)
        steps = conductor.steps()
        if error and not any(one.fate == "failed" for one in steps):
            steps.append(StepRun(name=self.name, fate="failed", error=error))
        return Course(steps), conductor.edges


class _Begins:
    """Shows progress as told, and notes that a run is under way before its first step: what cannot be run never was."""

    def __init__(self, shown: Progress, note: Callable[[], None]) -> None:
        self._shown = shown
        self._note = note
        self.noted = False

    def start(self, task: str, total: int) -> None:
        """Note it the first time, and pass it on."""
        if not self.noted:
            self._note()
            self.noted = True
        self._shown.start(task, total)

    def advance(self, task: str, done: int = 1, note: str = "") -> None:
        """Pass it on."""
        self._shown.advance(task, done, note)

    def finish(self, task: str) -> None:
        """Pass it on."""
        self._shown.finish(task)


class _Within:
    """Shows the runs of single steps as parts of one."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown

    def start(self, task: str, total: int) -> None:
        """Show nothing: the whole was begun."""

    def advance(self, task: str, done: int = 1, note: str = "") -> None:
        """Pass it on."""
        self._shown.advance(task, done, note)

    def finish(self, task: str) -> None:
        """Show nothing: the whole goes on."""


def pipeline(*steps: Step | Callable[..., Any], name: str | None = None) -> Pipeline:
    """Join steps to a pipeline: a parameter named like a step takes its output.

    Over a plain function, as ``@pipeline``, it makes a pipeline of the steps that the function calls, with the loops and
    branches of ordinary Python between them.

    Those that the given ones need come along by their names, so that the last steps are enough. ``name`` is that of the file
    by default.

    >>> from trimaran.core.steps import step
    >>> @step
    ... def numbers(count=3):
    ...     return list(range(count))
    >>> @step
    ... def total(numbers):
    ...     return sum(numbers)
    >>> pipeline(numbers, total, name="sums")
    pipeline sums: 2 steps
      numbers
      total of numbers
    """
    plain = [one for one in steps if not isinstance(one, Step)]
    if plain and len(steps) == 1:
        return Flow(plain[0], name)
    if plain:
        what = f"{plain[0]!r} is no step"
        raise DefinitionError("pipeline", [Fault(what=what, remedy="write @tm.step over the function")])
    return Pipeline(*(one for one in steps if isinstance(one, Step)), name=name)


def values_of() -> Values:
    """Return the forms of values, those of models among them."""
    return Values([SkopsValues()])


def opened(workspace: str | Path | Workspace | None) -> Workspace:
    """Return a workspace that is given as such, by its folder, or not at all."""
    if isinstance(workspace, Workspace):
        return workspace
    return Workspace(Path(workspace) if workspace is not None else default_workspace(), actor=default_person())


def _run_name(pipeline: str, started: datetime) -> str:
    return f"run-{digest_of([pipeline, started.isoformat(), os.getpid(), time.perf_counter_ns()])[:12]}"


def _error_of(course: Course) -> str | None:
    failed = [step for step in course.steps if step.fate == "failed" and step.item is None]
    if course.cancelled:
        return "it was cancelled"
    return f"{', '.join(step.name for step in failed)} failed" if failed else None


def _file_of(functions: Sequence[Callable[..., Any]]) -> Path | None:
    """Return the file that the last function is defined in, None in a notebook."""
    code = getattr(inspect.unwrap(functions[-1]), "__code__", None) if functions else None
    path = Path(code.co_filename) if code is not None else None
    return path.resolve() if path is not None and path.is_file() else None
