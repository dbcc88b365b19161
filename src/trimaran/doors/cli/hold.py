"""trimaran hold: legal holds, and their end."""

from __future__ import annotations

from typing import Annotated

import typer

from trimaran.app.trashing import hold, holds, release
from trimaran.control.words import moment
from trimaran.core.config import default_person
from trimaran.core.errors import Fault, InputError
from trimaran.doors.cli.options import JsonOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)


@app.command(name="hold")
def hold_command(
    subject: Annotated[
        str | None,
        typer.Argument(metavar="SUBJECT", help="PRODUCT, PRODUCT/v3, PRODUCT/TABLE, PROJECT …; none lists the holds."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.", show_default=False)] = "",
    workspace: WorkspaceOption = None,
    *,
    released: Annotated[bool, typer.Option("--release", help="End every hold on it.")] = False,
    json: JsonOption = False,
) -> None:
    """Hold a product, or a part of it: nothing of it is trashed, purged, trimmed or erased until the hold is released."""
    opened = open_workspace(workspace, actor=default_person())
    if subject is None:
        standing = holds(opened)
        if json:
            print_json(standing)
        elif standing:
            rows = [(one.subject, moment(one.since), one.by, one.reason, str(one.entry)) for one in standing]
            say(table(("held", "since (UTC)", "by", "*why", ">entry"), rows))
        else:
            say("nothing is held")
        return
    if not released and not reason:
        raise InputError("hold", [Fault(what="no reason is given", remedy="say why, for the record: --reason TEXT")])
    entry = release(opened, subject, reason) if released else hold(opened, subject, reason)
    if json:
        print_json(entry)
    else:
        say(f"{subject} is {'held no more' if released else 'held'} (entry {entry.seq})")
