"""trimaran why-ran: what changed that made a step run."""

from __future__ import annotations

from typing import Annotated

import typer

from trimaran.app.pipelines import name_of, reasons, run_named
from trimaran.doors.cli.options import JsonOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say
from trimaran.doors.cli.steps import PipelineOption

app = typer.Typer(add_completion=False)

StepArgument = Annotated[str, typer.Argument(metavar="STEP", help="The step, or one item of it, like squares[3].")]
RunOption = Annotated[
    str | None,
    typer.Option("--run", help="The run, or the beginning of its name; the newest by default.", show_default=False),
]


@app.command()
def why_ran(
    step: StepArgument,
    run: RunOption = None,
    pipeline: PipelineOption = None,
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Say why a step of a pipeline ran: what changed since the run before."""
    place = open_workspace(workspace)
    found = reasons(place, run_named(place, run, pipeline), *name_of(step))
    if json:
        print_json(found)
    else:
        say(str(found))
