"""A command that asks why a step of a pipeline did what it did, under whatever name and with whatever words."""

from __future__ import annotations

from typing import Annotated

import typer

from trimaran.app.pipelines import name_of, reasons, run_named
from trimaran.doors.cli.options import JsonOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say
from trimaran.doors.cli.steps import PipelineOption

StepArgument = Annotated[str, typer.Argument(metavar="STEP", help="The step, or one item of it, like squares[3].")]
RunOption = Annotated[
    str | None,
    typer.Option("--run", help="The run, or the beginning of its name; the newest by default.", show_default=False),
]


def asking(words: str) -> typer.Typer:
    """Return the command; ``words`` are its help."""
    app = typer.Typer(add_completion=False)

    @app.command(help=words)
    def why(
        step: StepArgument,
        run: RunOption = None,
        pipeline: PipelineOption = None,
        workspace: WorkspaceOption = None,
        *,
        json: JsonOption = False,
    ) -> None:
        place = open_workspace(workspace)
        found = reasons(place, run_named(place, run, pipeline), *name_of(step))
        if json:
            print_json(found)
        else:
            say(str(found))

    return app
