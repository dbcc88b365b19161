"""trimaran compact: the small files of tables merged into fewer, as a workspace that is up does where they are many."""

from __future__ import annotations

from typing import Annotated

import typer

from trimaran.app.erasing import definition_of
from trimaran.app.progress import progress
from trimaran.app.vacuuming import Merged, merge_small
from trimaran.app.workspace import only_product
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)


@app.command()
def compact(
    product: ProductOption = None,
    workspace: WorkspaceOption = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the small files.")] = False,
    json: JsonOption = False,
) -> None:
    """Merge the small files of each table, so that it is read faster; every older version stays readable."""
    opened = open_workspace(workspace)
    definition = definition_of(opened, only_product(opened, product))
    with progress() as shown:
        found = merge_small(opened, definition, shown, dry=dry_run)
    if json:
        print_json(found)
        return
    say(table(("table", ">small files", ">left", ">in version"), [_line(one) for one in found]))
    if any(one.version is not None for one in found):
        say('what only older versions need stays until a rule lets it go: tables = "keep 20" below [retention]')


def _line(one: Merged) -> tuple[str, ...]:
    return one.table, f"{one.small:,}", *("-" if part is None else f"{part:,}" for part in (one.left, one.version))
