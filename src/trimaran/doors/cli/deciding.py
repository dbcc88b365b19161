"""What trimaran approve and trimaran refuse share: who decides on what, in which role."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trimaran.app.signing import Decision, decide
from trimaran.app.views import only_product
from trimaran.core.config import default_person
from trimaran.doors.cli.options import open_workspace
from trimaran.doors.cli.output import print_json, say

VersionArgument = Annotated[str, typer.Argument(metavar="vN", help="The version, like v3; r3 for models of segments.")]
RoleOption = Annotated[str, typer.Option("--role", help="The role you decide in, as the release policy names it.")]
PersonOption = Annotated[
    str | None, typer.Option("--person", help="Who decides; TRIMARAN_PERSON, else the log-in name.", show_default=False)
]
NoteOption = Annotated[str, typer.Option("--note", help="Why, for the record.", show_default=False)]


def write(
    decision: Decision,
    version: str,
    *,
    role: str,
    person: str | None,
    note: str,
    product: str | None,
    folder: Path | None,
    json: bool,
) -> None:
    """Write a decision and say in which entry it stands."""
    workspace = open_workspace(folder)
    name = only_product(workspace, product)
    who = person or default_person()
    ref = decide(workspace, name, version, decision, role=role, person=who, note=note)
    if json:
        print_json(ref)
    else:
        says = "approves" if decision == "approve" else "refuses"
        say(f"{who} ({role}) {says} {name} {version}: entry {ref.seq}, {ref.digest[:12]}")
