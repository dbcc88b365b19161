"""trimaran spin: one step again, on stored inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trimaran.app.pipelines import run_named, spin
from trimaran.doors.cli.asking import RunOption, StepArgument
from trimaran.doors.cli.options import JsonOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say
from trimaran.doors.cli.steps import PipelineOption

app = typer.Typer(add_completion=False)


@app.command(name="spin")
def spin_(
    step: StepArgument,
    run: RunOption = None,
    file: Annotated[
        Path | None, typer.Option(help="The file of the steps; that of the run by default.", show_default=False)
    ] = None,
    pipeline: PipelineOption = None,
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Run one step again, as its code is now, on the inputs of an earlier run; nothing is written."""
    place = open_workspace(workspace)
    spun = spin(place, run_named(place, run, pipeline), step, file=file)
    if json:
        said = {"output": spun.note, "seconds": spun.seconds, "same": spun.same, "changes": spun.changes, "log": spun.log}
        print_json({"step": spun.step, "run": spun.run} | said)
        return
    say(repr(spun), repr(spun.value))
