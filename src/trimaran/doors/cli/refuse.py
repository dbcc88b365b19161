"""trimaran refuse: a person's word on a version."""

from __future__ import annotations

import typer

from trimaran.doors.cli.deciding import NoteOption, PersonOption, RoleOption, VersionArgument, write
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption

app = typer.Typer(add_completion=False)


@app.command()
def refuse(
    version: VersionArgument,
    role: RoleOption,
    person: PersonOption = None,
    note: NoteOption = "",
    product: ProductOption = None,
    workspace: WorkspaceOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Refuse a version that waits for approval; the loop's next turn takes it out."""
    write("refuse", version, role=role, person=person, note=note, product=product, folder=workspace, json=json)
