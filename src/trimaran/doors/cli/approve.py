"""trimaran approve: a person's word on a version."""

from __future__ import annotations

import typer

from trimaran.doors.cli.deciding import NoteOption, PersonOption, RoleOption, VersionArgument, write
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption

app = typer.Typer(add_completion=False)


@app.command()
def approve(
    version: VersionArgument,
    role: RoleOption,
    person: PersonOption = None,
    note: NoteOption = "",
    product: ProductOption = None,
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Approve a version that waits for it; the loop's next turn moves it on."""
    write("approve", version, role=role, person=person, note=note, product=product, folder=workspace, json=json)
