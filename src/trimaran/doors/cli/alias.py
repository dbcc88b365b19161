"""trimaran alias: names that point to versions."""

from __future__ import annotations

from typing import Annotated

import typer

from trimaran.app.registry.aliasing import line_meant, set_alias
from trimaran.app.workspace import only_product
from trimaran.control.aliases import pointers, unpoint
from trimaran.control.words import moment
from trimaran.core.config import default_person
from trimaran.core.errors import Fault, InputError
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)


@app.command()
def alias(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The name, like champion; none lists them.")] = None,
    version: Annotated[str | None, typer.Argument(metavar="vN", help="The version that it shall point to.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.", show_default=False)] = "",
    product: ProductOption = None,
    workspace: WorkspaceOption = None,
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Take the name away.")] = False,
    json: JsonOption = False,
) -> None:
    """List the names that point to versions, or let a name point to one; it is then good wherever a version is named."""
    opened = open_workspace(workspace, actor=default_person())
    if name is None:
        found = pointers(opened.ledger, only_product(opened, product))
        rows = [(one.name, one.line, one.version, moment(one.since), one.by, one.reason) for one in found]
        if json:
            print_json(found)
        elif rows:
            say(table(("alias", "of", "points to", "since (UTC)", "by", "*why"), rows))
        else:
            say("no alias points to anything: set one with `trimaran alias NAME vN`")
        return
    if (version is None) != remove:
        what = "both a version and --remove are given" if remove else f"{name!r} shall point to nothing that was named"
        raise InputError(
            "alias", [Fault(what=what, remedy="write `trimaran alias NAME vN`, or `trimaran alias NAME --remove`")]
        )
    if version is not None:
        ref = set_alias(opened, name, version, product=product, reason=reason)
        words = f"{ref.subject} points to {version}"
    else:
        line, bare = line_meant(opened, name, product)
        ref = unpoint(opened.ledger, line, bare, reason)
        words = f"{ref.subject} points to nothing any more"
    if json:
        print_json(ref)
    else:
        say(f"{words} (entry {ref.seq})")
