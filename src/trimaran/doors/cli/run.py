"""trimaran run: data in, a version out, judged at the gate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_file
from trimaran.app.progress import progress
from trimaran.app.running import run_once
from trimaran.app.views import Book, version_view
from trimaran.app.workspace import Workspace
from trimaran.core.config import default_person, default_workspace
from trimaran.doors.cli.options import JsonOption, WorkspaceOption
from trimaran.doors.cli.output import print_json
from trimaran.doors.cli.show import print_version

app = typer.Typer(add_completion=False)


@app.command()
def run(
    product_file: Annotated[Path, typer.Argument(metavar="PRODUCT.py", help="The product file.")],
    data: Annotated[Path | None, typer.Option(help="The folder of its data; the file's own by default.")] = None,
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Take in data, train a version of a product and judge it at the gate; exit code 1 when the gate refuses."""
    loaded = load_file(product_file, root=data)
    opened = Workspace(workspace or default_workspace(), actor=default_person())
    opened.data_root = data or product_file.parent
    with progress() as shown:
        state, verdict = run_once(Lifecycle(opened, loaded, shown, path=product_file))
    view = version_view(Book.open(opened, loaded.definition.name), state.version.name)
    if json:
        print_json(view)
    else:
        print_version(view)
    if verdict.outcome not in {"pass", "warn"}:
        raise typer.Exit(1)
