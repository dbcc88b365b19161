"""trimaran import: a signed bundle into a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trimaran.app.moving import bring_in
from trimaran.app.workspace import Workspace
from trimaran.core.config import default_person, default_workspace
from trimaran.doors.cli.moving import DataOption, FirstUseOption, KeyOption, keys_of
from trimaran.doors.cli.options import JsonOption
from trimaran.doors.cli.output import print_json, say

app = typer.Typer(add_completion=False)


@app.command(name="import")
def import_(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="The file that `trimaran export` wrote.")],
    into: Annotated[
        Path | None,
        typer.Option("--into", "-w", help="The workspace folder; TRIMARAN_WORKSPACE, else .trimaran.", show_default=False),
    ] = None,
    key: KeyOption = None,
    name: Annotated[str | None, typer.Option("--as", help="Another name for the product.", show_default=False)] = None,
    data: DataOption = None,
    *,
    first_use: FirstUseOption = False,
    json: JsonOption = False,
) -> None:
    """Bring a signed bundle into a workspace, verified before anything is written; twice is once."""
    folder = into or default_workspace()
    done = bring_in(bundle, folder, keys=keys_of(key), first_use=first_use, name=name, actor=default_person())
    if data is not None:
        Workspace(folder).data_root = data
    if isinstance(done, Workspace):
        found = done.ledger.verify()
        if json:
            print_json(found)
        else:
            say(f"{folder} is the workspace that was exported, entry for entry: {found.count:,} entries, head {found.head}")
    elif json:
        print_json(done)
    else:
        for record in done:
            say(f"{record.product} is in {folder}: {record.count:,} entries of {record.named} from {record.origin}")
