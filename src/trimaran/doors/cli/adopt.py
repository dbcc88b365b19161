"""trimaran adopt: a model that was trained elsewhere, through the gate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_file
from trimaran.app.progress import progress
from trimaran.app.registry.adopting import adopt as take_up
from trimaran.app.views import Book, version_view
from trimaran.app.workspace import Workspace, held_schemas
from trimaran.core.clock import parse_moment
from trimaran.core.config import default_person, default_workspace
from trimaran.doors.cli.options import JsonOption, WorkspaceOption
from trimaran.doors.cli.output import print_json
from trimaran.doors.cli.show import print_version

app = typer.Typer(add_completion=False)


@app.command()
def adopt(
    product_file: Annotated[Path, typer.Argument(metavar="PRODUCT.py", help="The product file.")],
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", help="An MLflow model directory, or a file: .onnx, .skops, .json, .ubj, .lgb, .pkl."
        ),
    ],
    trained_until: Annotated[
        str | None,
        typer.Option(
            help="The newest moment it was trained on, like 2013-03-01: what is tested must be newer.", show_default=False
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The folder of its data; the file's own by default.")] = None,
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Take up a model that was trained elsewhere: tested, judged and staged like one trained here; exit code 1 when refused."""
    folder = workspace or default_workspace()
    until = parse_moment(trained_until) if trained_until is not None else None
    loaded = load_file(product_file, root=data, held=lambda product: held_schemas(folder, product))
    opened = Workspace(folder, actor=default_person())
    opened.data_root = data or product_file.parent
    with progress() as shown:
        state, verdict = take_up(Lifecycle(opened, loaded, shown, path=product_file), model, trained_until=until)
    view = version_view(Book.open(opened, loaded.definition.name), state.version.name)
    if json:
        print_json(view)
    else:
        print_version(view)
    if verdict.outcome not in {"pass", "warn"}:
        raise typer.Exit(1)
