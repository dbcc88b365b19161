"""trimaran restore: a workspace from a backup."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trimaran.app.moving import restore as bring_back
from trimaran.doors.cli.moving import DataOption, FirstUseOption, KeyOption, keys_of
from trimaran.doors.cli.options import JsonOption
from trimaran.doors.cli.output import print_json, say

app = typer.Typer(add_completion=False)


@app.command()
def restore(
    backup: Annotated[Path, typer.Argument(metavar="BACKUP", help="The folder or file that `trimaran backup` wrote.")],
    into: Annotated[Path, typer.Option("--into", help="The folder of the new workspace.")],
    key: KeyOption = None,
    data: DataOption = None,
    *,
    first_use: FirstUseOption = False,
    json: JsonOption = False,
) -> None:
    """Make a workspace of a backup, in a folder that is not there yet; it is there whole or not at all."""
    workspace = bring_back(backup, into, keys=keys_of(key), first_use=first_use)
    if data is not None:
        workspace.data_root = data
    found = workspace.ledger.verify()
    if json:
        print_json(found)
    else:
        say(f"{into}: {found.count:,} entries, every one as it was, head {found.head}")
