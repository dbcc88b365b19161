"""trimaran export: a product, or the whole workspace, as one signed file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from trimaran.app.moving import export as write
from trimaran.doors.cli.moving import tell
from trimaran.doors.cli.options import JsonOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json

app = typer.Typer(add_completion=False)


class Part(StrEnum):
    """What may be left out."""

    captures = "captures"


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", help="The file to write; one that is there is not replaced.")],
    product: Annotated[
        str | None, typer.Option("--product", "-p", help="Only this product; all by default.", show_default=False)
    ] = None,
    without: Annotated[
        list[Part] | None, typer.Option("--without", help="Leave predictions and labels out.", show_default=False)
    ] = None,
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Write a product, or the whole workspace, into one signed file; keys and secrets stay here."""
    written = write(open_workspace(workspace), out, product=product, without=[part.value for part in without or ()])
    if json:
        print_json(written)
    else:
        tell(written)
