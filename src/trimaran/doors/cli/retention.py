"""trimaran retention: what the rules of trimaran.toml would take; with --yes they take it now."""

from __future__ import annotations

from typing import Annotated

import typer

from trimaran.app.dues import Due
from trimaran.app.erasing import definition_of
from trimaran.app.progress import progress
from trimaran.app.retaining import foretell, retain
from trimaran.app.settings import SETTINGS, read_settings
from trimaran.app.workspace import only_product
from trimaran.control.words import size
from trimaran.core.config import default_person
from trimaran.doors.cli.options import JsonOption, ProductOption, WorkspaceOption, open_workspace
from trimaran.doors.cli.output import print_json, say, table

app = typer.Typer(add_completion=False)
_FEW = 5
_COUNTED = ("predictions", "labels", "facts", "results", "objects")


@app.command()
def retention(
    product: ProductOption = None,
    workspace: WorkspaceOption = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only say what would be done.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also versions of tables that runs were trained on; it says what that ends.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show what each retention rule would take now; a dry run unless --yes is given."""
    opened = open_workspace(workspace, actor=default_person())
    known = product is not None or opened.products()
    definition = definition_of(opened, only_product(opened, product)) if known else None
    with progress() as shown:
        found = (retain if yes else foretell)(opened, definition, shown, force=force)
    if json:
        print_json(found)
        return
    rules = read_settings(opened.root).retention
    if not found:
        say(f'no rule is set: write a section [retention] in {opened.root / SETTINGS}, like versions = "keep 20"')
        return
    print_due(found, done=yes)
    say(
        "a workspace that is up applies them once a day"
        if rules.apply
        else "nobody applies them but you: apply = true lets a workspace that is up"
    )


def print_due(found: list[Due], *, done: bool) -> None:
    """Print what each rule takes, and what it spares and why."""
    rows = []
    for one in found:
        counts = [f"{count:,} {name}" for name, count in one.rows.items() if name in _COUNTED]
        takes = [*([f"{len(one.things):,}: {_few(one.things)}"] if one.things else []), *counts]
        spared = [f"{name}: {'; '.join(words)}" for name, words in one.spared.items()]
        freed = size(one.freed) if one.freed else "-"
        rows.append((one.store, one.rule, ", ".join(takes) or "nothing", freed, "\n".join(spared[:_FEW]) or "-"))
    say(table(("what", "rule", "*took" if done else "*would take", ">gives back", "*spares"), rows))
    if total := sum(one.freed for one in found):
        say(f"{'returned' if done else 'would return'} {size(total)} in all")
    for line in [words for one in found for words in one.breaks]:
        say(line)
    if not done and any(one.freed and one.refs for one in found):
        say("versions and runs go into the trash, whole and restorable; their space comes back when it is purged")


def _few(names: list[str]) -> str:
    return ", ".join(names[:_FEW]) + (f" and {len(names) - _FEW:,} more" if len(names) > _FEW else "")
