"""trimaran steps: pipelines of plain functions, run and looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trimaran.app.pipelines import (
    Outcome,
    Ways,
    load_pipeline,
    opened,
    read_parameters,
    run_named,
    runs_of,
    sheet_of,
    unended_of,
)
from trimaran.app.progress import progress
from trimaran.doors.cli.options import JsonOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False, no_args_is_help=True)

PipelineOption = Annotated[
    str | None, typer.Option("--pipeline", help="The pipeline; may be left out where there is one.", show_default=False)
]


@app.callback()
def steps() -> None:
    """Run a pipeline of steps, and list and show its runs."""


@app.command()
def run(
    file: Annotated[Path, typer.Argument(metavar="FILE.py", help="The file with the steps.")],
    given: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter, like rate=0.2; may be repeated.", show_default=False)
    ] = None,
    engine: Annotated[str, typer.Option(help="local, processes, processes:4, ray, or ray://host:port.")] = "local",
    again: Annotated[
        list[str] | None, typer.Option(help="Run this step whatever is known of it; may be repeated.", show_default=False)
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Run this step and what it needs; may be repeated.", show_default=False)
    ] = None,
    pipeline: PipelineOption = None,
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Run what is not known yet of a file's steps; exit code 1 when a step failed."""
    found = load_pipeline(file, pipeline)
    parameters = read_parameters(found, given or [])
    with progress() as shown:
        outcome = found.go(parameters, Ways(opened(workspace), engine, again or (), only or ()), shown)
    _print(outcome, json=json)
    if outcome.cancelled:
        raise typer.Exit(130)
    if not outcome.ok:
        raise typer.Exit(1)


@app.command(name="list")
def list_(
    pipeline: PipelineOption = None,
    count: Annotated[int, typer.Option(help="How many of the newest.", min=1)] = 20,
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """List the newest runs of pipelines."""
    opened_ = open_workspace(workspace)
    unended, found = unended_of(opened_, pipeline)[-count:], runs_of(opened_, pipeline)[-count:]
    if json:
        print_json([*found, *unended])
        return
    rows = [
        (
            one.name,
            one.pipeline,
            f"{one.started:%Y-%m-%d %H:%M:%S}",
            f"{one.seconds:.2f}",
            one.engine,
            _fates(one.fates),
            one.error or "",
        )
        for one in found
    ]
    rows += [
        (one.name, one.pipeline, f"{one.started:%Y-%m-%d %H:%M:%S}", "-", one.engine, one.status, "") for one in unended
    ]
    say(table(("run", "pipeline", "when (UTC)", ">seconds", "engine", "steps", "*error"), rows))


@app.command()
def show(
    name: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="The run, or the beginning of its name; else the newest.")
    ] = None,
    log: Annotated[str | None, typer.Option(help="Print what this step printed.", show_default=False)] = None,
    pipeline: PipelineOption = None,
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Show one run: what became of each step, and why."""
    place = open_workspace(workspace)
    found = run_named(place, name, pipeline)
    outcome = Outcome(place, found, sheet_of(place, found).steps)
    if log is not None and not json:
        say(outcome.step(log).log or f"{log} printed nothing")
        return
    _print(outcome, json=json)


def _print(outcome: Outcome, *, json: bool) -> None:
    if json:
        print_json({"run": outcome.run, "steps": outcome.steps})
        return
    say(repr(outcome).splitlines()[0])
    say(table(("step", "fate", ">seconds", ">attempts", "*output", "*note"), outcome.rows))
    for one in outcome.steps:
        if one.error and one.fate == "failed" and one.item is None:
            say(one.error)


def _fates(fates: dict[str, int]) -> str:
    return ", ".join(f"{count} {fate}" for fate, count in sorted(fates.items()))
