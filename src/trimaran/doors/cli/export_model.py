"""trimaran export-model: a version as an MLflow model directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trimaran.app.registry.exporting import export_model
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say

app = typer.Typer(add_completion=False)


@app.command(name="export-model")
def export_model_command(
    version: Annotated[str, typer.Argument(metavar="vN", help="The version, like v3, or an alias.")],
    out: Annotated[Path, typer.Option("--out", help="The directory to write; one that is there is not replaced.")],
    product: ProductOption = None,
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Write a version as an MLflow model directory, which needs nothing of trimaran to be opened and asked."""
    written = export_model(open_workspace(workspace), version, out, product)
    if json:
        print_json(written)
    else:
        say(f"{written.version} is in {written.folder}, as MLflow's flavour {written.flavour}: {', '.join(written.files)}")
