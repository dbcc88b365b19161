"""trimaran trash: into the trash, out of it again, and what lies there."""

from __future__ import annotations

from typing import Annotated

import typer

from trimaran.app.progress import progress
from trimaran.app.trashing import Trash, in_trash, named, outlook, restore, trash
from trimaran.app.workspace import Workspace
from trimaran.control.words import moment, size
from trimaran.core.config import default_person
from trimaran.core.errors import Fault, InputError
from trimaran.core.nouns import Ref
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)


@app.command(name="trash")
def trash_command(
    ref: Annotated[
        str | None,
        typer.Argument(metavar="REF", help="v3, run-8f7e34c241be, flights@12 or a full ref; none lists the trash."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.", show_default=False)] = "",
    product: ProductOption = None,
    workspace: WorkspaceOption = None,
    *,
    restored: Annotated[bool, typer.Option("--restore", help="Take it out of the trash again.")] = False,
    dry: Annotated[
        bool, typer.Option("--dry-run", help="Only say what that would end, and what space a purge returns.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Put a version, run or data version into the trash: hidden, whole and restorable until a purge."""
    opened = open_workspace(workspace, actor=default_person())
    if ref is None:
        lying = in_trash(opened)
        if json:
            print_json(lying)
        else:
            print_trash(lying)
        return
    what = named(opened, ref, product)
    if dry:
        _foretell(opened, what, json=json)
        return
    if not restored and not reason:
        raise InputError("trash", [Fault(what="no reason is given", remedy="say why, for the record: --reason TEXT")])
    entry, along = restore(opened, what, reason) if restored else trash(opened, what, reason)
    if json:
        print_json({"entry": entry, "what": along})
        return
    names = " and ".join(each.subject for each in along)
    done = "out of the trash again" if restored else f"in the trash: trimaran trash --restore {ref} brings it back"
    say(f"{names} {'are' if len(along) > 1 else 'is'} {done} (entry {entry.seq})")


def _foretell(opened: Workspace, what: Ref, *, json: bool) -> None:
    with progress() as shown:
        told = outlook(opened, what, shown)
    if json:
        print_json(told)
        return
    names = " and ".join(told.what)
    if told.against:
        say(f"{names} cannot go into the trash: {'; '.join(told.against)}")
        return
    say(f"{names} would go into the trash, whole and restorable", f"a purge would return {size(told.freed)}, and then:")
    say(*(f"  {line}" for line in told.breaks))


def print_trash(lying: list[Trash]) -> None:
    """Print what lies in the trash."""
    if not lying:
        say("the trash is empty")
        return
    rows = [(one.name, moment(one.since), one.by, one.reason, "; ".join(one.held) or "-") for one in lying]
    say(table(("what", "since (UTC)", "by", "*why", "*held by"), rows))
