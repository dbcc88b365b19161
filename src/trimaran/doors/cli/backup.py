"""trimaran backup: everything of a workspace, while others write to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trimaran.app.moving import back_up
from trimaran.doors.cli.moving import tell
from trimaran.doors.cli.options import JsonOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say

app = typer.Typer(add_completion=False)


@app.command()
def backup(
    out: Annotated[Path, typer.Option("--out", help="A folder, or a name that ends in .tar for one file.")],
    workspace: WorkspaceOption = None,
    *,
    verify: Annotated[bool, typer.Option("--verify", help="Read all of it again and verify it.")] = False,
    json: JsonOption = False,
) -> None:
    """Back a workspace up while others write to it; what the folder has of an older backup is not copied again."""
    written = back_up(open_workspace(workspace), out, check=verify)
    if json:
        print_json(written)
        return
    tell(written)
    if verify:
        say("read again: every member has its digest, the chain is whole and ends as it was signed")
