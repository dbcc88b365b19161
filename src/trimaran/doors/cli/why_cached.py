"""trimaran why-cached: what is the same, so that a step did not have to run."""

from __future__ import annotations

import typer

from trimaran.app.pipelines import name_of, reasons, run_named
from trimaran.doors.cli.options import JsonOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say
from trimaran.doors.cli.steps import PipelineOption
from trimaran.doors.cli.why_ran import RunOption, StepArgument

app = typer.Typer(add_completion=False)


@app.command()
def why_cached(
    step: StepArgument,
    run: RunOption = None,
    pipeline: PipelineOption = None,
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Say why a step did not have to run: what is the same, and since when."""
    place = open_workspace(workspace)
    found = reasons(place, run_named(place, run, pipeline), *name_of(step))
    if json:
        print_json(found)
    else:
        say(str(found))
